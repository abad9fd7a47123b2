package experiment

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// system stands in for k6, the pool and the server: package sizing's models
// give the mean wait and the throughput, and noise of a fixed seed disturbs
// them. The noise of a step depends on the step alone, so that a resumed run
// meets the same system.
type system struct {
	think, hold    time.Duration
	noise          float64                     // standard deviation of the logarithms
	slower         func(inUse float64) float64 // factor on the hold time
	cpuPerCheckout float64                     // percent of the host for one request per second
	size, overflow int                         // where the step does not say
	waits          float64                     // factor on the wait, 0 is 1
	pools          int                         // of these sizes, 0 is 1
}

func (s system) measure(t testing.TB, step Step) Measurement {
	t.Helper()
	size, overflow := s.size, s.overflow
	if v, ok := step.Options["poolSize"].(int); ok {
		size, overflow = v, step.Options["maxOverflow"].(int)
	}
	random := rand.New(rand.NewPCG(uint64(size*1000+overflow), uint64(step.Round*100_000+step.Load.Users)))
	factor := func() float64 { return math.Exp(s.noise * random.NormFloat64()) }
	hold := s.hold
	if s.slower != nil {
		hold = time.Duration(float64(hold) * s.slower(float64(size+overflow)))
	}
	wait, wait95, rate, busy, timeouts := s.model(t, step.Load, hold, size+overflow)
	if s.waits > 0 {
		wait *= s.waits
	}
	rate *= factor()
	requests := int64(rate * step.Duration.Seconds())
	holdMs := float64(hold) / 1e6
	p95 := (wait95 + 3*holdMs) * factor()
	drift := 1.0
	m := Measurement{
		Step: step, Lasted: step.Duration.Seconds(), Requests: requests, Throughput: rate, Drift: &drift,
		Failed: int64(timeouts * float64(requests)), Timeouts: int64(timeouts * float64(requests)),
		Request: times{Count: requests, Mean: wait + holdMs, P50: wait + holdMs, P95: p95, P99: p95, Max: p95},
		Pool: &poolMeasurement{
			Size: size, Use: holdMs, Samples: 100, Open: float64(size),
			Wait:    times{Count: requests, Mean: wait, P95: wait95, Max: wait95},
			Active:  level{Mean: busy, P95: busy, Max: busy},
			Waiting: level{},
		},
	}
	if s.cpuPerCheckout > 0 {
		cpu := s.cpuPerCheckout * rate * factor()
		m.CPU = &level{Mean: cpu, P95: cpu, Max: cpu}
	}
	return m
}

// model gives waits in milliseconds, requests per second, connections in use
// and the share that timed out.
func (s system) model(t testing.TB, load Load, hold time.Duration, connections int) (wait, wait95, rate, busy, timeouts float64) {
	t.Helper()
	if load.Rate > 0 {
		open, err := sizing.OpenLoop{Rate: load.Rate, Hold: hold, Connections: connections}.Solve()
		var overload *sizing.OverloadError
		if errors.As(err, &overload) {
			return 30_000, 30_000, float64(connections) / hold.Seconds(), float64(connections), 0.5
		}
		require.NoError(t, err)
		// The waits of those who wait are exponential.
		waits, mean := open.WaitExceeds(0), float64(open.MeanWait())/1e6
		return mean, mean / waits * math.Log(math.Max(1, waits/0.05)), load.Rate, load.Rate * hold.Seconds(), 0
	}
	closed, err := sizing.ClosedLoop{
		Users: load.Users, Think: s.think, Hold: hold, Pools: max(1, s.pools), Connections: connections, PoolTimeout: 30 * time.Second,
	}.Solve()
	require.NoError(t, err)
	p95, err := closed.WaitPercentile(95)
	require.NoError(t, err)
	return float64(closed.MeanWait()) / 1e6, float64(p95) / 1e6, closed.Throughput(), closed.InUse(), closed.Timeouts()
}

// run takes a plan to its end, from done on.
func run(t testing.TB, plan Plan, s system, done []Measurement) []Measurement {
	t.Helper()
	for range 10_000 {
		left, _ := plan.left(done)
		step, ok := plan.Next(done)
		require.Equal(t, ok, left > 0, "Left and Next disagree")
		if !ok {
			return done
		}
		done = append(done, s.measure(t, step))
		after, _ := plan.left(done)
		require.Less(t, after, left, "the steps left grow")
	}
	t.Fatal("the plan does not end")
	return nil
}

func planOf(t testing.TB, options map[string]any) Plan {
	t.Helper()
	plan, err := New(options)
	require.NoError(t, err)
	return plan
}

// Rows as thresholds/criteria.js has them, after JavaScript's export to Go.
func success() map[string]any {
	return map[string]any{
		"name": "success_rate", "title": "Success rate", "metric": "request_success", "pass": "rate>=0.95", "warning": "rate>=0.90",
		"guard": map[string]any{"metric": "request_duration", "expression": "max>0"}, "unit": "share",
		"advice": map[string]any{"warning": "Look.", "fail": "Raise DB_POOL_SIZE."},
	}
}

func fastEnough(ms string) map[string]any {
	return map[string]any{
		"name": "p95", "title": "Response p95", "metric": "request_duration", "pass": "p(95)<" + ms, "warning": "p(95)<" + ms,
		"guard": map[string]any{"metric": "request_duration", "expression": "max>0"}, "unit": "count",
		"advice": map[string]any{"warning": "Wait.", "fail": "Larger pool."},
	}
}
