package timeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// closedLoop is a load of users who think and ask, with a database of so many
// cores that serves them in turn.
type closedLoop struct {
	users  int
	length time.Duration
	think  float64 // ms, evenly spread between half and one and a half times that
	cores  int
	serve  func(random *rand.Rand) float64 // ms
	slower func(at time.Duration) float64  // factor, nil for none
}

func lognormal(median, sigma float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return median * math.Exp(sigma*r.NormFloat64()) }
}

func exponential(mean float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return mean * r.ExpFloat64() }
}

// run simulates the load event by event and gives its drift.
func (l closedLoop) run(random *rand.Rand) (Drift, error) {
	var r Recorder
	free := make([]float64, l.cores) // when each core is free, ms
	next := make([]float64, l.users)
	for i := range next {
		next[i] = l.think * random.Float64()
	}
	end := float64(l.length.Milliseconds())
	for {
		user := 0
		for i := range next {
			if next[i] < next[user] {
				user = i
			}
		}
		now := next[user]
		if now > end {
			break
		}
		core := 0
		for i := range free {
			if free[i] < free[core] {
				core = i
			}
		}
		work := l.serve(random)
		if l.slower != nil {
			work *= l.slower(time.Duration(now * float64(time.Millisecond)))
		}
		free[core] = max(now, free[core]) + work
		done := free[core]
		r.Record([]Observation{{Measure: Request, At: start.Add(time.Duration(done * float64(time.Millisecond))), Value: done - now}})
		next[user] = done + l.think*(0.5+random.Float64())
	}
	return DriftOf(r.Snapshot().Responses())
}

// share of so many simulated runs whose drift is above the limit of PASS.
func (l closedLoop) alarms(t *testing.T, runs int, seed uint64) float64 {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 2026))
	alarms := 0
	for range runs {
		d, err := l.run(random)
		require.NoError(t, err)
		if d.Ratio > 1.25 {
			alarms++
		}
	}
	return float64(alarms) / float64(runs)
}

// Stationary loads pass: in all of these together fewer than one run of a
// hundred is called unstable.
func TestDriftIsSilentWhereNothingChanges(t *testing.T) {
	loads := map[string]closedLoop{}
	for _, users := range []int{1, 3, 5, 10, 20} {
		for _, sigma := range []float64{0.1, 0.4, 1} {
			loads[fmt.Sprintf("%d users, sigma %g", users, sigma)] = closedLoop{
				users: users, length: time.Minute, think: 1000, cores: users, serve: lognormal(40, sigma),
			}
		}
	}
	// Users who wait for each other: what one takes, the next ones feel.
	loads["a busy database"] = closedLoop{users: 20, length: time.Minute, think: 250, cores: 2, serve: lognormal(18, 0.5)}
	loads["holds as 100users.js has them"] = closedLoop{users: 20, length: time.Minute, think: 1000, cores: 20, serve: exponential(100)}
	total, worst := 0.0, 0.0
	for name, load := range loads {
		share := load.alarms(t, 200, 1)
		t.Logf("%s: %.1f %% of runs", name, 100*share)
		total, worst = total+share, max(worst, share)
	}
	require.Less(t, total/float64(len(loads)), 0.01)
	require.Less(t, worst, 0.03, "1 % in 200 runs is at most 6 of them with 99.5 %")
}

// A trend of +50 % is found in 95 % of runs: the fewer responses, the less they
// may differ for that.
func TestDriftFindsATrend(t *testing.T) {
	for users, sigma := range map[int]float64{1: 0.11, 3: 0.19, 5: 0.25, 10: 0.35, 20: 0.5} {
		load := closedLoop{
			users: users, length: time.Minute, think: 1000, cores: 64, serve: lognormal(40, sigma),
			slower: func(at time.Duration) float64 { return 1 + 0.5*at.Minutes() },
		}
		found := load.alarms(t, 200, 3)
		t.Logf("%d users, sigma %g: found in %.1f %% of runs", users, sigma, 100*found)
		require.GreaterOrEqual(t, found, 0.95, "%d users", users)
	}
}

// What the ratio of two thirds did not see.
func TestDriftFindsWhatIsNoTrend(t *testing.T) {
	for name, slower := range map[string]func(time.Duration) float64{
		"a middle third ten times slower": func(at time.Duration) float64 {
			if at > 20*time.Second && at < 40*time.Second {
				return 10
			}
			return 1
		},
		"a sawtooth": func(at time.Duration) float64 { return 1 + 3*math.Mod(at.Seconds(), 20)/20 },
		"a rise after a cold start": func(at time.Duration) float64 {
			if at < 5*time.Second {
				return 3
			}
			return 1 + at.Minutes()
		},
		"half of the run 50 % slower": func(at time.Duration) float64 {
			if at > 30*time.Second {
				return 1.5
			}
			return 1
		},
	} {
		load := closedLoop{users: 10, length: time.Minute, think: 1000, cores: 64, serve: lognormal(40, 0.25), slower: slower}
		require.GreaterOrEqual(t, load.alarms(t, 100, 5), 0.95, name)
	}
}

// A neighbor who wakes up adds 5 ms to requests of 8 ms: nobody notices.
func TestDriftBelowAFewMillisecondsIsNone(t *testing.T) {
	for _, late := range []bool{false, true} {
		load := closedLoop{
			users: 20, length: 20 * time.Second, think: 1000, cores: 64, serve: lognormal(5, 0.28),
			slower: func(at time.Duration) float64 {
				if late && at > 13*time.Second || !late && at > 8*time.Second && at < 10*time.Second {
					return 1.65
				}
				return 1
			},
		}
		require.Less(t, load.alarms(t, 200, 7), 0.02)
	}
}

func TestDriftSaysWhatIsMissing(t *testing.T) {
	var r Recorder
	_, err := DriftOf(r.Snapshot().Responses())
	var missing *DriftError
	require.ErrorAs(t, err, &missing)
	for second := range 30 {
		r.Record([]Observation{{Measure: Request, At: start.Add(time.Duration(second) * time.Second), Value: 5}})
	}
	_, err = DriftOf(r.Snapshot().Responses())
	require.EqualError(t, err, "27 responses ended after the warm-up (the first tenth): at least 40 are needed; raise DURATION or CONCURRENT")
}

// A step of an experiment has windows of its own, however long the experiment.
func TestAPhaseHasItsOwnCourse(t *testing.T) {
	var r Recorder
	at := start
	for range 3600 {
		r.Record([]Observation{{Measure: Request, At: at, Value: 10}})
		at = at.Add(time.Second)
	}
	r.Begin("step", at)
	for i := range 100 {
		r.Record([]Observation{{Measure: Request, At: at.Add(time.Duration(i) * 100 * time.Millisecond), Value: float64(20 + i)}})
	}
	phase := r.End(at.Add(10 * time.Second))
	require.Equal(t, firstWidth, phase.Responses.Width)
	drift, err := DriftOf(phase.Responses)
	require.NoError(t, err)
	require.Greater(t, drift.Trend, 2.0)
}
