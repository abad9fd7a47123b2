package pool_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
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

// The ceiling is the server's count, at every moment, whatever is cut off or
// killed meanwhile.
func TestServerNeverHoldsMoreThanTheCeiling(t *testing.T) {
	const size, overflow = 3, 3
	h := newPool(t, size, overflow, func(c *pool.Config) {
		c.PoolTimeout = 200 * time.Millisecond
		c.StatementTimeout = 40 * time.Millisecond
	})
	end, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			for end.Err() == nil {
				ctx, cancel := context.WithTimeout(end, time.Duration(1+rand.IntN(60))*time.Millisecond)
				// Whether it succeeds, times out or is cut off is all the same here.
				_, _ = h.Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT pg_sleep(random() * 0.06)", nil)
				cancel()
			}
		})
	}
	admin := pgtest.Conn(t, h.url)
	most := 0
	for n := 0; end.Err() == nil; n++ {
		var open int
		err := admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, h.app).Scan(&open)
		require.NoError(t, err)
		most = max(most, open)
		if n%50 == 49 {
			_, err = admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 LIMIT 1`, h.app)
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	wg.Wait()
	require.LessOrEqual(t, most, size+overflow)
	require.Greater(t, most, size, "the load reached into the overflow")
	require.Eventually(t, func() bool { s := h.Stat(); return s.Active == 0 && s.Waiting == 0 && s.Total == s.Idle }, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, h.Stat().Total, h.backends())
	h.acquire().Release()
}
