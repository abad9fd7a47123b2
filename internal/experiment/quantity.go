package experiment

import (
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// quantity reads one number out of a measurement, NaN where it was not measured.
type quantity func(Measurement) float64

func each(all []Measurement, f quantity) []float64 {
	values := make([]float64, len(all))
	for i, m := range all {
		values[i] = f(m)
	}
	return values
}

func p95(m Measurement) float64        { return m.Request.P95 }
func throughput(m Measurement) float64 { return m.served() }
func dropped(m Measurement) float64    { return float64(m.Dropped) }
func retries(m Measurement) float64    { return float64(m.Retries) }
func timeouts(m Measurement) float64   { return float64(m.Timeouts) }
func requests(m Measurement) float64   { return float64(m.Requests) }

func cpu(m Measurement) float64 {
	if m.CPU == nil {
		return math.NaN()
	}
	return m.CPU.Mean
}

// cpuPerRequest is in percent of the host for one request per second that
// succeeded.
func cpuPerRequest(m Measurement) float64 {
	if m.served() == 0 {
		return math.NaN()
	}
	return cpu(m) / m.served()
}

// ofPool reads a quantity of the pool.
func ofPool(f func(*poolMeasurement) float64) quantity {
	return func(m Measurement) float64 {
		if m.Pool == nil {
			return math.NaN()
		}
		return f(m.Pool)
	}
}

// ofOwn reads a quantity that only a pool of ours has. Waits inside an application
// are not seen, which is not that nobody waited.
func ofOwn(f func(*poolMeasurement) float64) quantity {
	return ofPool(func(p *poolMeasurement) float64 {
		if p.Wait.Count == 0 {
			return math.NaN()
		}
		return f(p)
	})
}

// held is how long a connection was, NaN where it is not known.
var held = ofPool(func(p *poolMeasurement) float64 {
	if p.Use == 0 {
		return math.NaN()
	}
	return p.Use
})

var (
	opened    = ofOwn(func(p *poolMeasurement) float64 { return float64(p.Opened) })
	peakInUse = ofPool(func(p *poolMeasurement) float64 { return p.Active.Max })
	waitP95   = ofOwn(func(p *poolMeasurement) float64 { return p.Wait.P95 })
	waitMean  = ofOwn(func(p *poolMeasurement) float64 { return p.Wait.Mean })
)

// sum adds up what is counted.
func sum(all []Measurement) Measurement {
	var total Measurement
	for _, m := range all {
		total.Requests += m.Requests
		total.Failed += m.Failed
		total.Timeouts += m.Timeouts
		total.Dropped += m.Dropped
		total.Retries += m.Retries
	}
	return total
}

// summary is a quantity over the rounds that have it, all NaN where none has.
type summary struct{ mean, low, high, total float64 }

func summarize(all []Measurement, f quantity) summary {
	s, n := summary{low: math.Inf(1), high: math.Inf(-1)}, 0.0
	for _, m := range all {
		if v := f(m); !math.IsNaN(v) {
			s.total, s.low, s.high, n = s.total+v, min(s.low, v), max(s.high, v), n+1
		}
	}
	if n == 0 {
		return summary{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	}
	s.mean = s.total / n
	return s
}

func meanOf(all []Measurement, f quantity) float64 { return summarize(all, f).mean }

func isKnown(all []Measurement, f quantity) bool { return !math.IsNaN(meanOf(all, f)) }

// line is a row of the side-by-side table, and a column of the others.
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

// cell is the quantity over all rounds as a table shows it.
func (l line) cell(all []Measurement) string {
	s := summarize(all, l.value)
	value := [...]float64{average: s.mean, most: s.high, total: s.total}[l.over]
	if math.IsNaN(value) {
		return text.None
	}
	return l.show(value)
}

// cells are those of one row.
func cells(columns []line, all []Measurement) []string {
	row := make([]string, len(columns))
	for i, l := range columns {
		row[i] = l.cell(all)
	}
	return row
}

// headings are those of columns that lines are.
func headings(lines []line) []text.Column {
	titles := make([]string, len(lines))
	for i, l := range lines {
		titles[i] = l.title
	}
	return text.Numbers(titles...)
}

// common are the first columns of what is searched.
var common = []line{
	{"p95", p95, text.Millis, false, average},
	{"Served", throughput, text.PerSecond.Format, false, average},
	{"Success", Measurement.success, text.Share.Format, false, average},
	{"Timeouts", timeouts, text.Number, false, total},
}

var cpuOfHost = line{"CPU", cpu, text.Percent.Format, false, average}

// ofLoad are what only some loads have: retries, and arrivals that are dropped.
func (s settings) ofLoad(droppedTitle string) (lines []line) {
	if s.retries > 0 {
		lines = append(lines, line{"Retries", retries, text.Number, false, total})
	}
	if s.rate > 0 {
		lines = append(lines, line{droppedTitle, dropped, text.Number, false, total})
	}
	return lines
}

// peakInUse is the title of the largest number in use, of several pools that of the
// fullest one.
func (s settings) peakInUse() string {
	if s.pools == 1 {
		return "Peak in use"
	}
	return "Peak, fullest pool"
}

// ofPools are the peaks of all pools together and their imbalance; nothing of one
// pool.
func (s settings) ofPools(together, imbalance string) []line {
	if s.pools == 1 {
		return nil
	}
	return []line{
		{together, ofPool(func(p *poolMeasurement) float64 { return p.Peaks }), text.Number, false, most},
		{imbalance, ofPool(func(p *poolMeasurement) float64 { return p.Imbalance }), text.Ratio.Format, false, average},
	}
}

// curves draws the mean of each group of steps, with the smallest and the largest.
func curves(title, unit string, groups [][]Measurement, lines ...line) report.Chart {
	c := report.Chart{Title: title, YLabel: unit, Kind: report.Lines}
	for _, l := range lines {
		s := report.Series{Name: l.title}
		for _, all := range groups {
			of := summarize(all, l.value)
			s.Values, s.Low, s.High = append(s.Values, of.mean), append(s.Low, of.low), append(s.High, of.high)
		}
		c.Series = append(c.Series, s)
	}
	return c
}
