package compare

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// somewhere is a run with metrics anywhere around the usual.
func somewhere(random *rand.Rand, n int) verdict.Summary {
	return night(n, measured{
		p95: 200 * random.Float64(), success: 1 - 0.02*random.Float64(), rps: 50 + 100*random.Float64(),
	})
}

func TestSwappingTurnsBetterIntoWorse(t *testing.T) {
	swapped := map[Answer]Answer{Better: Worse, Worse: Better, Same: Same, Unknown: Unknown}
	seen := map[Answer]int{}
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		a, b := somewhere(random, 20), somewhere(random, 21)
		there := compared(t, Input{Baseline: &a, Result: b})
		back := compared(t, Input{Baseline: &b, Result: a})
		require.Len(t, back.Rows, len(there.Rows))
		for j, row := range there.Rows {
			require.Equal(t, swapped[row.Answer], back.Rows[j].Answer, "%s: %v and %v", row.Name, *row.Baseline, *row.Result)
			seen[row.Answer]++
		}
	}
	require.Greater(t, min(seen[Better], seen[Worse], seen[Same]), 100, "the property was looked at: %v", seen)
}

func TestARunIsTheSameAsItself(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 100 {
		run := somewhere(random, 30)
		report := compared(t, Input{Baseline: &run, Result: run, History: nights(random, i%20, 0.1)})
		require.Equal(t, Same, report.Answer, report.Text())
	}
}

func nightly(random *rand.Rand) measured {
	m := usual
	m.p95 *= 1 + 0.05*random.NormFloat64()
	return m
}

// A change well beyond the noise is an answer always.
func TestARealChangeIsNoticed(t *testing.T) {
	random := rand.New(rand.NewPCG(10, 11))
	for range 200 {
		baseline := night(0, nightly(random))
		slow := nightly(random)
		slow.p95 *= 2
		report := compared(t, Input{Baseline: &baseline, Result: night(60, slow), History: nights(random, DefaultLast, 0.05)})
		require.Equal(t, Worse, report.row(t, "response_p95").Answer)
	}
}

// A regression that nobody mends stays one, whatever share of the history it
// has become: it is said on all but a few of its 40 nights.
func TestARegressionIsNeverUsual(t *testing.T) {
	random := rand.New(rand.NewPCG(20, 21))
	const series, began, ends = 50, 20, 60
	missed := 0
	for range series {
		runs := []verdict.Summary{night(0, usual)}
		for n := 1; n < ends; n++ {
			m := usual
			m.p95 *= 1 + 0.03*random.NormFloat64()
			if n >= began {
				m.p95 *= 1.5
			}
			runs = append(runs, night(n, m))
			if n < began {
				continue
			}
			in := Input{Baseline: &runs[0], Result: runs[n], History: runs[:n], Only: []string{"response_p95"}}
			if compared(t, in).Answer != Worse {
				missed++
			}
		}
	}
	require.Less(t, missed, series*(ends-began)/100)
}
