package experiment

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// line is one row of the side-by-side table.
type line struct {
	title string
	value quantity
	show  func(float64) string
	ratio bool // whether a ratio says something
	over  over // what is shown of several rounds
}

// over sums rounds up.
type over int

const (
	average over = iota
	most
	total
)

// of is the quantity over all rounds together; known is false where no round has it.
func (l line) of(all []Measurement) (value float64, known bool) {
	mean, known := meanOf(all, l.value)
	switch {
	case !known || l.over == average:
		return mean, known
	case l.over == most:
		_, _, high := extent(all, l.value)
		return high, true
	default:
		for _, v := range each(all, l.value) {
			if !math.IsNaN(v) {
				value += v
			}
		}
		return value, true
	}
}

func (c comparison) lines() []line {
	lines := []line{
		{"Response p95", p95, text.Millis, c.answered(), average},
		{"Response p50", func(m Measurement) float64 { return m.Request.P50 }, text.Millis, c.answered(), average},
		{"Requests served", throughput, text.PerSecond.Format, true, average},
		{"Success", Measurement.success, text.Share.Format, false, average},
		{"Requests timed out", func(m Measurement) float64 { return float64(m.Timeouts) }, text.Number, false, total},
		{"Wait for a connection, p95", waitP95, text.Millis, true, average},
		{"Wait, mean", waitMean, text.Millis, true, average},
		{"Connection held, mean", held, text.Millis, true, average},
		{c.plan.peakInUse(), ofPool(func(p *PoolMeasurement) float64 { return p.Active.Max }), text.Number, false, most},
		{"Peak waiting", ofOwn(func(p *PoolMeasurement) float64 { return p.Waiting.Max }), text.Number, false, most},
		{"Time in overflow", ofPool(func(p *PoolMeasurement) float64 { return p.Overflow }), text.Share.Format, false, average},
		{"Connections opened", ofOwn(func(p *PoolMeasurement) float64 { return float64(p.Opened) }), text.Number, false, total},
		{"Database CPU", cpu, text.Percent.Format, true, average},
		c.cpuLine(),
	}
	lines = append(lines, c.plan.ofPools("Peaks of all pools together", "Busiest pool, over its equal share")...)
	if c.plan.retries > 0 {
		lines = append(lines, line{"Retries", retries, text.Number, false, total})
	}
	if c.plan.rate > 0 {
		lines = append(lines, line{"Arrivals dropped", dropped, text.Number, false, total})
	}
	return lines
}

// cpuLine is in CPU time where the host's cores are known.
func (c comparison) cpuLine() line {
	if cores := float64(c.plan.cores); cores > 0 {
		perRequest := func(m Measurement) float64 { return cpuPerRequest(m) / 100 * cores * 1000 }
		return line{"  per request served", perRequest, text.Millis, true, average}
	}
	return line{"  per 100 requests/s", func(m Measurement) float64 { return 100 * cpuPerRequest(m) }, text.Percent.Format, true, average}
}

// table shows the rounds side by side, the ratio, and between which values the rounds' ratios lie.
func (c comparison) table() text.Table {
	t := text.Table{Columns: append(text.Words(""), text.Numbers("Before", "After", "After/before", "Rounds")...)}
	for _, l := range c.lines() {
		before, known := l.of(c.before)
		after, afterKnown := l.of(c.after)
		if !known && !afterKnown {
			continue
		}
		row := []string{l.title, shown(before, known, l.show), shown(after, afterKnown, l.show), "", ""}
		if ratio, ok := c.ratioOf(l.value); ok && l.ratio {
			row[3], row[4] = ratio.String(), text.Factor(ratio.min)+"–"+text.Factor(ratio.max)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func shown(value float64, known bool, show func(float64) string) string {
	if !known {
		return text.None
	}
	return show(value)
}

// meanOf is the mean over the rounds that have the quantity.
func meanOf(all []Measurement, f quantity) (mean float64, known bool) {
	var total, n float64
	for _, m := range all {
		if v := f(m); !math.IsNaN(v) {
			total, n = total+v, n+1
		}
	}
	return total / max(n, 1), n > 0
}

// method says how the ratio and its interval were made.
func (c comparison) method() string {
	n := len(c.before)
	if n == 1 {
		return "Values are from a single round, so the ratio has no confidence interval: run more rounds."
	}
	return fmt.Sprintf("Values are means of %d rounds; peaks are the largest, counts are sums. The ratio is the geometric mean of the rounds' ratios, each of two consecutive "+
		"steps, with its 95 %% confidence interval (Student's t on their logarithms). The last column has the smallest and the largest ratio of a round.", n)
}

// charts are the bars of before and after, with the range of the rounds.
func (c comparison) charts() []report.Chart {
	bars := []struct {
		title, unit string
		f           quantity
	}{
		{"Response time, p95", "milliseconds", p95},
		{"Requests served", "per second", throughput},
		{"Wait for a connection, p95", "milliseconds", waitP95},
		{"Database CPU", "percent of the host", cpu},
	}
	var charts []report.Chart
	for _, b := range bars {
		if _, known := meanOf(c.after, b.f); !known {
			continue
		}
		series := report.Series{Name: "mean of the rounds, with the smallest and the largest"}
		for _, all := range [][]Measurement{c.before, c.after} {
			mean, low, high := extent(all, b.f)
			series.Values = append(series.Values, mean)
			series.Low, series.High = append(series.Low, low), append(series.High, high)
		}
		charts = append(charts, report.Chart{
			Title: b.title, YLabel: b.unit, Kind: report.Bars,
			Categories: []string{"Before", "After"}, Series: []report.Series{series},
		})
	}
	return charts
}

// extent is the mean of the rounds that have the quantity, with the smallest and
// the largest; NaN where there is none.
func extent(all []Measurement, f quantity) (mean, low, high float64) {
	mean, known := meanOf(all, f)
	if !known {
		return math.NaN(), math.NaN(), math.NaN()
	}
	low, high = math.Inf(1), math.Inf(-1)
	for _, m := range all {
		if v := f(m); !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	return mean, low, high
}

// runbook is the runbook's table of its performance impact, with what was
// measured.
func (c comparison) runbook() report.Section {
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
	return report.Section{Title: "Before → after", Tables: []text.Table{t}, Text: []string{fmt.Sprintf(
		"Capacity is whether %s were served as the runbook asks, with 95 %% of the requests and no timeout; capacity.js searches how many can be.", c.plan.load())}}
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
