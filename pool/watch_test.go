package pool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestInterruptedStatementIsCanceledAndItsConnectionLives(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	c := h.acquire()
	pid := c.PID()
	c.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := h.Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT pg_sleep(30)", nil)
	require.ErrorIs(t, err, pool.ErrInterrupted)
	require.Less(t, time.Since(start), 10*time.Second)
	h.levels(0, 1, 1)
	c = h.acquire()
	require.Equal(t, pid, c.PID(), "the backend survives")
	_, err = c.Query(h.scope(), "SELECT pg_sleep(0.2)", nil)
	require.NoError(t, err, "no late cancel request hits the next statement")
	c.Release()
}

func TestInterruptedCallsAreNotObserved(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	h.acquire().Release()
	var seen totals
	seen.counting.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := h.Query(pool.NewScope(ctx, &seen), "SELECT pg_sleep(30)", nil)
	require.ErrorIs(t, err, pool.ErrInterrupted)
	require.EqualValues(t, 1, seen.acquires.Load())
	require.Zero(t, seen.queries.Load())
	_, err = h.Query(pool.NewScope(ctx, &seen), "SELECT 1", nil)
	require.ErrorIs(t, err, pool.ErrInterrupted)
	require.Zero(t, seen.queries.Load())
	h.levels(0, 1, 1)
}

// fakeWatch answers for the server.
type fakeWatch struct {
	working []bool // one answer after the other
	asked   []uint32
}

func (w *fakeWatch) Working(_ context.Context, pid uint32, age time.Duration) bool {
	w.asked = append(w.asked, pid)
	if age <= 0 || len(w.asked) > len(w.working) {
		return false
	}
	return w.working[len(w.asked)-1]
}

func (w *fakeWatch) Connected() bool { return true }

// A silent statement is given up when the server does not work on it, and not
// before.
func TestASilentStatementIsAskedAbout(t *testing.T) {
	t.Parallel()
	wire := faultstest.New(t, serverURL(t), faultstest.HalfOpen())
	config := pool.DefaultConfig()
	config.URL, config.PoolSize, config.MaxOverflow = wire.URL(), 2, 0
	config.StatementTimeout, config.ConnectTimeout = 100*time.Millisecond, 200*time.Millisecond
	watch := &fakeWatch{working: []bool{true, true, false}}
	p, err := pool.New(config, pool.Options{Watch: watch})
	require.NoError(t, err)
	defer p.Shutdown(t.Context())
	acquire := func(s *pool.Scope) (c *pool.Conn) {
		require.Eventually(t, func() (connected bool) { // on a busy machine not always within 200 ms
			c, err = p.Acquire(s, nil)
			return err == nil
		}, machine, time.Millisecond)
		return c
	}
	c := acquire(pool.NewScope(t.Context(), pool.NopObserver{}))
	defer c.Release()
	timed := pool.NewScope(t.Context(), pool.NopObserver{})
	bounded := acquire(timed)
	defer bounded.Release()
	timed.Limits.Timeout = time.Millisecond
	wire.Begin(faultstest.HalfOpen())
	overdue := make(chan error, 1)
	go func() {
		_, err := bounded.Query(timed, "SELECT 1", nil)
		overdue <- err
	}()
	start := time.Now()
	_, err = c.Query(pool.NewScope(t.Context(), pool.NopObserver{}), "SELECT 1", nil)
	var lost *pool.ConnectionLostError
	require.ErrorAs(t, err, &lost)
	require.GreaterOrEqual(t, time.Since(start), 3*(config.StatementTimeout+config.ConnectTimeout))
	require.Equal(t, []uint32{c.PID(), c.PID(), c.PID()}, watch.asked)
	require.ErrorContains(t, err, "the server did not answer for 300ms (statementTimeout + connectTimeout)")

	err = <-overdue // about which nobody was asked
	require.ErrorAs(t, err, &lost)
	require.ErrorContains(t, err, "the call's timeout, given to with(), was over, and the server did not end the statement")
	wire.End()
}
