//go:build unix

package merge_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/merge"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// together are quarters of a test whose levels change from sample to sample,
// and what somebody saw who looked at all of them at once.
func together(seconds int) (parts []part, active, waiting []float64) {
	random := rand.New(rand.NewPCG(5, 6))
	active, waiting = make([]float64, seconds*perSecond), make([]float64, seconds*perSecond)
	for i := range 4 {
		parts = append(parts, part{
			segment: []string{"0:1/4", "1/4:2/4", "2/4:3/4", "3/4:1"}[i], seconds: seconds, size: 5, response: steady(10), iteration: float64(i + 1),
			levels: func(sample int) (a, w float64) {
				// More users in the second half, and now and then one who waits.
				likely := 0.4 + 0.1*float64(2*sample/len(active))
				for range 10 {
					if random.Float64() < likely {
						a++
					}
				}
				if random.Float64() < 0.005 {
					w = 1
				}
				active[sample] += a
				waiting[sample] += w
				return a, w
			},
		})
	}
	return parts, active, waiting
}

// What the criteria ask of the levels is no different for several runners than
// for one that had all users: a level that goes up and down within a window is
// not its mean.
func TestMergedLevelsAreThoseOfOneRun(t *testing.T) {
	for _, seconds := range []int{10, 100} { // windows of 250 ms and of 500 ms
		parts, active, waiting := together(seconds)
		in, report := mergeAndJudge(t, runnersOf(t, parts...))
		over := 0.0
		for _, level := range active {
			if level > 20 {
				over++
			}
		}
		slices.Sort(active)
		slices.Sort(waiting)
		p95 := func(sorted []float64) float64 { return sorted[int(0.95*float64(len(sorted)))] }

		require.InDelta(t, over/float64(len(active)), in.Metrics["pgxpool_in_overflow"].Values["rate"], 0.02)
		require.InDelta(t, 100*p95(active)/20, in.Metrics["pgxpool_utilization"].Values["p(95)"], 5, "one connection of 20")
		require.InDelta(t, p95(active), in.Metrics["pgxpool_active_sampled"].Values["p(95)"], 1)
		require.Zero(t, p95(waiting))
		require.Zero(t, in.Metrics["pgxpool_waiting_sampled"].Values["p(95)"], "in nearly every window somebody waits, but never for long")
		require.Positive(t, in.Metrics["pgxpool_waiting_sampled"].Values["max"])
		require.InDelta(t, len(active), in.Metrics["pgxpool_active_sampled"].Values["count"], 4)
		rows := map[string]string{}
		for _, row := range report.Rows {
			rows[row.Name] = string(row.Verdict)
		}
		require.Equal(t, "WARNING", rows["overflow_time"], "more than 10 % and less than 30 %")
	}
}

// A diagnosis looks at the same levels as the criteria, and says no other value.
func TestMergedDiagnosesKnowTheLevelsOfOneRun(t *testing.T) {
	parts, _, _ := together(10)
	parts[0].timeouts = 1
	in, report := mergeAndJudge(t, runnersOf(t, parts...))
	require.NotEmpty(t, report.Diagnoses)
	evidence := fmt.Sprint(report.Diagnoses[0].Evidence)
	require.Contains(t, evidence, fmt.Sprintf("%.0f connections in use at the 95th percentile",
		in.Metrics["pgxpool_active_sampled"].Values["p(95)"]))
	require.Contains(t, evidence, "waiting")
}

// Of files of versions before it the means are known.
func TestMergedLevelsWithoutSamples(t *testing.T) {
	parts := halves()
	parts[0].active = 16
	runners := runnersOf(t, parts...)
	for i := range runners {
		runners[i].Summary.Recording.Fine = nil
	}
	in, _ := mergeAndJudge(t, runners)
	require.Equal(t, 1.0, in.Metrics["pgxpool_in_overflow"].Values["rate"])
	require.Equal(t, 105.0, in.Metrics["pgxpool_utilization"].Values["p(95)"])
	require.Equal(t, 3.0, in.Metrics["pgxpool_waiting_sampled"].Values["med"])
}

