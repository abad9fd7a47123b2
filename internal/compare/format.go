package compare

import (
	"fmt"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// beside writes a value so that it can be told from the other one.
func (f metric) beside(value, other *float64) string {
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
func (f metric) change(v float64) string {
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
func (r row) changeText() string {
	if r.Change == nil {
		return text.None
	}
	return r.levelText(*r.Result-*r.Change, *r.Result)
}

// levelText is the change from one level to another.
func (r row) levelText(before, after float64) string {
	said := r.change(after - before)
	if relative(r.Unit) && before > 0 {
		said += fmt.Sprintf(" (%+.1f %%)", 100*(after/before-1))
	}
	return said
}

// allowedText is how large a change had to be.
func (r row) allowedText() string {
	if r.Change == nil {
		return text.None
	}
	return "±" + r.bare(r.Allowed)
}

// noiseText is where nine of ten nights lie without any change.
func (r row) noiseText() string {
	if r.Noise == nil {
		return "not known"
	}
	const nineOfTen = 1.645
	return r.Unit.Format(r.Noise.Median) + " ± " + r.bare(nineOfTen*r.Noise.Deviation)
}

// bare is a change without its sign.
func (r row) bare(v float64) string { return strings.TrimPrefix(r.change(v), "+") }
