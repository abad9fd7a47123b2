package compare

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// climbing are nights of which each is a little slower than the one before.
func climbing(n int, perNight float64) []verdict.Summary {
	random := rand.New(rand.NewPCG(14, 15))
	all := make([]verdict.Summary, n)
	for i := range all {
		m := usual
		m.p95 *= 1 + perNight*float64(i) + 0.01*random.NormFloat64()
		m.rps *= 1 - perNight*float64(i) + 0.01*random.NormFloat64()
		all[i] = night(i, m)
	}
	return all
}

func TestASlowClimbIsFound(t *testing.T) {
	runs := climbing(20, 0.01)
	last := len(runs) - 1
	// Against a night that was slow by chance no single comparison sees it.
	baseline := night(0, measured{p95: 106, success: 1, rps: 90})
	tolerances, err := ParseTolerances([]string{"15"})
	require.NoError(t, err)
	report := compared(t, Input{Baseline: &baseline, Result: runs[last], History: runs[:last], Tolerances: tolerances})
	row := report.row(t, "response_p95")
	require.LessOrEqual(t, *row.Change, row.Allowed, "the comparison alone says same")
	require.Equal(t, Worse, row.Answer)
	require.Regexp(t, `^slow climb: \+(0\.9|1\.0)\d ms a run over 20 runs$`, row.Reason)
	require.Regexp(t, `^slow fall: -(0\.9|1\.0)/s a run over 20 runs$`, report.row(t, "throughput").Reason)
	require.Equal(t, Worse, report.Answer)
	require.Contains(t, report.Summary(), "slow climb")
}

func TestAClimbBeatsUnknown(t *testing.T) {
	runs := climbing(20, 0.02)
	report := compared(t, Input{Result: runs[19], History: runs[:19]})
	require.Equal(t, Worse, report.Answer, "without a baseline the climb shows all the same")
}

func TestNoTrendWhereThereIsNone(t *testing.T) {
	for name, runs := range map[string][]verdict.Summary{
		"flat":             climbing(20, 0),
		"getting better":   climbing(20, -0.01),
		"too few":          climbing(MinTrendRuns-1, 0.03),
		"below tolerance":  climbing(20, 0.004),
		"a step, accepted": append(climbing(10, 0), slower(climbing(20, 0)[10:])...),
	} {
		last := len(runs) - 1
		baseline := runs[0]
		if name == "a step, accepted" {
			baseline = runs[10]
		}
		report := compared(t, Input{Baseline: &baseline, Result: runs[last], History: runs[:last]})
		require.NotContains(t, report.Summary(), "slow", name)
	}
}

// The night on which a climb was mended is not blamed for it.
func TestAMendedClimbIsNone(t *testing.T) {
	runs := append(climbing(20, 0.02), night(20, usual))
	report := compared(t, Input{Baseline: &runs[0], Result: runs[20], History: runs[:20]})
	require.Less(t, report.row(t, "response_p95").Trend.Chance, chance, "the trend is there all the same")
	require.Equal(t, Same, report.Answer, report.Summary())
}

func slower(runs []verdict.Summary) []verdict.Summary {
	for i := range runs {
		runs[i] = night(i+10, measured{p95: 150 + float64(i%3), success: 1, rps: 70})
	}
	return runs
}
