package verdict_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type response struct {
	at time.Duration
	ms float64
}

// exactDrift is the definition, computed from every response.
func exactDrift(responses []response) float64 {
	var end time.Duration
	for _, r := range responses {
		end = max(end, r.at)
	}
	var first, last []float64
	for _, r := range responses {
		switch {
		case r.at < end/3:
			first = append(first, r.ms)
		case r.at > end-end/3:
			last = append(last, r.ms)
		}
	}
	return percentile95(last) / percentile95(first)
}

func percentile95(values []float64) float64 {
	slices.Sort(values)
	return values[int(0.95*float64(len(values)-1))]
}

func driftOf(t *testing.T, responses []response) (float64, error) {
	t.Helper()
	var drift verdict.Drift
	for _, r := range responses {
		require.NoError(t, drift.Add(began.Add(r.at), r.ms))
	}
	return drift.Value()
}

// From a tenth of a second to an hour, steady and growing.
func TestDriftAgainstExactComputation(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, length := range []time.Duration{10 * time.Second, 61 * time.Second, 5 * time.Minute, time.Hour} {
		for _, growth := range []float64{0.5, 1, 1.2, 1.3, 3} {
			const n = 30000
			responses := []response{{0, 10}}
			for i := range n {
				at := time.Duration(float64(length) * float64(i+1) / n)
				grown := 1 + (growth-1)*float64(i)/n
				responses = append(responses, response{at, grown * 20 * math.Exp(random.NormFloat64()/2)})
			}
			got, err := driftOf(t, responses)
			require.NoError(t, err)
			require.InEpsilon(t, exactDrift(responses), got, 0.03, "%v, growth %v", length, growth)
		}
	}
}

func TestDriftKnowsTheMiddleThird(t *testing.T) {
	var responses []response
	for second := range 300 {
		ms := 100.0
		switch {
		case second >= 105 && second < 195:
			ms = 100000 // only in the middle
		case second >= 205:
			ms = 130
		}
		responses = append(responses, response{time.Duration(second) * time.Second, ms})
	}
	got, err := driftOf(t, responses)
	require.NoError(t, err)
	require.InEpsilon(t, 1.3, got, 0.011)
}

func TestDriftSaysWhichDataAreMissing(t *testing.T) {
	some := func(from, to time.Duration, n int, ms float64) []response {
		var responses []response
		for i := range n {
			responses = append(responses, response{from + time.Duration(i)*(to-from)/time.Duration(n), ms})
		}
		return responses
	}
	const s = time.Second
	tests := map[string]struct {
		responses []response
		want      string
	}{
		"nothing":         {nil, "the first third of the run has 0 responses: at least 20 are needed"},
		"at one instant":  {some(0, 0, 100, 5), "the first third of the run has 0 responses: at least 20 are needed"},
		"first too few":   {slices.Concat(some(0, 9*s, 19, 5), some(20*s, 30*s, 50, 5)), "the first third of the run has 19 responses: at least 20 are needed"},
		"last too few":    {slices.Concat(some(0, 9*s, 20, 5), some(21*s, 30*s, 19, 5)), "the last third of the run has 19 responses: at least 20 are needed"},
		"first all zero":  {slices.Concat(some(0, 9*s, 30, 0), some(21*s, 30*s, 30, 5)), "the p(95) of the first third of the run is 0 ms: there is nothing to compare"},
		"last all zero":   {slices.Concat(some(0, 9*s, 30, 5), some(21*s, 30*s, 30, 0)), "the p(95) of the last third of the run is 0 ms: there is nothing to compare"},
		"just enough":     {slices.Concat(some(0, 9*s, 20, 5), some(21*s, 30*s, 20, 5)), ""},
		"a pause between": {slices.Concat(some(0, s, 20, 5), some(10000*s, 10001*s, 20, 5)), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			value, err := driftOf(t, test.responses)
			if test.want == "" {
				require.NoError(t, err)
				require.InEpsilon(t, 1, value, 0.011)
				return
			}
			require.EqualError(t, err, test.want)
			var missing *verdict.DriftError
			require.ErrorAs(t, err, &missing)
		})
	}
}

func TestDriftRefusesWhatIsNoDuration(t *testing.T) {
	var drift verdict.Drift
	for _, ms := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
		var refused *verdict.ResponseError
		require.ErrorAs(t, drift.Add(began, ms), &refused)
	}
	_, err := drift.Value()
	require.EqualError(t, err, "the first third of the run has 0 responses: at least 20 are needed")
}

func TestDriftOfConcurrentUsers(t *testing.T) {
	var drift verdict.Drift
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			for i := range 3000 {
				at := began.Add(time.Duration(i)*100*time.Millisecond + time.Duration(user)*time.Millisecond)
				if err := drift.Add(at, 10+float64(i)/1000); err != nil {
					t.Error(err)
				}
				if i%500 == 0 {
					_, _ = drift.Value() // only for the race detector
				}
			}
		})
	}
	users.Wait()
	got, err := drift.Value()
	require.NoError(t, err)
	require.InEpsilon(t, 12.95/10.95, got, 0.02)
}

// Twenty thousand slices' worth of responses stay within the slices there are.
func TestDriftMemoryIsBounded(t *testing.T) {
	before := heap()
	var drift verdict.Drift
	for i := range 20000 {
		require.NoError(t, drift.Add(began.Add(time.Duration(i)*200*time.Millisecond), math.Pow(1.001, float64(i))))
	}
	held := heap() - before
	require.Less(t, held, int64(3<<20), "bytes held")
	_, err := drift.Value()
	require.NoError(t, err)
}

// heap is what is reachable, in bytes.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func BenchmarkDriftAdd(b *testing.B) {
	var drift verdict.Drift
	for i := range b.N {
		if err := drift.Add(began.Add(time.Duration(i)*time.Microsecond), float64(i%1000)); err != nil {
			b.Fatal(err)
		}
	}
}
