package pool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestInterruptedStatementIsCancelledAndItsConnectionLives(t *testing.T) {
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
