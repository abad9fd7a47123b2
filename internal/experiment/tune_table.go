package experiment

import (
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// columns are what is shown of a pool.
func (p *tune) columns() []line {
	columns := []line{
		{"p95", p95, text.Millis, false, average},
		{"Served", throughput, text.PerSecond.Format, false, average},
		{"Success", Measurement.success, text.Share.Format, false, average},
		{"Timeouts", func(m Measurement) float64 { return float64(m.Timeouts) }, text.Number, false, total},
	}
	if p.pools > 1 {
		columns = append(columns, line{p.peakInUse(), ofPool(func(p *PoolMeasurement) float64 { return p.Active.Max }), text.Number, false, most})
		columns = append(columns, p.ofPools("All peaks", "Imbalance")...)
	}
	if p.retries > 0 {
		columns = append(columns, line{"Retries", retries, text.Number, false, total})
	}
	if p.rate > 0 {
		columns = append(columns, line{"Dropped", dropped, text.Number, false, total})
	}
	return append(columns,
		line{"Held", held, text.Millis, false, average},
		line{"Mean wait", waitMean, text.Millis, false, average})
}

// table has one row for each pool, the smallest first. asGood says how it
// compares with the best.
func (p *tune) table(w sweep, asGood func(candidate) string) text.Table {
	t := text.Table{Columns: text.Words("Pool", "As good")}
	for _, l := range p.columns() {
		t.Columns = append(t.Columns, text.Numbers(l.title)...)
	}
	t.Columns = append(t.Columns, text.Numbers("By model", "CPU")...)
	for _, c := range w.all {
		row := []string{c.String(), asGood(c)}
		for _, l := range p.columns() {
			value, known := l.of(c.rounds)
			row = append(row, shown(value, known, l.show))
		}
		load, known := c.meanLevel(cpu)
		t.Rows = append(t.Rows, append(row, p.modelInWords(c), shown(load, known, text.Percent.Format)))
	}
	return t
}

func (p *tune) modelInWords(c candidate) string {
	q, ok := p.model(c)
	switch {
	case !ok:
		return text.None
	case math.IsInf(q.wait, 1):
		return "overload"
	default:
		return text.Millis(q.wait)
	}
}

// notCompared stands where no round is whole.
func notCompared(candidate) string { return text.None }

func (k knee) inWords(c candidate) string {
	i := slices.IndexFunc(k.sound, func(s candidate) bool { return s.size == c.size })
	switch {
	case i < 0 && !c.meets():
		return "misses: " + c.broke[0].titles()
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
