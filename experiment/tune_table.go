package experiment

import (
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/report"
)

// table has one row for each pool, the smallest first.
func (p *tune) table(w sweep, k knee) report.Table {
	t := report.Table{Columns: []string{"Pool", "As good", "p95", "Served", "Success", "Timeouts", "Held", "Mean wait", "By model", "CPU"}}
	for _, c := range w.all {
		row := []string{c.String(), k.inWords(c)}
		for _, l := range []line{
			{"", p95, showMillis, false, average},
			{"", throughput, showRate, false, average},
			{"", Measurement.success, showShare, false, average},
			{"", func(m Measurement) float64 { return float64(m.Timeouts) }, showNumber, false, total},
			{"", ofPool(func(p *PoolFigures) float64 { return p.Use }), showMillis, false, average},
			{"", ofPool(func(p *PoolFigures) float64 { return p.Wait.Mean }), showMillis, false, average},
		} {
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
