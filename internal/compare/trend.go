package compare

import "github.com/flowboard/xk6-pgxpool/internal/timeline"

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
	// Slope is the change from one run to the next, in the metric's unit, as of
	// [timeline.Trend].
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
	runs := make([]float64, len(values))
	for i := range runs {
		runs[i] = float64(i)
	}
	trend := timeline.TrendOf(runs, values)
	return &Trend{Runs: len(values), Slope: trend.Slope, Chance: trend.Chance}
}

// total is the change from the first run to the last.
func (t Trend) total() float64 { return t.Slope * float64(t.Runs-1) }
