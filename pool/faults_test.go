package pool_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// The limits of the pools below, and what else their calls may wait for: a
// server that does not end its side of a connection gets closeGrace to do so.
const (
	faultyConnectTimeout   = 3 * time.Second
	faultyStatementTimeout = time.Second
	closeGrace             = 2 * time.Second
	// machine is what a busy computer may take; nothing here waits that long.
	machine = 20 * time.Second
	// recovery is how soon after the end of a fault the pool has to work, beyond
	// what a pool without a past needs at the same time.
	recovery = 2 * time.Second
)

// faulty is a pool whose wire can be made to fail.
type faulty struct {
	*harness
	wire *faultstest.Proxy
}

func newFaulty(t *testing.T, size, overflow int, fault faultstest.Fault, change func(*pool.Config)) *faulty {
	t.Helper()
	direct := serverURL(t)
	wire := faultstest.New(t, direct, fault)
	h := newPool(t, size, overflow, func(c *pool.Config) {
		c.URL = wire.URL()
		c.ConnectTimeout, c.StatementTimeout, c.PoolTimeout = faultyConnectTimeout, faultyStatementTimeout, machine
		if change != nil {
			change(c)
		}
	})
	h.url = direct // the server's side is looked at past the fault
	return &faulty{h, wire}
}

// recovers ends the fault and wants every checkout to succeed soon.
func (f *faulty) recovers(users int) {
	f.t.Helper()
	f.wire.End()
	start := time.Now()
	for err := f.allWork(users); err != nil; err = f.allWork(users) {
		require.Less(f.t, time.Since(start), machine, "%v", err)
		time.Sleep(20 * time.Millisecond)
	}
	took := time.Since(start)
	require.NoError(f.t, f.allWork(users), "it stays well")

	start = time.Now()
	require.NoError(f.t, newPool(f.t, users, 0, nil).allWork(users))
	require.Less(f.t, took, recovery+3*time.Since(start))
}

