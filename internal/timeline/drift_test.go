package timeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
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
func (l closedLoop) run(random *rand.Rand) (float64, error) {
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
		ratio, err := l.run(random)
		require.NoError(t, err)
		if ratio > 1.25 {
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
	loads["few users of one core"] = closedLoop{users: 5, length: time.Minute, think: 1000, cores: 1, serve: exponential(100)}
	loads["holds as 100users.js has them"] = closedLoop{users: 20, length: time.Minute, think: 1000, cores: 20, serve: exponential(100)}
	var lock sync.Mutex
	total, worst := 0.0, 0.0
	t.Run("loads", func(t *testing.T) {
		for name, load := range loads {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				share := load.alarms(t, 200, 1)
				t.Logf("%.1f %% of runs", 100*share)
				lock.Lock()
				defer lock.Unlock()
				total, worst = total+share, max(worst, share)
			})
		}
	})
	t.Logf("%.2f %% of all runs, at most %.1f %% of one load", 100*total/float64(len(loads)), 100*worst)
	require.Less(t, total/float64(len(loads)), 0.01)
	require.Less(t, worst, 0.03, "1 % in 200 runs is at most 6 of them with 99.5 %")
}

// growing is a load of users for a minute whose requests take 50 % longer at its end.
func growing(users int, serve func(*rand.Rand) float64) closedLoop {
	return closedLoop{
		users: users, length: time.Minute, think: 1000, cores: 64, serve: serve,
		slower: func(at time.Duration) float64 { return 1 + 0.5*at.Minutes() },
	}
}

// A trend of +50 % is found in 95 % of runs: the fewer responses, the less they
// may differ for that.
func TestDriftFindsATrend(t *testing.T) {
	for users, sigma := range map[int]float64{1: 0.12, 3: 0.21, 5: 0.28, 10: 0.42, 20: 0.6} {
		t.Run(fmt.Sprint(users, " users"), func(t *testing.T) {
			t.Parallel()
			found := growing(users, lognormal(40, sigma)).alarms(t, 200, 3)
			t.Logf("sigma %g: found in %.1f %% of runs", sigma, 100*found)
			require.GreaterOrEqual(t, found, 0.95)
		})
	}
	t.Run("as 100users.js", func(t *testing.T) {
		t.Parallel()
		load := growing(100, exponential(100))
		load.cores = 100
		require.GreaterOrEqual(t, load.alarms(t, 40, 3), 0.95)
	})
}

// Where responses differ too much for 95 %, no test can find the trend: the
// values beside those of the best one, which knows everything but the level and
// errs in one run of a hundred (Neyman and Pearson).
func TestDriftIsNearTheBestTest(t *testing.T) {
	const exponentialSigma = 1 // of the logarithm of the mean, in the eyes of the best test
	for _, c := range []struct {
		users  int
		serve  func(*rand.Rand) float64
		sigma  float64
		mean   float64 // seconds
		behind float64 // percent of runs that the best test finds beyond ours, at most
	}{
		{1, lognormal(40, 0.25), 0.25, 0.04, 35}, {3, lognormal(40, 0.25), 0.25, 0.04, 15},
		{3, lognormal(40, 0.5), 0.5, 0.04, 35}, {10, lognormal(40, 0.5), 0.5, 0.04, 15},
		{1, exponential(100), exponentialSigma, 0.1, 10}, {10, exponential(100), exponentialSigma, 0.1, 40},
		{20, exponential(100), exponentialSigma, 0.1, 45},
	} {
		name := fmt.Sprintf("%d users, sigma %g", c.users, c.sigma)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := 100 * growing(c.users, c.serve).alarms(t, 100, 3)
			best := bestTest(float64(c.users)*60*(1-warmUp)/(1+1.25*c.mean), c.sigma)
			t.Logf("found in %.0f %% of runs, by the best test in %.0f %%", found, best)
			require.Less(t, best, 99.9, "else it belongs to those that are found")
			require.GreaterOrEqual(t, found, best-c.behind)
		})
	}
}

