package compare

import (
	"fmt"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// beside writes a value so that it can be told from the other one.
func (f Metric) beside(value, other *float64) string {
	switch {
	case value == nil:
		return text.None
	case other == nil:
		return f.Unit.Format(*value)
	default:
		return f.Unit.Beside(*value, *other)
	}
}

// change writes a difference with its sign; that of shares and percentages is
// in percentage points.
func (f Metric) change(v float64) string {
	said := f.Unit.Format(v)
	if !relative(f.Unit) {
		said = strings.TrimSuffix(said, "%") + "points"
	}
	if v >= 0 {
		return "+" + said
	}
	return said
}

// changeText is the change from the baseline, with percent where that says
// more.
func (r Row) changeText() string {
	if r.Change == nil {
		return text.None
	}
	said := r.change(*r.Change)
	if relative(r.Unit) && *r.Baseline > 0 {
		said += fmt.Sprintf(" (%+.1f %%)", 100**r.Change / *r.Baseline)
	}
	return said
}

// allowedText is how large a change had to be, and what made it so.
func (r Row) allowedText() string {
	switch {
	case r.Change == nil:
		return text.None
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
	return r.Unit.Format(r.Noise.Median) + " ± " + r.bare(half)
}

// bare is a change without its sign.
func (r Row) bare(v float64) string { return strings.TrimPrefix(r.change(v), "+") }
