package experiment

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// runbook is the runbook's table of its performance impact, with what was
// measured.
func (c comparison) runbook() section {
	s := section{Section: report.Section{Title: "Before → after"}}
	t := text.Table{Columns: append(text.Words(""), append(text.Numbers("Before", "After"), text.Words("Change")...)...)}
	for _, l := range []struct {
		title string
		value quantity
		show  func(float64) string
		ratio func() (interval, bool)
		less  string
		more  string
	}{
		{"P95 latency", p95, text.Millis, c.p95Ratio, "shorter", "longer"},
		{"Database CPU", cpu, text.Percent.Format, func() (interval, bool) { return c.ratioOf(cpu) }, "less", "more"},
	} {
		before, known := meanOf(c.before, l.value)
		after, afterKnown := meanOf(c.after, l.value)
		if !known && !afterKnown {
			continue
		}
		change := ""
		if ratio, ok := l.ratio(); ok {
			change = ratio.change(l.less, l.more)
		}
		t.Rows = append(t.Rows, []string{l.title, shown(before, known, l.show), shown(after, afterKnown, l.show), change})
	}
	t.Rows = append(t.Rows, []string{"Concurrent capacity", c.plan.carries(c.before), c.plan.carries(c.after), ""})
	s.Tables = []text.Table{t}
	s.say(fmt.Sprintf("Capacity is whether %s were served as the runbook asks, with 95 %% of the requests and no timeout; capacity.js searches how many can be.",
		c.plan.load()))
	return s
}

// change says by how much a quantity changed, where it did beyond noise.
func (i interval) change(less, more string) string {
	percent := text.Percent.Format(100 * math.Abs(i.value-1))
	switch {
	case i.fell():
		return percent + " " + less + i.doubt()
	case i.rose():
		return percent + " " + more + i.doubt()
	default:
		return "none beyond noise"
	}
}

// carries tells whether the load of all rounds was served as the runbook asks.
func (s settings) carries(all []Measurement) string {
	const success = 0.95
	load := text.Counted(s.users, "user")
	if s.rate > 0 {
		load = text.Number(s.rate) + "/s"
	}
	if total := sum(all); total.success() < success || total.Timeouts > 0 {
		return "< " + load
	}
	return "≥ " + load
}
