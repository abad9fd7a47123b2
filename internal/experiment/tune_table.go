package experiment

import (
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/report"
)

// columns are what is shown of a pool.
func (p *tune) columns() []line {
	columns := []line{
		{"p95", p95, showMillis, false, average},
		{"Served", throughput, showRate, false, average},
		{"Success", Measurement.success, showShare, false, average},
		{"Timeouts", func(m Measurement) float64 { return float64(m.Timeouts) }, showNumber, false, total},
	}
	if p.rate > 0 {
		columns = append(columns, line{"Dropped", dropped, showNumber, false, total})
	}
	return append(columns,
		line{"Held", ofPool(func(p *PoolMeasurement) float64 { return p.Use }), showMillis, false, average},
		line{"Mean wait", waitMean, showMillis, false, average})
}

// table has one row for each pool, the smallest first. asGood says how it
// compares with the best.
func (p *tune) table(w sweep, asGood func(candidate) string) report.Table {
	t := report.Table{Columns: []string{"Pool", "As good"}}
	for _, l := range p.columns() {
		t.Columns = append(t.Columns, l.title)
	}
	t.Columns = append(t.Columns, "By model", "CPU")
	for _, c := range w.all {
		row := []string{c.String(), asGood(c)}
		for _, l := range p.columns() {
			value, known := l.of(c.rounds)
			row = append(row, shown(value, known, l.show))
		}
		load, known := c.meanLevel(cpu)
		t.Rows = append(t.Rows, append(row, p.modelInWords(c), shown(load, known, showPercent)))
	}
	return t
}

func (p *tune) modelInWords(c candidate) string {
	q, ok := p.model(c)
	switch {
	case !ok:
		return none
	case math.IsInf(q.wait, 1):
		return "overload"
	default:
		return showMillis(q.wait)
	}
}

// notCompared stands where no round is whole.
func notCompared(candidate) string { return none }

func (k knee) inWords(c candidate) string {
	i := slices.IndexFunc(k.sound, func(s candidate) bool { return s.size == c.size })
	switch {
	case i < 0 || k.asGood == nil:
		return "fails"
	case i == k.chosen:
		return "recommended"
	case k.asGood[i]:
		return "yes"
	default:
		return "no"
	}
}
