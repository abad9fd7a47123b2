//go:build unix

package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// Four pools of 3 make users wait who would not in one of 12, by as much as the
// queueing network says.
func TestFourPoolsWaitAsTheModelSays(t *testing.T) {
	const users, think, places = 24, 200 * time.Millisecond, 12
	database := pgtest.Database(t)
	waited := map[int]float64{}
	for _, pools := range []int{1, 4} {
		r := scenario(t, "100users.js", "DATABASE_URL="+database, fmt.Sprintf("POOLS=%d", pools), fmt.Sprintf("DB_POOL_SIZE=%d", places/pools),
			"DB_MAX_OVERFLOW=0", fmt.Sprintf("CONCURRENT=%d", users), "THINK=0.2", "HOLD=0.2", "DURATION=25", "INTERVAL=0", "GATE=fail",
			"WAIVE=active_connections,db_cpu,response_drift,overflow_time")
		metrics := reportOf(t, r).Metrics
		hold := time.Duration(metrics["pgxpool_use_duration"].Values["avg"] * float64(time.Millisecond))
		waited[pools] = metrics["pgxpool_acquire_duration"].Values["avg"]
		model, err := sizing.ClosedLoop{
			Users: users, Think: think, Hold: hold, Pools: pools, Connections: places / pools, PoolTimeout: 30 * time.Second,
		}.Solve()
		require.NoError(t, err)
		expected := float64(model.MeanWait()) / float64(time.Millisecond)
		t.Logf("%d pools: waited %.1f ms, model %.1f ms, held %v", pools, waited[pools], expected, hold)
		require.InDelta(t, expected, waited[pools], 0.1*expected+5, r.Output())
		if pools > 1 {
			require.Regexp(t, `4 pools, balanced by random: the fullest, pool-\d, had at most 3 of 3 \+ 0 connections in use`, r.File(t, "results/summary.md"))
		}
	}
	require.Greater(t, waited[4], 1.5*waited[1], "what several pools cost")
}

func TestPoolsRefuseAnUnknownBalance(t *testing.T) {
	t.Parallel()
	r := scenario(t, "100users.js", "POOLS=2", "BALANCE=fair")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Output(), `BALANCE is \"fair\": accepted are random, round-robin, least`)
	for _, balance := range []string{"round-robin", "least"} {
		r = scenario(t, "100users.js", "POOLS=3", "BALANCE="+balance, "CONCURRENT=6", "DURATION=2", "THINK=0.01", "HOLD=0.02", "GATE=fail", "INTERVAL=0")
		require.Regexp(t, `The busiest served 1\.[01]\d times its equal share`, r.File(t, "results/summary.md"), r.Output())
	}
}
