package pool_test

import (
	"context"
	"fmt"
	"math"
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

// closedLoop is what N users without think time did on m connections.
type closedLoop struct {
	users, connections        int
	service, wait, throughput float64 // seconds, seconds, 1 per second
}

// deviation is how far they are from the laws, whatever the machine: throughput
// is min(m, N)/S, and by Little's law the mean wait is N/X - S, S being the
// measured time of a query. Both are shares, the wait's of the longer of wait
// and S.
func (l closedLoop) deviation() (throughput, wait float64) {
	users := float64(l.users)
	ideal := min(float64(l.connections), users) / l.service
	expected := users/l.throughput - l.service
	return math.Abs(l.throughput/ideal - 1), math.Abs(l.wait-expected) / max(expected, l.service)
}

func TestThroughputAndWaitFollowLittle(t *testing.T) {
	const users, tolerance, fast = 100, 0.05, 50 * time.Millisecond
	for _, m := range []int{5, 20, 60, 100, 150} {
		t.Run(fmt.Sprintf("%d connections", m), func(t *testing.T) {
			h := newPool(t, m, 0, func(c *pool.Config) {
				c.PoolTimeout = time.Minute
				c.PoolPrePing = false // its round trip is in the wait
			})
			// Of the machine's own time between two queries the laws know nothing.
			// On a busy one it is sometimes several milliseconds, which weigh less
			// where a query takes longer; what a pool does wrong, it does every time.
			var throughput, wait float64
			for _, query := range []time.Duration{fast, fast, fast, 2 * fast, 2 * fast} {
				throughput, wait = runClosedLoop(t, h, users, query).deviation()
				if throughput <= tolerance && wait <= tolerance {
					break
				}
				t.Logf("queries of %v: throughput is off by %.3f, wait by %.3f", query, throughput, wait)
			}
			require.LessOrEqual(t, throughput, tolerance, "throughput against min(m, N)/S")
			require.LessOrEqual(t, wait, tolerance, "mean wait against N/X - S")
			require.LessOrEqual(t, h.Stat().PeakActive, m)
		})
	}
}

// runClosedLoop runs the users, lets the pool fill, and counts for a while.
func runClosedLoop(t *testing.T, h *harness, users int, query time.Duration) closedLoop {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	connections := h.Config().PoolSize
	sql := fmt.Sprintf("SELECT pg_sleep(%g)", query.Seconds())
	var seen totals
	var wg sync.WaitGroup
	for range users {
		wg.Go(func() {
			s := pool.NewScope(ctx, &seen)
			for ctx.Err() == nil {
				if _, err := h.Query(s, sql, nil); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	require.Eventually(t, func() bool { return h.Stat().Total == min(connections, users) }, time.Minute, 10*time.Millisecond)
	// Everybody has queued once: 100 users on 5 connections are 20 queries.
	time.Sleep(time.Duration(users/connections+4) * query)
	start := time.Now()
	seen.counting.Store(true)
	time.Sleep(60 * query)
	seen.counting.Store(false)
	measured := time.Since(start)
	cancel()
	wg.Wait()
	return closedLoop{
		users: users, connections: connections,
		service:    float64(seen.serviceNanos.Load()) / float64(seen.queries.Load()) / 1e9,
		wait:       float64(seen.waitNanos.Load()) / float64(seen.acquires.Load()) / 1e9,
		throughput: float64(seen.queries.Load()) / measured.Seconds(),
	}
}
