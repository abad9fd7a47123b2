package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// single is a run of which only the times have noise, and noise of their own.
func single(random *rand.Rand, n int, slower, noise float64) verdict.Summary {
	return night(n, measured{p95: 100 * slower * math.Exp(noise*random.NormFloat64()), success: 1, rps: 100})
}

// twoNights are a baseline and, later, a run that is so many times slower, on a
// machine that has noise of its own each night.
type twoNights struct{ inRun, inNight, slower float64 }

// red says how a night is judged: alone, after reruns, and after reruns in turn
// with the baseline's.
func (n twoNights) red(t *testing.T, random *rand.Rand) (alone, again, inTurn bool) {
	before, tonight := math.Exp(n.inNight*random.NormFloat64()), math.Exp(n.inNight*random.NormFloat64())
	baseline := single(random, 0, before, n.inRun)
	in := Input{Baseline: &baseline, Result: single(random, 1, tonight*n.slower, n.inRun), Only: []string{"response_p95"}}
	first := compared(t, in)
	if first.Answer != Worse {
		return false, false, false
	}
	var results, baselines []verdict.Summary
	for i := range 3 {
		results = append(results, single(random, i, tonight*n.slower, n.inRun))
		baselines = append(baselines, single(random, i, tonight, n.inRun))
	}
	confirmed := func(results, baselines []verdict.Summary) bool {
		r := compared(t, in)
		r.Confirm(results, baselines)
		return r.Answer == Worse
	}
	again = confirmed(results, nil)
	if first.Settled(results[:2], 3) {
		require.Equal(t, again, confirmed(results[:2], nil), "two that agree decide as three would")
	}
	return true, again, confirmed(results[:2], baselines[:2])
}

// A run compared with one other is red by chance. Reruns take most of these back;
// what stays is the machine's of that night, unless the baseline runs with them.
func TestRerunsTakeChanceBack(t *testing.T) {
	const pairs = 2000
	for name, c := range map[string]struct {
		nights               twoNights
		alone, again, inTurn [2]float64 // the least and the most percent that are red
	}{
		"noise within the run":              {twoNights{0.06, 0, 1}, [2]float64{10, 16}, [2]float64{0, 6}, [2]float64{0, 2}},
		"noise of the night":                {twoNights{0.01, 0.06, 1}, [2]float64{10, 16}, [2]float64{9, 15}, [2]float64{0, 0}},
		"20 % slower, noise within the run": {twoNights{0.06, 0, 1.2}, [2]float64{80, 90}, [2]float64{75, 90}, [2]float64{75, 90}},
		"50 % slower, noise within the run": {twoNights{0.06, 0, 1.5}, [2]float64{99, 100}, [2]float64{99, 100}, [2]float64{99, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(11, 12))
			red := [3]float64{}
			for range pairs {
				alone, again, inTurn := c.nights.red(t, random)
				for i, is := range []bool{alone, again, inTurn} {
					if is {
						red[i] += 100.0 / pairs
					}
				}
			}
			t.Logf("red: %.1f %%, with reruns %.1f %%, in turn with the baseline %.1f %%", red[0], red[1], red[2])
			for i, bounds := range [][2]float64{c.alone, c.again, c.inTurn} {
				require.GreaterOrEqual(t, red[i], bounds[0])
				require.LessOrEqual(t, red[i], bounds[1])
			}
		})
	}
}

// A metric that the reruns did not measure stays worse, and others are not asked.
func TestConfirmAsksOnlyWhatIsWorse(t *testing.T) {
	baseline := night(0, usual)
	report := compared(t, Input{Baseline: &baseline, Result: night(1, measured{150, 1, 100})})
	require.ElementsMatch(t, []string{"response_p95", "wait_p95", "query_p95", "use_p95"}, report.Names(Worse))
	rerun := night(1, measured{100, 0.5, 10})
	delete(rerun.Metrics, "pgxpool_query_duration")
	require.False(t, report.Settled([]verdict.Summary{rerun}, 3))
	report.Confirm([]verdict.Summary{rerun, rerun}, nil)
	require.Equal(t, Worse, report.Answer)
	require.Equal(t, []string{"query_p95"}, report.Names(Worse))
	require.Contains(t, report.Text(), "query_p95: the reruns did not measure it, so it stays worse.")
	require.Equal(t, Same, report.row(t, "success_rate").Answer)
	require.Nil(t, report.row(t, "success_rate").Confirmation)
	require.True(t, report.row(t, "use_p95").Confirmation != nil && !report.row(t, "use_p95").Confirmation.Confirmed)
}