// Four runners that are full for the same 1.2 s of every 10 are in overflow
// together: 12 % of the time, however long the windows.
func TestMergedLevelsAreAddedOnOneClock(t *testing.T) {
	for _, seconds := range []int{60, 300} { // windows of 250 ms and of 1 s
		var parts []part
		for i, segment := range []string{"0:1/4", "1/4:2/4", "2/4:3/4", "3/4:1"} {
			parts = append(parts, part{
				segment: segment, seconds: seconds, size: 5, response: steady(10), iteration: float64(i + 1),
				begin: time.Duration(i) * 70 * time.Millisecond,
				levels: func(sample int) (active, waiting float64) {
					at := float64(sample)/perSecond + 0.07*float64(i)
					if math.Mod(at, 10) < 1.2 {
						return 15, 0
					}
					return 2, 0
				},
			})
		}
		in, report := mergeAndJudge(t, runnersOf(t, parts...))
		require.InDelta(t, 0.12, in.Metrics["pgxpool_in_overflow"].Values["rate"], 0.006)
		require.Equal(t, 60.0, in.Metrics["pgxpool_active_sampled"].Values["max"])
		require.Equal(t, verdict.Warning, report.Verdict)
	}
}

// crowd are many runners with so many waiting users each, a hundred windows long.
func crowd(t *testing.T, count, waiting int) []merge.Runner {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	base := part{segment: "", seconds: 10, size: 5, active: 5, response: steady(10)}.summary(t)
	runners := make([]merge.Runner, count)
	for i := range runners {
		s, recording := base, *base.Recording
		s.Metrics = maps.Clone(base.Metrics)
		s.Metrics["vus_max"] = verdict.Metric{Type: "gauge", Values: map[string]float64{"value": float64(i)}}
		fine := recording.Fine["default"]
		fine.Waiting = timeline.LevelSeries{Start: mergeStart, Window: 100 * time.Millisecond, Windows: make([]timeline.Samples, 100)}
		for w := range fine.Waiting.Windows {
			for range 10 {
				fine.Waiting.Windows[w].Add(int64(waiting/2+random.IntN(waiting/2)), 1)
			}
		}
		recording.Fine = map[string]timeline.Fine{"default": fine}
		s.Recording = &recording
		runners[i] = merge.Runner{Name: fmt.Sprint("runner ", i), Summary: s}
	}
	return runners
}

// Levels of hundreds of runners are drawn rather than convolved: their mean and
// their spread are those of the sum all the same.
func TestLevelsOfManyRunnersAdd(t *testing.T) {
	const count, waiting = 60, 100
	var shares []float64
	in, err := merge.Runners(crowd(t, count, waiting), func(share float64) { shares = append(shares, share) })
	require.NoError(t, err)
	values := in.Metrics["pgxpool_waiting_sampled"].Values
	// Each is even from 50 to 99: a mean of 74.5, a variance of (50² − 1)/12.
	mean, sd := count*74.5, math.Sqrt(count*(50*50-1)/12.0)
	require.InEpsilon(t, mean, values["avg"], 0.005)
	require.InDelta(t, mean, values["med"], sd/2)
	require.InDelta(t, mean+1.645*sd, values["p(95)"], sd/2)
	require.InDelta(t, 1000, values["count"], 1)
	require.True(t, slices.IsSorted(shares))
	require.Equal(t, 1.0, shares[len(shares)-1])
}

// Twice the runners with twice the users are twice the samples: four times the
// levels, and eight times the work of a convolution.
func TestMergingIsLinearInTheSamples(t *testing.T) {
	least := func(runners []merge.Runner) time.Duration {
		best := time.Duration(math.MaxInt64)
		for range 3 {
			began := processTime(t)
			_, err := merge.Runners(runners, func(float64) {})
			require.NoError(t, err)
			best = min(best, processTime(t)-began)
		}
		return max(best, time.Millisecond)
	}
	small, large := crowd(t, 40, 250), crowd(t, 80, 500)
	require.Less(t, least(large).Seconds()/least(small).Seconds(), 5.0)
}

// processTime is the processor time of this process: what else runs on the machine
// is not in it.
func processTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
