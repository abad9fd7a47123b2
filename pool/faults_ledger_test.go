package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// fate is what the caller was told of a piece of work.
type fate int

const (
	committed fate = iota
	failed
	unknown
)

// fateOf reads an error as a user would who does what it says.
func fateOf(err error) fate {
	var lost *pool.ConnectionLostError
	switch {
	case err == nil:
		return committed
	case !errors.As(err, &lost):
		return failed
	case lost.Outcome == pool.OutcomeUnknown || lost.Outcome == pool.OutcomeCommitUnknown:
		return unknown
	default:
		return failed
	}
}

// ledger is what all users were told, by the number of the work.
type ledger struct {
	mu    sync.Mutex
	fates map[int]fate
	cut   int // results that broke in the middle
}

func (l *ledger) enter(id int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates[id] = fateOf(err)
}

// least is how often the rarest fate was told.
func (l *ledger) least() int { return min(l.count(committed), l.count(failed), l.count(unknown)) }

func (l *ledger) count(f fate) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, told := range l.fates {
		if told == f {
			n++
		}
	}
	return n
}

// What a caller saw committed is there, once; what it saw failed is not; what
// it could not know is called unknown. Whatever happens to the wire meanwhile.
func TestLedgerUnderFaults(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 5, 5, faultstest.Fault{}, func(c *pool.Config) {
		c.ConnectTimeout, c.StatementTimeout = time.Second, 300*time.Millisecond
		c.PoolTimeout = 500 * time.Millisecond
	})
	admin := pgtest.Conn(t, f.url)
	_, err := admin.Exec(t.Context(), "CREATE TABLE ledger (id int, part int)")
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "DROP TABLE ledger") })

	book := &ledger{fates: map[int]fate{}}
	end, stop := context.WithCancel(t.Context())
	defer stop()
	var users sync.WaitGroup
	for user := range 20 {
		users.Go(func() {
			for n := 0; end.Err() == nil; n++ {
				f.work(book, user*1_000_000+n)
			}
		})
	}
	for n := 0; n < 3 || n < 30 && book.least() < 5; n++ {
		for _, fault := range []faultstest.Fault{
			faultstest.Mute(), faultstest.Reset(), faultstest.Latency(20 * time.Millisecond), faultstest.HalfOpen(), faultstest.Refused(),
			faultstest.Bandwidth(50), faultstest.SlowClose(50 * time.Millisecond),
		} {
			time.Sleep(time.Duration(50+rand.IntN(50)) * time.Millisecond)
			f.wire.Begin(fault)
			time.Sleep(time.Duration(50+rand.IntN(50)) * time.Millisecond)
			f.wire.End()
		}
	}
	stop()
	users.Wait()
	f.recovers(10)
	f.settled()
	book.mustAgree(t, f)
	t.Logf("%d committed, %d failed, %d unknown, %d results broken", book.count(committed), book.count(failed), book.count(unknown), book.cut)
	require.Positive(t, book.least())
}

// work is one of three things a user does with the table, and to read from it.
func (f *faulty) work(book *ledger, id int) {
	switch id % 4 {
	case 0:
		_, err := f.Exec(f.scope(), fmt.Sprintf("INSERT INTO ledger VALUES (%d, 1), (%d, 2)", id, id), nil)
		book.enter(id, err)
	case 1:
		f.read(book)
	default:
		book.enter(id, f.transact(id, id%4 == 2))
	}
}

// transact is what transaction(fn) does; with early BEGIN is sent before the first
// statement, and not together with it.
func (f *faulty) transact(id int, early bool) error {
	c, err := f.Acquire(f.scope(), nil)
	if err != nil {
		return err
	}
	defer c.Release()
	if early {
		err = c.Begin(f.scope())
	} else {
		_, err = c.Transaction(f.scope(), pool.TransactionOptions{}, 0)
	}
	if err != nil {
		return err
	}
	for part := 1; part <= 2; part++ {
		if _, err := c.Exec(f.scope(), "INSERT INTO ledger VALUES ($1, $2)", []any{id, part}); err != nil {
			return err
		}
	}
	return c.Commit(f.scope())
}

// read wants all rows in their order, or an error.
func (f *faulty) read(book *ledger) {
	const rows = 500
	res, err := f.Query(f.scope(), "SELECT n::text FROM generate_series(1, $1) n", []any{rows})
	if err != nil {
		book.mu.Lock()
		book.cut++
		book.mu.Unlock()
		return
	}
	right := res.Len() == rows
	for i := 0; i < rows && right; i++ {
		right = string(res.Value(i, 0)) == fmt.Sprint(i+1)
	}
	if !right {
		f.t.Errorf("a result of %d rows is not the %d in their order", res.Len(), rows)
	}
}

// settled waits until the server has nothing of ours in the works.
func (f *faulty) settled() {
	f.t.Helper()
	admin := pgtest.Conn(f.t, f.url)
	require.Eventually(f.t, func() bool {
		var n int
		row := admin.QueryRow(f.t.Context(),
			"SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'", f.app)
		return row.Scan(&n) == nil && n == 0
	}, machine, 10*time.Millisecond)
}

// mustAgree compares what is there with what was told.
func (l *ledger) mustAgree(t *testing.T, f *faulty) {
	t.Helper()
	rows, err := pgtest.Conn(t, f.url).Query(t.Context(), "SELECT id, array_agg(part ORDER BY part) FROM ledger GROUP BY id")
	require.NoError(t, err)
	defer rows.Close()
	there := map[int]bool{}
	for rows.Next() {
		var id int
		var parts []int32
		require.NoError(t, rows.Scan(&id, &parts))
		require.Equal(t, []int32{1, 2}, parts, "each part of %d once", id)
		there[id] = true
	}
	require.NoError(t, rows.Err())
	for id, told := range l.fates {
		switch told {
		case committed:
			require.True(t, there[id], "%d was committed and is not there", id)
		case failed:
			require.False(t, there[id], "%d failed and is there", id)
		case unknown:
		}
		delete(there, id)
	}
	require.Empty(t, there, "nobody was told of these")
}
