package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, median([]float64{3}))
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
	unsorted := []float64{3, 1, 2}
	median(unsorted)
	require.Equal(t, []float64{3, 1, 2}, unsorted, "the course of a metric must keep its order")
}

// wholeNight is a run in which every metric that is compared was measured, each
// with noise of its own; slower is a factor on the times.
func wholeNight(random *rand.Rand, n int, noise, slower float64) verdict.Summary {
	some := func(usual float64) *float64 {
		v := usual * math.Exp(noise*random.NormFloat64())
		return &v
	}
	run := night(n, usual)
	trend := func(usual float64) verdict.Metric {
		return verdict.Metric{Type: "trend", Values: map[string]float64{"p(95)": *some(usual), "max": 10 * usual}}
	}
	run.Metrics["pgxpool_query_duration"], run.Metrics["pgxpool_use_duration"] = trend(5*slower), trend(60*slower)
	overflow, cpu := math.Max(0, 0.05+0.01*random.NormFloat64()), 30*math.Exp(noise*random.NormFloat64())
	run.Overview = verdict.Overview{
		RequestsPerSecond: some(90), ResponseP50: some(40 * slower), ResponseP95: some(100 * slower), ResponseP99: some(200 * slower),
		ResponseDrift: some(1), WaitP95: some(10 * slower), WaitP99: some(30 * slower), InOverflow: &overflow, DatabaseCPU: &cpu,
	}
	return run
}

// noises are those from night to night that the simulations have.
var noises = []float64{0.03, 0.06, 0.1}

// With nothing changed at most one history in twenty shows a red night within 30.
func TestNoNightIsRedByChance(t *testing.T) {
	const histories, nights = 120, 30
	for _, noise := range noises {
		t.Run(fmt.Sprint(noise), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(9, uint64(100*noise)))
			red := 0
			for range histories {
				runs := []verdict.Summary{wholeNight(random, 0, noise, 1)}
				for n := 1; n <= nights; n++ {
					result := wholeNight(random, n, noise, 1)
					if compared(t, Input{Baseline: &runs[0], Result: result, History: runs}).Answer == Worse {
						red++
						break
					}
					runs = append(runs, result)
				}
			}
			t.Logf("%d of %d histories are red", red, histories)
			require.LessOrEqual(t, red, histories*5/100)
		})
	}
}

// A lasting +20 % is found within 5 nights, stays red, and its first night is
// named.
func TestAStepIsFoundAndNamed(t *testing.T) {
	const histories = 100
	for _, noise := range noises {
		t.Run(fmt.Sprint(noise), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(10, uint64(100*noise)))
			found, named, lost := 0, 0, 0
			for range histories {
				s := afterAStep(t, random, noise)
				lost += s.lost
				if s.found {
					found++
				}
				if s.named {
					named++
				}
			}
			t.Logf("found %d of %d, named %d, %d of %d late nights green", found, histories, named, lost, 5*histories)
			if noise <= 0.06 { // beyond it 5 nights are too few to be sure of a fifth
				require.GreaterOrEqual(t, found, histories*90/100)
			}
			require.GreaterOrEqual(t, named, found*90/100)
			require.Zero(t, lost, "a regression that nobody mends does not become usual")
		})
	}
}

// stepSeen is what the nights after a step of 20 % said.
type stepSeen struct {
	found, named bool // within 5 nights, its first night within a night
	lost         int  // of 5 nights two months later, those that were not red
}

func afterAStep(t *testing.T, random *rand.Rand, noise float64) (s stepSeen) {
	const began = 20
	var runs []verdict.Summary
	for n := range began {
		runs = append(runs, wholeNight(random, n, noise, 1))
	}
	for n := began; n < began+70; n++ {
		result := wholeNight(random, n, noise, 1.2)
		if soon, late := n < began+5, n >= began+65; soon && !s.found || late {
			report := compared(t, Input{Baseline: &runs[0], Result: result, History: runs})
			switch {
			case late && report.Answer != Worse:
				s.lost++
			case soon && report.Answer == Worse:
				since := report.Rows[slices.IndexFunc(report.Rows, func(r row) bool { return r.Answer == Worse })].Since
				s.found, s.named = true, math.Abs(since.Sub(runs[0].Run.Started).Hours()/24-began) <= 1
			}
		}
		runs = append(runs, result)
	}
	return s
}
