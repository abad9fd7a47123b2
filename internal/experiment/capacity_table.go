package experiment

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// ascending gives the loads from the smallest to the largest.
func ascending(all []tried) []tried {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b tried) int { return cmp.Compare(a.load, b.load) })
	return sorted
}

// table has one row for each load, in ascending order.
func (p *capacity) table(all []tried, a answer) text.Table {
	t := text.Table{Columns: append(text.Words("Load"), text.Numbers("p95", "Served", "Success", "Timeouts")...)}
	columns := []line{
		{"", p95, text.Millis, false, average},
		{"", throughput, text.PerSecond.Format, false, average},
		{"", Measurement.success, text.Share.Format, false, average},
		{"", func(m Measurement) float64 { return float64(m.Timeouts) }, text.Number, false, total},
	}
	add := func(title string, f quantity, show func(float64) string, over over) {
		for _, tried := range all {
			if _, known := meanOf(tried.steps, f); known {
				t.Columns, columns = append(t.Columns, text.Numbers(title)...), append(columns, line{title, f, show, false, over})
				return
			}
		}
	}
	if p.retries > 0 {
		add("Retries", retries, text.Number, total)
	}
	if p.rate > 0 {
		add("Dropped", dropped, text.Number, total)
	}
	add("Wait p95", waitP95, text.Millis, average)
	if p.pools > 1 {
		add(p.peakInUse(), ofPool(func(p *PoolMeasurement) float64 { return p.Active.Max }), text.Number, most)
	}
	add("In use p95", ofPool(func(p *PoolMeasurement) float64 { return p.Active.P95 }), text.Number, average)
	for _, l := range p.ofPools("All peaks", "Imbalance") {
		add(l.title, l.value, l.show, l.over)
	}
	add("CPU", cpu, text.Percent.Format, average)
	t.Columns = append(t.Columns, text.Words("Carried")...)
	for _, tried := range ascending(all) {
		row := []string{p.label(tried.load)}
		for _, column := range columns {
			value, known := column.of(tried.steps)
			row = append(row, shown(value, known, column.show))
		}
		t.Rows = append(t.Rows, append(row, carriedInWords(tried, a)))
	}
	return t
}

// carriedInWords goes by most of the steps; where as many are for as against, by
// the capacity.
func carriedInWords(t tried, a answer) string {
	word := "yes"
	if t.missed() > t.carried() || t.missed() == t.carried() && t.load > a.middle {
		word = "no: " + t.broke().titles()
	}
	if len(t.judged) > 1 {
		word += fmt.Sprintf(" (%d of %d)", t.carried(), len(t.judged))
	}
	return word
}

// charts are response times and throughput over the load.
func (p *capacity) charts(all []tried, a answer) []report.Chart {
	sorted := ascending(all)
	axis := "users"
	if p.rate > 0 {
		axis = "arrivals per second"
	}
	curve := func(title, unit string, series ...line) report.Chart {
		c := report.Chart{Title: title, XLabel: axis, YLabel: unit, Kind: report.Lines}
		for _, t := range sorted {
			c.X = append(c.X, t.load)
		}
		for _, l := range series {
			s := report.Series{Name: l.title}
			for _, t := range sorted {
				value, known := meanOf(t.steps, l.value)
				if !known {
					value = math.NaN()
				}
				s.Values = append(s.Values, value)
			}
			c.Series = append(c.Series, s)
		}
		if a.middle > 0 {
			c.Marks = append(c.Marks, report.Mark{X: a.middle, Label: "carried: " + p.label(a.middle)})
		}
		return c
	}
	times := []line{{title: "response, p95", value: p95}}
	if slices.ContainsFunc(sorted, func(t tried) bool { _, known := meanOf(t.steps, waitP95); return known }) {
		times = append(times, line{title: "wait for a connection, p95", value: waitP95})
	}
	charts := []report.Chart{
		curve("Response time over the load", "milliseconds", times...),
		curve("Requests served over the load", "per second", line{title: "served", value: throughput}),
	}
	if broke := a.broke.broke().broke; len(broke) > 0 {
		first := p.criterionChart(sorted, axis, broke[0].Criterion)
		first.Marks = charts[0].Marks
		charts = append([]report.Chart{first}, charts...)
	}
	return charts
}

// criterionChart is the curve of the criterion that broke, with what it asks for.
func (p *capacity) criterionChart(sorted []tried, axis string, c verdict.Criterion) report.Chart {
	chart := report.Chart{Title: c.Title + " over the load (what broke first)", XLabel: axis, YLabel: string(c.Unit), Kind: report.Lines}
	s := report.Series{Name: c.Title}
	scale := 1.0
	if c.Unit == text.Share {
		scale, chart.YLabel = 100, "percent"
	}
	for _, t := range sorted {
		sum, n := 0.0, 0.0
		for _, j := range t.judged {
			for _, row := range j.rows {
				if row.Criterion.Name == c.Name && row.Measured != nil {
					sum, n = sum+*row.Measured, n+1
				}
			}
		}
		chart.X, s.Values = append(chart.X, t.load), append(s.Values, scale*sum/n) // NaN, a gap, without any
	}
	chart.Series = []report.Series{s}
	if limit, ok := c.Limit(); ok {
		chart.Limits = []report.Limit{{Name: "PASS limit " + c.LimitText(), Value: scale * limit}}
	}
	return chart
}
