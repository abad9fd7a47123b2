package experiment

import (
	"fmt"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

func (c comparison) lines() []line {
	lines := []line{
		{"Response p95", p95, text.Millis, c.answered(), average},
		{"Response p50", func(m Measurement) float64 { return m.Request.P50 }, text.Millis, c.answered(), average},
		{"Requests served", throughput, text.PerSecond.Format, true, average},
		{"Success", Measurement.success, text.Share.Format, false, average},
		{"Requests timed out", timeouts, text.Number, false, total},
		{"Wait for a connection, p95", waitP95, text.Millis, true, average},
		{"Wait, mean", waitMean, text.Millis, true, average},
		{"Connection held, mean", held, text.Millis, true, average},
		{c.plan.peakInUse(), peakInUse, text.Number, false, most},
		{"Peak waiting", ofOwn(func(p *poolMeasurement) float64 { return p.Waiting.Max }), text.Number, false, most},
		{"Time in overflow", ofPool(func(p *poolMeasurement) float64 { return p.Overflow }), text.Share.Format, false, average},
		{"Connections opened", opened, text.Number, false, total},
		{"Database CPU", cpu, text.Percent.Format, true, average},
		c.cpuLine(),
	}
	return slices.Concat(lines, c.plan.ofPools("Peaks of all pools together", "Busiest pool, over its equal share"), c.plan.ofLoad("Arrivals dropped"))
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
		row := []string{l.title, l.cell(c.before), l.cell(c.after), "", ""}
		if row[1] == text.None && row[2] == text.None {
			continue
		}
		if ratio := c.ratioOf(l.value); ratio.known() && l.ratio {
			row[3], row[4] = ratio.String(), text.Factor(ratio.min)+"–"+text.Factor(ratio.max)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
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
		if !isKnown(c.after, b.f) {
			continue
		}
		chart := curves(b.title, b.unit, [][]Measurement{c.before, c.after}, line{title: "mean of the rounds, with the smallest and the largest", value: b.f})
		chart.Kind, chart.Categories = report.Bars, []string{"Before", "After"}
		charts = append(charts, chart)
	}
	return charts
}

// runbook is the runbook's table of its performance impact, with what was
// measured.
func (c comparison) runbook() report.Section {
	t := text.Table{Columns: append(text.Words(""), append(text.Numbers("Before", "After"), text.Words("Change")...)...)}
	add := func(title string, f quantity, show func(float64) string, change string) {
		if isKnown(c.before, f) || isKnown(c.after, f) {
			l := line{title: title, value: f, show: show}
			t.Rows = append(t.Rows, []string{title, l.cell(c.before), l.cell(c.after), change})
		}
	}
	add("P95 latency", p95, text.Millis, c.p95Ratio().change("shorter", "longer"))
	add("Database CPU", cpu, text.Percent.Format, c.ratioOf(cpu).change("less", "more"))
	t.Rows = append(t.Rows, []string{"Concurrent capacity", c.plan.carries(c.before), c.plan.carries(c.after), ""})
	return report.Section{Title: "Before → after", Tables: []text.Table{t}, Text: []string{fmt.Sprintf(
		"Capacity is whether %s were served as the runbook asks, with 95 %% of the requests and no timeout; capacity.js searches how many can be.", c.plan.load())}}
}

// change says by how much a quantity changed, where it did beyond noise.
func (i interval) change(less, more string) string {
	percent := text.Percent.Format(100 * math.Abs(i.value-1))
	switch {
	case !i.known():
		return ""
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
