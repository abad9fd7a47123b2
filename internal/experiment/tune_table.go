package experiment

import (
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// columns are what is shown of a pool.
func (p *tune) columns() []line {
	columns := slices.Clone(common)
	if p.pools > 1 {
		columns = append(columns, line{p.peakInUse(), peakInUse, text.Number, false, most})
	}
	return slices.Concat(columns, p.ofPools("All peaks", "Imbalance"), p.ofLoad("Dropped"), []line{
		{"Held", held, text.Millis, false, average},
		{"Mean wait", waitMean, text.Millis, false, average},
	})
}

// table has one row for each pool, the smallest first. asGood says how it
// compares with the best.
func (p *tune) table(w sweep, asGood func(candidate) string) text.Table {
	columns := p.columns()
	t := text.Table{Columns: slices.Concat(text.Words("Pool", "As good"), headings(columns), text.Numbers("By model", "CPU"))}
	for _, c := range w.all {
		row := append([]string{c.String(), asGood(c)}, cells(columns, c.rounds)...)
		t.Rows = append(t.Rows, append(row, p.modelInWords(c), cpuOfHost.cell(c.rounds)))
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

// notCompared is shown where no round is complete.
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