// allWork has so many users hold a connection at the same time.
func (h *harness) allWork(users int) error {
	errs := make([]error, users)
	var wg, holding sync.WaitGroup
	holding.Add(users)
	for i := range errs {
		wg.Go(func() {
			c, err := h.Acquire(h.scope(), nil)
			holding.Done()
			if err == nil {
				holding.Wait()
				_, err = c.Query(h.scope(), "SELECT 1", nil)
				c.Release()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// moment is what a pool does when the wire fails under it.
type moment struct {
	name  string
	limit time.Duration // of what the configured limits allow
	run   func(f *faulty, fault faultstest.Fault) error
}

var moments = []moment{
	{"connect", faultyConnectTimeout, func(f *faulty, fault faultstest.Fault) error {
		f.wire.Begin(fault)
		return f.checkout()
	}},
	{"checkout", 2*faultyConnectTimeout + closeGrace, func(f *faulty, fault faultstest.Fault) error {
		f.acquire().Release()
		f.wire.Begin(fault)
		return f.checkout()
	}},
	{"query", faultyStatementTimeout + faultyConnectTimeout + 2*closeGrace, func(f *faulty, fault faultstest.Fault) error {
		f.acquire().Release()
		done := make(chan error, 1)
		active := f.watchActive()
		go func() {
			_, err := f.Query(f.scope(), "SELECT repeat('x', 30000), pg_sleep(0.5)", nil)
			done <- err
		}()
		require.Eventually(f.t, func() bool { return active() == 1 }, machine, 5*time.Millisecond)
		f.wire.Begin(fault)
		return <-done
	}},
	{"slow query", faultyStatementTimeout + faultyConnectTimeout + 2*closeGrace, func(f *faulty, fault faultstest.Fault) error {
		c := f.acquire()
		defer c.Release()
		f.wire.Begin(fault)
		_, err := c.Query(f.scope(), "SELECT pg_sleep(600)", nil)
		return err
	}},
	{"transaction", faultyStatementTimeout + faultyConnectTimeout + 2*closeGrace, func(f *faulty, fault faultstest.Fault) error {
		c := f.begun()
		defer c.Release()
		f.wire.Begin(fault)
		_, err := c.Exec(f.scope(), "SELECT 1", nil)
		return err
	}},
	{"commit", faultyStatementTimeout + faultyConnectTimeout + 2*closeGrace, func(f *faulty, fault faultstest.Fault) error {
		c := f.begun()
		defer c.Release()
		f.wire.Begin(fault)
		return c.Commit(f.scope())
	}},
	{"return", faultyConnectTimeout + closeGrace, func(f *faulty, fault faultstest.Fault) error {
		c := f.begun()
		f.wire.Begin(fault)
		c.Release()
		return nil
	}},
	{"discard", closeGrace, func(f *faulty, fault faultstest.Fault) error {
		c, overflow := f.acquire(), f.acquire()
		c.Release()
		f.wire.Begin(fault)
		overflow.Release()
		return nil
	}},
}

func (f *faulty) checkout() error {
	c, err := f.Acquire(f.scope(), nil)
	if err == nil {
		c.Release()
	}
	return err
}

func (f *faulty) begun() *pool.Conn {
	c := f.acquire()
	require.NoError(f.t, c.Begin(f.scope()))
	_, err := c.Exec(f.scope(), "SELECT 1", nil)
	require.NoError(f.t, err)
	return c
}

// watchActive gives a count of the pool's backends that run a statement.
func (f *faulty) watchActive() func() int {
	f.t.Helper()
	admin := pgtest.Conn(f.t, f.url)
	return func() (n int) {
		row := admin.QueryRow(f.t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE application_name = $1 AND state = 'active' AND query LIKE '%pg_sleep%'`, f.app)
		if row.Scan(&n) != nil {
			return -1
		}
		return n
	}
}

// What an error is to its user: its name, with what is known of the outcome.
const (
	fine           = ""
	connectFailed  = "ConnectError"
	statementEnded = "QueryError 57014"
	lostUnknown    = "ConnectionLostError, whether it took effect is unknown"
	lostCommit     = "ConnectionLostError, whether the transaction was committed is unknown"
	lostRolledBack = "ConnectionLostError, its transaction is rolled back"
	lostNotSent    = "ConnectionLostError, not sent"
)

func nameOf(err error) string {
	var connect *pool.ConnectError
	var timeout *pool.TimeoutError
	var query *pool.QueryError
	var lost *pool.ConnectionLostError
	switch {
	case err == nil:
		return fine
	case errors.As(err, &connect):
		return connectFailed
	case errors.As(err, &timeout):
		return "PoolTimeoutError"
	case errors.As(err, &query):
		return "QueryError " + query.Code
	case errors.As(err, &lost):
		return map[pool.Outcome]string{
			pool.OutcomeUnknown: lostUnknown, pool.OutcomeCommitUnknown: lostCommit, pool.OutcomeRolledBack: lostRolledBack,
			pool.OutcomeNotSent: lostNotSent,
		}[lost.Outcome]
	default:
		return err.Error()
	}
}

// Whatever happens to the wire, whenever: the right error within the limits,
// and a pool that works when it is over.
func TestFaultsOnTheWire(t *testing.T) {
	//                                             connect  checkout  query  slow query  transaction  commit  return  discard
	for fault, want := range map[*faultstest.Fault][8]string{
		of(faultstest.Latency(40 * time.Millisecond)):    {fine, fine, fine, statementEnded, fine, fine, fine, fine},
		of(faultstest.Latency(1200 * time.Millisecond)):  {connectFailed, fine, fine, statementEnded, fine, fine, fine, fine},
		of(faultstest.Bandwidth(5)):                      {fine, fine, fine, statementEnded, fine, fine, fine, fine},
		of(faultstest.Reset()):                           {connectFailed, connectFailed, lostUnknown, lostUnknown, lostRolledBack, lostCommit, fine, fine},
		of(faultstest.HalfOpen()):                        {connectFailed, connectFailed, lostUnknown, lostUnknown, lostRolledBack, lostCommit, fine, fine},
		of(faultstest.SlowClose(300 * time.Millisecond)): {fine, fine, fine, statementEnded, fine, fine, fine, fine},
		of(faultstest.Refused()):                         {connectFailed, connectFailed, lostUnknown, lostUnknown, lostRolledBack, lostCommit, fine, fine},
	} {
		for i, m := range moments {
			t.Run(fmt.Sprintf("%s/%s", fault, m.name), func(t *testing.T) {
				t.Parallel()
				f := newFaulty(t, 1, 1, *fault, nil)
				start := time.Now()
				err := m.run(f, *fault)
				took := time.Since(start)
				require.Equal(t, want[i], nameOf(err), "%v", err)
				require.Less(t, took, m.limit+machine)
				if err != nil {
					require.NotContains(t, err.Error(), "\n")
				}
				f.recovers(2)
				require.Zero(t, f.Stat().Active)
			})
		}
	}
}

func of(f faultstest.Fault) *faultstest.Fault { return &f }
