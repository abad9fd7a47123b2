package diagnosis

import (
	"maps"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// slowStatement is from when on a statement counts as slow, in milliseconds. A
// whole page of FlowBoard's issues has 350 ms at the 95th percentile.
const slowStatement = 250

// Recorded adds the pools and the load generator of a timeline.
func (f *Facts) Recorded(s timeline.Snapshot) {
	whole := s.Whole()
	f.addTotals(whole)
	for i := range f.Pools {
		p := &f.Pools[i]
		for _, w := range s.Windows {
			if seen := w.Totals.Pools[p.Name]; seen != nil {
				p.spans = append(p.spans, span{w.From.Seconds(), s.Width.Seconds(), seen, w.Totals.Requests.Duration.Count()})
			}
		}
	}
}

// Merged adds the pools and the load generators of several runners' recording,
// in which what happened when is known of the levels alone.
func (f *Facts) Merged(r timeline.Recording) {
	f.addTotals(r.Totals)
	for i := range f.Pools {
		f.Pools[i].addUp(r.Levels[f.Pools[i].Name])
	}
}

func (f *Facts) addTotals(whole timeline.Totals) {
	f.Generator = Generator{CPU: SpreadOf(whole.Generator.CPU), Delay: SpreadOf(whole.Generator.Delay)}
	for _, name := range slices.Sorted(maps.Keys(whole.Pools)) {
		i := slices.IndexFunc(f.Pools, func(p Pool) bool { return p.Name == name })
		if i < 0 {
			i = len(f.Pools)
			f.Pools = append(f.Pools, Pool{Name: name})
		}
		f.Pools[i].addTotals(whole.Pools[name])
	}
}

func (p *Pool) addTotals(t *timeline.Pool) {
	p.Application = t.Wait.Count() == 0 && t.Active.Count() > 0
	p.Timeouts, p.Opened, p.Leaks = float64(t.Timeouts), float64(t.Opened), float64(t.Leaks)
	p.Wait, p.Use, p.Query = SpreadOf(t.Wait), SpreadOf(t.Use), SpreadOf(t.Query)
	p.InUse, p.Waiting, p.Open = levelsOf(t.Active), levelsOf(t.Waiting), levelsOf(t.Total)
	p.Closed, p.Errors = t.Closed, t.Errors
	p.SlowCount, p.Slow = t.Query.Above(slowStatement)
}

// addUp takes the levels from those of several runners together: each knows
// only its own share of the pool.
func (p *Pool) addUp(levels []timeline.Level) {
	var active, waiting, total timeline.Distribution
	for _, l := range levels {
		addSamples(&active, l.ActiveSamples())
		addSamples(&waiting, l.WaitingSamples())
		for range l.Samples {
			total.Add(l.TotalMax)
		}
	}
	p.InUse, p.Waiting, p.Open = levelsOf(active), levelsOf(waiting), levelsOf(total)
}

func addSamples(d *timeline.Distribution, at map[int]int64) {
	for level, n := range at {
		for range n {
			d.Add(float64(level))
		}
	}
}

// SpreadOf sums up a distribution.
func SpreadOf(d timeline.Distribution) Spread {
	return Spread{
		Count: float64(d.Count()), Sum: d.Sum(), Mean: d.Mean(),
		Median: d.Quantile(0.5), P95: d.Quantile(0.95), Max: d.Max(),
	}
}

// levelsOf is SpreadOf of integers, which a distribution only comes near.
func levelsOf(d timeline.Distribution) Spread {
	s := SpreadOf(d)
	s.Median, s.P95 = math.Round(s.Median), math.Round(s.P95)
	return s
}
