package compare

import "math"

const (
	// MinTrendRuns is how many runs, the result among them, a trend needs: of
	// fewer no order is rare enough to be no chance.
	MinTrendRuns = 10
	// chance is how likely runs without any trend may look like one. Every
	// metric is asked every night, so it has to be small.
	chance = 0.001
)

// Trend is the course of a metric over the runs, oldest first.
type Trend struct {
	Runs int `json:"runs"`
	// Slope is the change from one run to the next, in the metric's unit: the
	// median of the slopes between all pairs of runs. Theil, "A Rank-Invariant
	// Method of Linear and Polynomial Regression Analysis" (1950); Sen, JASA 63
	// (1968).
	Slope float64 `json:"slope"`
	// Chance is the probability of an order at least this clear in the direction
	// of the slope, without any trend.
	Chance float64 `json:"chance"`
}

// newTrend looks at the course of a metric, nil where there are too few runs.
func newTrend(values []float64) *Trend {
	if len(values) < MinTrendRuns {
		return nil
	}
	return &Trend{Runs: len(values), Slope: theilSen(values), Chance: mannKendall(values)}
}

// total is the change from the first run to the last.
func (t Trend) total() float64 { return t.Slope * float64(t.Runs-1) }

func theilSen(values []float64) float64 {
	var slopes []float64
	for i, earlier := range values {
		for j := i + 1; j < len(values); j++ {
			slopes = append(slopes, (values[j]-earlier)/float64(j-i))
		}
	}
	return median(slopes)
}

// mannKendall is the one-sided probability of the test for a monotonic trend,
// by its normal approximation with correction for ties and continuity: Mann,
// "Nonparametric Tests Against Trend", Econometrica 13 (1945); Kendall, "Rank
// Correlation Methods" (1975). It takes the runs for independent of each other.
func mannKendall(values []float64) float64 {
	s := 0
	ties := map[float64]int{}
	for i, earlier := range values {
		ties[earlier]++
		for _, later := range values[i+1:] {
			switch {
			case later > earlier:
				s++
			case later < earlier:
				s--
			}
		}
	}
	variance := weight(len(values))
	for _, equal := range ties {
		variance -= weight(equal)
	}
	if s == 0 || variance <= 0 {
		return 0.5
	}
	z := (math.Abs(float64(s)) - 1) / math.Sqrt(variance)
	return math.Erfc(z/math.Sqrt2) / 2
}

func weight(n int) float64 { return float64(n*(n-1)*(2*n+5)) / 18 }
