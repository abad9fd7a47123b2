package compare

import (
	"fmt"
	"math"
	"strings"
)

// none is what a table shows where there is no metric.
const none = "-"

// text writes a value in the metric's unit.
func (f Metric) text(value *float64) string {
	if value == nil {
		return none
	}
	return f.number(*value)
}

func (f Metric) number(v float64) string {
	switch f.Unit {
	case Share:
		return fmt.Sprintf("%.2f %%", 100*v)
	case Percent:
		return fmt.Sprintf("%.1f %%", v)
	case Ratio:
		return fmt.Sprintf("%.2f×", v)
	case PerSecond:
		return fmt.Sprintf("%.1f/s", v)
	default:
		return milliseconds(v)
	}
}

func milliseconds(ms float64) string {
	switch size := math.Abs(ms); {
	case size < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case size < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case size < 10_000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}

// change writes a difference with its sign; that of shares and percentages is
// in percentage points.
func (f Metric) change(v float64) string {
	text := f.number(v)
	if !f.Unit.relative() {
		text = strings.TrimSuffix(text, "%") + "points"
	}
	if v >= 0 {
		return "+" + text
	}
	return text
}

// changeText is the change from the baseline, with percent where that says
// more.
func (r Row) changeText() string {
	if r.Change == nil {
		return none
	}
	text := r.change(*r.Change)
	if r.Unit.relative() && *r.Baseline > 0 {
		text += fmt.Sprintf(" (%+.1f %%)", 100**r.Change / *r.Baseline)
	}
	return text
}

// allowedText is how large a change had to be, and what made it so.
func (r Row) allowedText() string {
	switch {
	case r.Change == nil:
		return none
	case r.Noise != nil && r.Noise.Band >= r.Allowed:
		return "±" + r.bare(r.Allowed) + " noise"
	default:
		return "±" + r.bare(r.Allowed) + " tolerance"
	}
}

// bandText is where the metric lies from night to night.
func (r Row) bandText() string {
	if r.Noise == nil {
		return "not known"
	}
	half := sigmas * r.Noise.Deviation
	return r.number(r.Noise.Median) + " ± " + r.bare(half)
}

// bare is a change without its sign.
func (r Row) bare(v float64) string { return strings.TrimPrefix(r.change(v), "+") }
