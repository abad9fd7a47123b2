package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// search runs a search for the capacity in a system that carries a load with
// that probability.
func search(t *testing.T, options map[string]any, random *rand.Rand, carries func(load float64) float64) (map[string]float64, []Measurement) {
	t.Helper()
	plan := planOf(t, options)
	var done []Measurement
	for {
		step, ok := plan.Next(done)
		if !ok {
			return plan.Result(done).Values, done
		}
		ms := 10.0
		if random.Float64() >= carries(float64(step.Load.Users)) {
			ms = 5000
		}
		done = append(done, Measurement{Step: step, Requests: 100, Request: times{P95: ms, Max: ms}})
	}
}

// In searches among noisy steps, of which two in a hundred fail for no reason,
// the 95 % interval holds the load that every second step carries.
func TestCapacityIntervalHoldsTheTruth(t *testing.T) {
	const searches = 150
	options := map[string]any{"plan": "capacity", "users": int64(400), "criteria": []any{fastEnough("1000")}}
	for _, noise := range []float64{0.01, 0.05, 0.15} {
		t.Run(fmt.Sprint(noise), func(t *testing.T) {
			random := rand.New(rand.NewPCG(14, uint64(noise*100)))
			held, steps, far := 0, 0, 0
			var width float64
			for range searches {
				truth := math.Exp(math.Log(5) + random.Float64()*math.Log(60)) // 5 to 300
				values, done := search(t, options, random, func(load float64) float64 {
					return 0.98 / (1 + math.Pow(load/truth, 1/noise))
				})
				if values["capacity_low"] <= truth && math.Floor(truth) <= values["capacity_high"] {
					held++
				}
				if values["capacity_users"] < truth/2 || values["capacity_users"] > 2*truth {
					far++
				}
				steps += len(done)
				width += values["capacity_high"] / math.Max(1, values["capacity_low"])
			}
			t.Logf("held %d of %d, %d far off, %.1f steps, width %.2f", held, searches, far, float64(steps)/searches, width/searches)
			require.GreaterOrEqual(t, held, searches*90/100)
			require.LessOrEqual(t, far, searches/100)
		})
	}
}

// Of 5 connections 4 in use are 80 %, which is not below 80 %: with a request
// in five holding one, at most 7 users keep the 95th percentile at 3.
func TestCapacityOfFiveConnections(t *testing.T) {
	const truth = 7
	exceeds := func(users, inUse int) float64 {
		closed, err := sizing.ClosedLoop{
			Users: users, Think: time.Second, Hold: 250 * time.Millisecond, Pools: 1, Connections: 15, PoolTimeout: 30 * time.Second,
		}.Solve()
		require.NoError(t, err)
		return closed.InUseExceeds(inUse)
	}
	require.Less(t, exceeds(truth, 3), 0.05)
	require.Greater(t, exceeds(truth+1, 3), 0.05)

	const searches, samples = 60, 300
	random := rand.New(rand.NewPCG(14, 7))
	utilization := map[string]any{
		"name": "active", "title": "Active connections", "metric": "pgxpool_utilization", "pass": "p(95)<80", "warning": "p(95)<100",
		"guard": map[string]any{"metric": "pgxpool_samples", "expression": "count>0"},
		"unit":  "percent", "advice": map[string]any{"warning": "", "fail": ""},
	}
	held, middle := 0, 0.0
	for range searches {
		plan := planOf(t, map[string]any{"plan": "capacity", "poolSize": int64(5), "maxOverflow": int64(10), "criteria": []any{utilization}})
		var done []Measurement
		for {
			step, ok := plan.Next(done)
			if !ok {
				break
			}
			var active timeline.Distribution
			for range samples {
				level, u := 0, random.Float64()
				for level < 15 && exceeds(step.Load.Users, level) > u {
					level++
				}
				active.Add(float64(level))
			}
			totals := timeline.Totals{Pools: map[string]*timeline.Pool{"p": {Active: active}}}
			done = append(done, Measure(step, timeline.Phase{Totals: totals}, pool.Config{Name: "p", PoolSize: 5, MaxOverflow: 10}, nil, totals, time.Minute))
		}
		values := plan.Result(done).Values
		if values["capacity_low"] <= truth && truth <= values["capacity_high"] {
			held++
		}
		middle += values["capacity_users"] / searches
	}
	t.Logf("held %d of %d, on average %.1f users", held, searches, middle)
	require.GreaterOrEqual(t, held, searches*90/100)
	require.InDelta(t, truth, middle, 1)
}