// bestTest is in how many percent of runs the most powerful test finds +50 % among
// so many responses.
func bestTest(responses, sigma float64) float64 {
	const points, onePercent = 1000, 2.326
	var sum, squares float64
	for i := range points {
		growth := math.Log(1 + 0.5*(warmUp+(1-warmUp)*(float64(i)+0.5)/points))
		sum, squares = sum+growth/points, squares+growth*growth/points
	}
	deviations := math.Sqrt(responses*(squares-sum*sum)) / sigma
	return 50 * math.Erfc((onePercent-deviations)/math.Sqrt2)
}

// A machine that is slow for seconds at a time is no trend: values that follow each
// other are alike, and say less than as many independent ones.
func TestSlowSecondsAreNoTrend(t *testing.T) {
	const runs = 200
	random := rand.New(rand.NewPCG(8, 2026))
	independent, serial := 0, 0
	for range runs {
		values, at := make([]float64, 50), 0.0
		for i := range values {
			at = 0.6*at + 0.8*random.NormFloat64()
			values[i] = at
		}
		times := make([]float64, len(values))
		for i := range times {
			times[i] = float64(i)
		}
		trend := TrendOf(times, values)
		if trend.chance < 0.01 {
			independent++
		}
		if trend.serialChance(times, values) < 0.01 {
			serial++
		}
	}
	t.Logf("a trend in %d of %d series, %d where they are taken for independent", serial, runs, independent)
	require.Greater(t, independent, runs*10/100)
	require.Less(t, serial, runs*6/100)
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
	require.Error(t, err)
	for second := range 30 {
		r.Record([]Observation{{Measure: Request, At: start.Add(time.Duration(second) * time.Second), Value: 5}})
	}
	_, err = DriftOf(r.Snapshot().Responses())
	require.EqualError(t, err, "27 responses ended after the warm-up (the first tenth): at least 40 are needed; run for longer or with more users")
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
	require.Equal(t, firstWidth.Seconds(), phase.Responses.Window)
	drift, err := DriftOf(phase.Responses)
	require.NoError(t, err)
	require.Greater(t, drift, 2.0)
}

// Runners begin and end at different times, and one may have windows twice as long.
func TestResponsesOfRunnersMerge(t *testing.T) {
	runner := func(begin time.Duration, window float64, counts ...int) *Responses {
		r := &Responses{Start: at(begin), Window: window, Windows: make([]Distribution, len(counts))}
		for i, n := range counts {
			for range n {
				r.Windows[i].Add(float64(n))
			}
		}
		return r
	}
	merged := MergeResponses([]*Responses{runner(6*time.Second, 1, 0, 5, 7), runner(0, 2, 1, 2, 0, 3)})
	require.Equal(t, start, merged.Start)
	require.Equal(t, 2.0, merged.Window)
	var counts []int64
	for _, d := range merged.Windows {
		counts = append(counts, d.Count())
	}
	require.Equal(t, []int64{1, 2, 0, 3 + 5, 7}, counts)
	require.Equal(t, 5.0, merged.Windows[3].Max())
	hours := make([]int, 3600)
	hours[0], hours[3599] = 1, 1
	merged = MergeResponses([]*Responses{runner(0, 1, hours...)})
	require.LessOrEqual(t, len(merged.Windows), mostResponses)
	require.EqualValues(t, 2, responsesIn(merged.Windows))
}

// Windows before the first response and after the last are no part of the run: the
// warm-up is a tenth of what is between.
func TestDriftIsThatOfTheTimeWithResponses(t *testing.T) {
	bare, padded := &Responses{Window: 1}, &Responses{Window: 1, Windows: make([]Distribution, 30)}
	for i := range 100 {
		var d Distribution
		for range 5 {
			d.Add(50 * math.Exp(float64(i)/100))
		}
		bare.Windows = append(bare.Windows, d)
	}
	padded.Windows = append(append(padded.Windows, bare.Windows...), make([]Distribution, 30)...)
	want, err := DriftOf(bare)
	require.NoError(t, err)
	require.Greater(t, want, 2.0)
	ratio, err := DriftOf(padded)
	require.NoError(t, err)
	require.Equal(t, want, ratio)
	for _, none := range []*Responses{nil, {Window: 1}, {Window: 1, Windows: make([]Distribution, 30)}} {
		_, err = DriftOf(none)
		require.ErrorContains(t, err, "0 responses ended after the warm-up")
	}
}
