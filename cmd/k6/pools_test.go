//go:build unix

package main_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// Four pools of 3 make users wait who would not in one of 12, by as much as the
// queueing network says.
func TestFourPoolsWaitAsTheModelSays(t *testing.T) {
	t.Parallel()
	const users, places = 24, 12
	database := pgtest.Database(t)
	var waited [5]float64 // by the number of pools; the runs are of sleeping users and do not disturb each other
	t.Run("runs", func(t *testing.T) {
		for _, pools := range []int{1, 4} {
			t.Run(fmt.Sprint(pools), func(t *testing.T) {
				t.Parallel()
				for attempt := 1; ; attempt++ { // again where the machine stopped for a while
					r := scenario(t, "100users.js", "DATABASE_URL="+database, fmt.Sprintf("POOLS=%d", pools), fmt.Sprintf("DB_POOL_SIZE=%d", places/pools),
						"DB_MAX_OVERFLOW=0", fmt.Sprintf("CONCURRENT=%d", users), "THINK=0.2", "HOLD=0.2", "DURATION=20", "INTERVAL=0", "GATE=fail",
						"WAIVE="+k6test.Noisy+",active_connections,overflow_time")
					report := reportOf(t, r)
					metrics := report.Metrics
					hold := time.Duration(metrics["pgxpool_use_duration"].Values["avg"] * float64(time.Millisecond))
					waited[pools] = metrics["pgxpool_acquire_duration"].Values["avg"]
					// What a user does between two requests is not only to think: the
					// machine takes its time too.
					cycle := users / *report.Overview.RequestsPerSecond * float64(time.Second)
					think := time.Duration(cycle-waited[pools]*float64(time.Millisecond)) - hold
					require.Greater(t, think, 150*time.Millisecond)
					model, err := sizing.ClosedLoop{
						Users: users, Think: think, Hold: hold, Pools: pools, Connections: places / pools, PoolTimeout: 30 * time.Second,
					}.Solve()
					require.NoError(t, err)
					expected := float64(model.MeanWait()) / float64(time.Millisecond)
					t.Logf("%d pools: waited %.1f ms, model %.1f ms, held %v, between requests %v", pools, waited[pools], expected, hold, think)
					// Of how late a busy machine wakes whoever waits the model knows
					// nothing: the holds, of 200 ms, show it.
					late := max(0, hold-200*time.Millisecond) / 2
					if within := 0.1*expected + 5 + late.Seconds()*1000; attempt > 1 || math.Abs(expected-waited[pools]) <= within {
						require.InDelta(t, expected, waited[pools], within, r.Output())
						if pools > 1 {
							require.Regexp(t, `4 pools, balanced by random: the fullest, pool-\d, had at most 3 of 3 \+ 0 connections in use`, r.File(t, "results/summary.md"))
						}
						break
					}
				}
			})
		}
	})
	require.Greater(t, waited[4], 1.5*waited[1], "what several pools cost")
}

func TestPoolsRefuseAnUnknownBalance(t *testing.T) {
	t.Parallel()
	r := scenario(t, "100users.js", "POOLS=2", "BALANCE=fair")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Output(), `BALANCE: \"fair\" is not accepted; use one of random, round-robin, least`)
}

// A scenario whose subject is one pool says which ones take several, and an
// application has its own.
func TestPoolsAreRefusedWhereOneIsTheSubject(t *testing.T) {
	t.Parallel()
	r := scenario(t, "leak.js", "POOLS=2")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Output(), "one pool is the subject of this scenario; use POOLS with 100users.js, soak.js, exhaustion.js, "+
		"before-after.js, capacity.js, tune.js or own.js")
	r = scenario(t, "capacity.js", "POOLS=2", "BASE_URL=http://127.0.0.1:1")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Output(), "POOLS and BASE_URL are both set: an application has pools of its own")
}

// Without the address the database would be loaded in the application's place.
func TestAnEndpointNeedsAnApplication(t *testing.T) {
	t.Parallel()
	r := scenario(t, "100users.js", "ENDPOINT=/api/reports")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Output(), "-e ENDPOINT: it has no effect without BASE_URL; use both, or neither")
}

// Pools that are as busy as each other are used in turn: with two users there are
// always several, and the first of them alone would leave the third pool unused.
func TestPoolsAreUsedEvenly(t *testing.T) {
	t.Parallel()
	const pools = 3
	shares := regexp.MustCompile(`The busiest served (\d+\.\d+) times its equal share of (\d+) checkouts`)
	for _, balance := range []string{"round-robin", "least"} {
		r := scenario(t, "100users.js", fmt.Sprintf("POOLS=%d", pools), "BALANCE="+balance, "CONCURRENT=2", "DURATION=3", "THINK=0.02", "HOLD=0.01",
			"GATE=fail", "INTERVAL=0")
		found := shares.FindStringSubmatch(r.File(t, "results/summary.md"))
		require.Len(t, found, 3, r.Output())
		share, err := strconv.ParseFloat(found[1], 64)
		require.NoError(t, err)
		checkouts, err := strconv.ParseFloat(found[2], 64)
		require.NoError(t, err)
		t.Logf("%s: %s", balance, found[0])
		// Three standard deviations of what a fair draw gives one of the pools; a
		// turn is fairer than that.
		require.Less(t, share, 1+3*math.Sqrt((pools-1)/checkouts), "%s: %s", balance, found[0])
	}
}
