package diagnosis

import (
	"maps"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// slowStatement is from when on a statement counts as slow, in milliseconds. A
// whole page of FlowBoard's issues has 350 ms at the 95th percentile.
const slowStatement = 250

// Recorded adds the pools and the load generator of a timeline.
func (run *Facts) Recorded(s timeline.Snapshot) {
	whole := s.Whole()
	run.windows, run.began, run.width = s.Windows, s.Start, s.Width
	run.addTotals(whole)
	run.requestP95 = whole.Requests.Duration.Quantile(0.95)
	for i := range run.Pools {
		p := &run.Pools[i]
		for _, w := range s.Windows {
			if seen := w.Totals.Pools[p.Name]; seen != nil {
				requests := w.Totals.Requests
				p.spans = append(p.spans, span{w.From.Seconds(), s.Width.Seconds(), seen, requests.Duration.Count(), requests.Retried()})
			}
		}
	}
}

// Merged adds the pools and the load generators of several runners' recording,
// in which what happened when is known of the levels alone: each runner knows only
// its own share of a pool.
func (run *Facts) Merged(r timeline.Recording) {
	run.addTotals(r.Totals)
	for i := range run.Pools {
		p := &run.Pools[i]
		p.inUse, p.waiting = sampled(r.Fine[p.Name].Active), sampled(r.Fine[p.Name].Waiting)
		var open timeline.Distribution
		for _, l := range r.Levels[p.Name] {
			for range l.Samples {
				open.Add(l.TotalMax)
			}
		}
		p.open = statsOf(open)
	}
}

func sampled(s timeline.LevelSeries) stats {
	var d timeline.Distribution
	for _, at := range s.Whole() {
		for range at.Samples {
			d.Add(float64(at.Level))
		}
	}
	return statsOf(d)
}

func (run *Facts) addTotals(whole timeline.Totals) {
	run.generator = generator{cpu: statsOf(whole.Generator.CPU), delay: statsOf(whole.Generator.Delay)}
	for _, name := range slices.Sorted(maps.Keys(whole.Pools)) {
		i := slices.IndexFunc(run.Pools, func(p Pool) bool { return p.Name == name })
		if i < 0 {
			i = len(run.Pools)
			run.Pools = append(run.Pools, Pool{Name: name})
		}
		run.Pools[i].addTotals(whole.Pools[name])
	}
}

func (p *Pool) addTotals(t *timeline.Pool) {
	p.application = t.Wait.Count() == 0 && t.Active.Count() > 0
	p.timeouts, p.opened, p.leaks = float64(t.Timeouts), float64(t.Opened), float64(t.Leaks)
	p.wait, p.use, p.query = statsOf(t.Wait), statsOf(t.Use), statsOf(t.Query)
	p.inUse, p.waiting, p.open = statsOf(t.Active), statsOf(t.Waiting), statsOf(t.Total)
	p.closed, p.errors, p.nestedWaits = t.Closed, t.Errors, t.NestedWaits
	p.slowCount, p.slow = t.Query.Above(slowStatement)
}

// statsOf sums up a distribution.
func statsOf(d timeline.Distribution) stats {
	return stats{
		count: float64(d.Count()), sum: d.Sum(), mean: d.Mean(),
		median: d.Quantile(0.5), p95: d.Quantile(0.95), max: d.Max(),
	}
}
