package report

import (
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// figure is a chart as the page shows it: with what a [Chart] of an experiment
// has no need to say.
type figure struct {
	Chart
	// clock says that X is the time since the run's start in seconds, from start
	// to end for all charts of the run.
	clock      bool
	start, end float64
	// absent is the sentence that stands in the chart's place where there is
	// nothing to draw.
	absent string
}

const nothing = "There are no values to draw."

// empty tells whether there is no value at all.
func (c Chart) empty() bool {
	return !slices.ContainsFunc(c.Series, func(s Series) bool { return !s.empty() })
}

func (s Series) empty() bool { return !slices.ContainsFunc(s.Values, text.IsFinite) }

// finite are the numbers of rows with gaps.
func finite(rows ...[]float64) []float64 {
	return slices.DeleteFunc(slices.Concat(rows...), func(value float64) bool { return !text.IsFinite(value) })
}

// reach is the smallest and the largest value to be drawn, 0 included: a line
// that is cut off below exaggerates.
func (f figure) reach() (low, high float64) {
	for _, s := range f.Series {
		for _, value := range finite(s.Values, s.Low, s.High) {
			low, high = min(low, value), max(high, value)
		}
	}
	for _, l := range f.Limits {
		low, high = min(low, l.Value), max(high, l.Value)
	}
	return low, high
}

// least is the smallest value above 0, +Inf without one.
func (f figure) least() float64 {
	least := math.Inf(1)
	for _, s := range f.Series {
		for _, value := range finite(s.Values, s.Low) {
			if value > 0 {
				least = min(least, value)
			}
		}
	}
	return least
}

// span are the ends of the X axis, marks included.
func (f figure) span() (from, to float64) {
	if f.clock {
		return f.start, max(f.end, f.start+1)
	}
	from, to = f.X[0], f.X[len(f.X)-1]
	for _, m := range f.Marks {
		from, to = min(from, m.X), max(to, m.X)
	}
	if from == to {
		return from - 1, to + 1
	}
	return from, to
}

// bounds gives those of the range of the value at i, and whether there are any.
func (s Series) bounds(i int) (low, high float64, ok bool) {
	if len(s.Low) == 0 {
		return 0, 0, false
	}
	low, high = s.Low[i], s.High[i]
	return low, high, text.IsFinite(low) && text.IsFinite(high) && text.IsFinite(s.Values[i])
}

// stretches are the runs of indices without a gap, each as [first, end).
func (s Series) stretches() [][2]int {
	var all [][2]int
	first := -1
	for i, value := range s.Values {
		switch {
		case text.IsFinite(value) && first < 0:
			first = i
		case !text.IsFinite(value) && first >= 0:
			all, first = append(all, [2]int{first, i}), -1
		}
	}
	if first >= 0 {
		all = append(all, [2]int{first, len(s.Values)})
	}
	return all
}
