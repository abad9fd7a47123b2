package merge_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
			rows[row.Criterion.Name] = string(row.Verdict)
		}
		require.Equal(t, "WARNING", rows["overflow_time"], "more than 10 % and less than 30 %")
	}
}

// A diagnosis looks at the same levels as the criteria, and says no other figure.
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
