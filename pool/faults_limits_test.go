package pool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// fill checks so many connections out and gives them back, which makes them
// idle.
func (f *faulty) fill(n int) {
	f.t.Helper()
	conns := make([]*pool.Conn, n)
	for i := range conns {
		conns[i] = f.acquire()
	}
	for _, c := range conns {
		c.Release()
	}
}

// A caller replaces the connection it got and leaves the others to theirs: it
// waits for one ping, one close and one connect.
func TestSilentConnectionsAreReplacedOneByOne(t *testing.T) {
	t.Parallel()
	const idle = 12
	f := newFaulty(t, idle, 0, faultstest.HalfOpen(), nil)
	f.fill(idle)
	f.wire.Begin(faultstest.HalfOpen())
	start := time.Now()
	err := f.checkout()
	took := time.Since(start)
	require.Equal(t, connectFailed, nameOf(err), "%v", err)
	require.Less(t, took, 2*faultyConnectTimeout+closeGrace+machine)
	require.Equal(t, idle-1, f.Stat().Total)
	require.EqualValues(t, 1, f.Stat().Lost, "one was found dead")
	require.Zero(t, f.Stat().Recycled)
	f.recovers(idle)
	require.EqualValues(t, idle-1, f.Stat().Recycled, "the others were replaced on suspicion")
}

// Who waits for a place waits no longer than poolTimeout, whatever those do
// who have one.
func TestPoolTimeoutHoldsWhileOthersAreStuck(t *testing.T) {
	t.Parallel()
	const poolTimeout = 200 * time.Millisecond
	f := newFaulty(t, 1, 0, faultstest.HalfOpen(), func(c *pool.Config) {
		c.PoolTimeout, c.ConnectTimeout = poolTimeout, machine
	})
	c := f.begun()
	f.wire.Begin(faultstest.HalfOpen())
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		c.Release() // tries to roll back
	}()
	var timeout *pool.TimeoutError
	require.ErrorAs(t, f.checkout(), &timeout)
	require.GreaterOrEqual(t, timeout.Waited, poolTimeout)
	require.Less(t, timeout.Waited, machine)
	f.wire.End()
	<-returned
	f.recovers(1)
}

// k6 cuts an iteration off whose server has fallen silent, and which has no
// statementTimeout to end it.
func TestInterruptionEndsAStatementOnASilentWire(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 1, 0, faultstest.HalfOpen(), func(c *pool.Config) { c.StatementTimeout = 0 })
	c := f.acquire()
	f.wire.Begin(faultstest.HalfOpen())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT 1", nil)
	require.ErrorIs(t, err, pool.ErrInterrupted)
	c.Release()
	require.Less(t, time.Since(start), 2*closeGrace+machine)
	require.Zero(t, f.Stat().Total)
	f.recovers(1)
}

func TestCloseAndShutdownDoNotHangOnASilentWire(t *testing.T) {
	t.Parallel()
	const idle = 5
	f := newFaulty(t, idle+2, 0, faultstest.HalfOpen(), func(c *pool.Config) { c.StatementTimeout = 0 })
	f.fill(idle + 2)
	busy, held := f.acquire(), f.acquire()
	f.wire.Begin(faultstest.HalfOpen())
	start := time.Now()
	f.Close()
	require.Less(t, time.Since(start), closeGrace+machine, "%d connections, all at once", idle)
	lost := make(chan error, 1)
	go func() {
		_, err := busy.Query(f.scope(), "SELECT 1", nil)
		lost <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start = time.Now()
	f.Shutdown(ctx)
	require.Less(t, time.Since(start), 2*closeGrace+machine)
	require.Equal(t, lostUnknown, nameOf(<-lost))
	busy.Release()
	held.Release()
}

// A cancel request has a time limit of its own: connectTimeout is over long
// before the end of most connections.
func TestInterruptionCancelsOnAConnectionOfAnyAge(t *testing.T) {
	t.Parallel()
	const connectTimeout = time.Second
	h := newPool(t, 1, 0, func(c *pool.Config) { c.ConnectTimeout = connectTimeout })
	survives := func() error {
		c := h.acquire()
		defer c.Release()
		time.Sleep(connectTimeout + 100*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := c.Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT pg_sleep(600)", nil)
		require.ErrorIs(t, err, pool.ErrInterrupted)
		_, err = c.Query(h.scope(), "SELECT 1", nil)
		return err
	}
	err := survives()
	for n := 0; err != nil && n < 2; n++ { // a busy machine takes longer than closeGrace, but not every time
		err = survives()
	}
	require.NoError(t, err, "the connection survived")
}

// A server may take statementTimeout for each statement of a text, and may be
// silent until the last.
func TestSeveralStatementsHaveTheirTimeEach(t *testing.T) {
	t.Parallel()
	h := newPool(t, 1, 0, func(c *pool.Config) {
		c.StatementTimeout, c.ConnectTimeout = 2*time.Second, 2*time.Second
	})
	_, err := h.Exec(h.scope(), "SELECT pg_sleep(1.1); SELECT pg_sleep(1.1); SELECT pg_sleep(1.1); SELECT pg_sleep(1.1)", nil)
	require.NoError(t, err)
	_, err = h.Exec(h.scope(), "SELECT pg_sleep(1.1); SELECT pg_sleep(600)", nil)
	require.Equal(t, statementEnded, nameOf(err), "%v", err)
	require.EqualValues(t, 1, h.Stat().Connects)
}

// What is known of a lost statement, where the text alone tells.
func TestOutcomeOfALostStatement(t *testing.T) {
	t.Parallel()
	const none, open = false, true
	for _, test := range []struct {
		sql         string
		transaction bool
		want        pool.Outcome
	}{
		{"INSERT INTO t VALUES (1)", none, pool.OutcomeUnknown},
		{"INSERT INTO t VALUES (1)", open, pool.OutcomeRolledBack},
		{"COMMIT", open, pool.OutcomeCommitUnknown},
		{"commit", open, pool.OutcomeUnknown},
		{"end", open, pool.OutcomeUnknown},
		{"prepare transaction 'x'", open, pool.OutcomeUnknown},
		{"rollback; insert into t values (1)", open, pool.OutcomeUnknown},
		{"rollback", open, pool.OutcomeRolledBack},
	} {
		h := newPool(t, 1, 0, nil)
		c := h.acquire()
		if test.transaction {
			require.NoError(t, c.Begin(h.scope()))
		}
		h.terminate(c.PID())
		_, err := c.Exec(h.scope(), test.sql, nil)
		var lost *pool.ConnectionLostError
		require.ErrorAs(t, err, &lost, test.sql)
		require.Equal(t, test.want, lost.Outcome, test.sql)

		// The connection is known to be gone now. What is unknown stays so: a
		// script that rolls back after it must not be told that it did.
		for range 2 {
			want := lostRolledBack
			if test.want != pool.OutcomeRolledBack {
				want = lostNotSent
			}
			_, err = c.Exec(h.scope(), "ROLLBACK", nil)
			require.Equal(t, want, nameOf(err), "after %s", test.sql)
			if test.transaction {
				require.Equal(t, want, nameOf(c.Commit(h.scope())), "after %s", test.sql)
			}
		}
		c.Release()
	}
}
