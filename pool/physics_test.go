package pool_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// totals adds up what a pool says of itself while it is in a steady state.
type totals struct {
	pool.NopObserver
	counting                atomic.Bool
	acquires, queries       atomic.Int64
	waitNanos, serviceNanos atomic.Int64
}

func (o *totals) Acquired(_ time.Time, wait time.Duration, _ error) {
	if o.counting.Load() {
		o.acquires.Add(1)
		o.waitNanos.Add(int64(wait))
	}
}

func (o *totals) Queried(_ time.Time, took time.Duration, _ error) {
	if o.counting.Load() {
		o.queries.Add(1)
		o.serviceNanos.Add(int64(took))
	}
}

// In a closed loop of N users without think time on m connections, whatever
// the machine: throughput is min(m, N)/S, and by Little's law the mean wait is
// N/X - S, S being the measured time of a query.
func TestThroughputAndWaitFollowLittle(t *testing.T) {
	const users = 100
	for _, m := range []int{5, 20, 60, 100, 150} {
		t.Run(fmt.Sprintf("%d connections", m), func(t *testing.T) {
			h := newPool(t, m, 0, func(c *pool.Config) {
				c.PoolTimeout = time.Minute
				c.PoolPrePing = false // its round trip is in the wait
			})
			var seen totals
			measured := closedLoop(t, h, users, &seen)
			service := float64(seen.serviceNanos.Load()) / float64(seen.queries.Load()) / 1e9
			wait := float64(seen.waitNanos.Load()) / float64(seen.acquires.Load()) / 1e9
			throughput := float64(seen.queries.Load()) / measured.Seconds()

			busy := float64(min(m, users))
			require.InEpsilon(t, busy/service, throughput, 0.05, "throughput against min(m, N)/S")
			expected := users/throughput - service
			require.InDelta(t, expected, wait, 0.05*max(expected, service), "mean wait against N/X - S")
			require.LessOrEqual(t, h.Stat().PeakActive, m)
		})
	}
}

// closedLoop runs the users, lets the pool fill, and counts for a while.
func closedLoop(t *testing.T, h *harness, users int, seen *totals) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range users {
		wg.Go(func() {
			s := pool.NewScope(ctx, seen)
			for ctx.Err() == nil {
				// Long enough that a busy machine's few milliseconds between two
				// queries, which the formula knows nothing of, stay below 5 %.
				if _, err := h.Query(s, "SELECT pg_sleep(0.05)", nil); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	require.Eventually(t, func() bool { return h.Stat().Total == min(h.Config().PoolSize, users) }, 20*time.Second, 10*time.Millisecond)
	time.Sleep(1200 * time.Millisecond) // everybody has queued once: 100 users, 5 connections, 50 ms
	start := time.Now()
	seen.counting.Store(true)
	time.Sleep(3 * time.Second)
	seen.counting.Store(false)
	measured := time.Since(start)
	cancel()
	wg.Wait()
	return measured
}
