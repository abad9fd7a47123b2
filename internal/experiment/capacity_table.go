package experiment

import (
	"cmp"
	"fmt"
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

// columns are what is shown of a load.
func (p *capacity) columns() []line {
	columns := slices.Concat(common, p.ofLoad("Dropped"), []line{{"Wait p95", waitP95, text.Millis, false, average}})
	if p.pools > 1 {
		columns = append(columns, line{p.peakInUse(), peakInUse, text.Number, false, most})
	}
	columns = append(columns, line{"In use p95", ofPool(func(p *poolMeasurement) float64 { return p.Active.P95 }), text.Number, false, average})
	return append(append(columns, p.ofPools("All peaks", "Imbalance")...), cpuOfHost)
}

// table has one row for each load, in ascending order. What no step measured has no
// column.
func (p *capacity) table(all []tried, a answer) text.Table {
	columns := slices.DeleteFunc(p.columns(), func(l line) bool {
		return !slices.ContainsFunc(all, func(t tried) bool { return isKnown(t.steps, l.value) })
	})
	t := text.Table{Columns: slices.Concat(text.Words("Load"), headings(columns), text.Words("Carried"))}
	for _, tried := range ascending(all) {
		t.Rows = append(t.Rows, slices.Concat([]string{p.label(tried.load)}, cells(columns, tried.steps), []string{carriedInWords(tried, a)}))
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

// charts are response times and throughput over the load, and the criterion that
// broke.
func (p *capacity) charts(all []tried, a answer) []report.Chart {
	var loads []float64
	var groups [][]Measurement
	for _, t := range ascending(all) {
		loads, groups = append(loads, t.load), append(groups, t.steps)
	}
	times := []line{{title: "response, p95", value: p95}}
	if slices.ContainsFunc(groups, func(steps []Measurement) bool { return isKnown(steps, waitP95) }) {
		times = append(times, line{title: "wait for a connection, p95", value: waitP95})
	}
	charts := []report.Chart{
		curves("Response time over the load", "milliseconds", groups, times...),
		curves("Requests served over the load", "per second", groups, line{title: "served", value: throughput}),
	}
	for _, chart := range charts {
		for i := range chart.Series {
			chart.Series[i].Low, chart.Series[i].High = nil, nil
		}
	}
	if broke := a.broke.broke().broke; len(broke) > 0 {
		charts = append([]report.Chart{criterionChart(ascending(all), broke[0].Criterion)}, charts...)
	}
	for i := range charts {
		charts[i].X, charts[i].XLabel = loads, "users"
		if p.rate > 0 {
			charts[i].XLabel = "arrivals per second"
		}
		if a.middle > 0 {
			charts[i].Marks = []report.Mark{{X: a.middle, Label: "carried: " + p.label(a.middle)}}
		}
	}
	return charts
}

// criterionChart is the curve of the criterion that broke, with what it asks for.
func criterionChart(sorted []tried, c verdict.Criterion) report.Chart {
	chart := report.Chart{Title: c.Title + " over the load (what broke first)", YLabel: string(c.Unit), Kind: report.Lines}
	s := report.Series{Name: c.Title}
	scale := 1.0
	if c.Unit == text.Share {
		scale, chart.YLabel = 100, "percent"
	}
	for _, t := range sorted {
		sum, n := 0.0, 0.0
		for _, j := range t.judged {
			for _, row := range j.rows {
				if row.Name == c.Name && row.Measured != nil {
					sum, n = sum+*row.Measured, n+1
				}
			}
		}
		s.Values = append(s.Values, scale*sum/n) // NaN, a gap, without any
	}
	chart.Series = []report.Series{s}
	if limit, ok := c.Limit(); ok {
		chart.Limits = []report.Limit{{Name: "PASS limit " + c.LimitText(), Value: scale * limit}}
	}
	return chart
}
