package report

import (
	"math"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

const (
	// A chart has at most mostMoments points, and all charts of the timeline
	// together at most allMoments: with their tables about half a megabyte.
	mostMoments = 150
	allMoments  = 1800
	fewMoments  = 30
	// A run has at least leastMoments steps, so long as it has windows.
	leastMoments = 10
	leastStep    = time.Second
)

// moments are a run in steps of equal length, from its first observation to its
// last. Nothing is left out: where nothing happened the totals are empty.
type moments struct {
	step   time.Duration
	at     []float64 // since the run's start, in seconds
	totals []timeline.Totals
}

// momentsOf merges a run's windows into at most as many steps as charts of
// them fit a page.
func momentsOf(run timeline.Snapshot, whole timeline.Totals, charts int) moments {
	if len(run.Windows) == 0 || run.Width <= 0 {
		return moments{}
	}
	most := min(mostMoments, max(fewMoments, allMoments/charts))
	windows := int(run.Windows[len(run.Windows)-1].From/run.Width) + 1
	step := run.Width * time.Duration((windows+most-1)/most)
	if least := min(usualStep(whole), time.Duration(windows)*run.Width/leastMoments); step < least {
		step = run.Width * (least / run.Width)
	}
	count := int(run.Windows[len(run.Windows)-1].From/step) + 1
	m := moments{step: step, at: make([]float64, count), totals: make([]timeline.Totals, count)}
	for i := range m.at {
		m.at[i] = (time.Duration(i) * step).Seconds()
	}
	for _, w := range run.Windows {
		m.totals[w.From/step].Merge(w.Totals)
	}
	return m
}

// usualStep is a length of time in which users who are all answered after the
// same time, as at a pool's timeout, are answered in each step: in a shorter one
// they would be there in one and missing in the next.
func usualStep(whole timeline.Totals) time.Duration {
	return max(leastStep, time.Duration(2*whole.Requests.Duration.Quantile(0.5)*float64(time.Millisecond)))
}

// ends are the first and the last step, which every chart reaches to.
func (m moments) ends() (first, last float64) {
	if len(m.at) == 0 {
		return 0, 0
	}
	return m.at[0], m.at[len(m.at)-1]
}

// each gives a value of every step.
func (m moments) each(value func(timeline.Totals) float64) []float64 {
	values := make([]float64, len(m.totals))
	for i, t := range m.totals {
		values[i] = value(t)
	}
	return values
}

// count is each for what is counted.
func (m moments) count(value func(timeline.Totals) int64) []float64 {
	return m.each(func(t timeline.Totals) float64 { return float64(value(t)) })
}

// where are the steps in which there are values.
func (m moments) where(p pick) moments {
	some := moments{step: m.step}
	for i, t := range m.totals {
		if d := p(t); d != nil && d.Count() > 0 {
			some.at, some.totals = append(some.at, m.at[i]), append(some.totals, t)
		}
	}
	return some
}

// pick finds a distribution among the totals, nil where there is none.
type pick func(timeline.Totals) *timeline.Distribution

// ofPool picks from one pool.
func ofPool(name string, choose func(*timeline.Pool) *timeline.Distribution) pick {
	return func(t timeline.Totals) *timeline.Distribution {
		if p := t.Pools[name]; p != nil {
			return choose(p)
		}
		return nil
	}
}

// of reads a value off a distribution; one without values has none.
func (p pick) of(value func(timeline.Distribution) float64) func(timeline.Totals) float64 {
	return func(t timeline.Totals) float64 {
		d := p(t)
		if d == nil || d.Count() == 0 {
			return math.NaN()
		}
		return value(*d)
	}
}

// percentiles are the three series that tell a distribution over time.
func (m moments) percentiles(p pick) []Series {
	quantile := func(q float64) func(timeline.Distribution) float64 {
		return func(d timeline.Distribution) float64 { return d.Quantile(q) }
	}
	return []Series{
		{Name: "p50", Values: m.each(p.of(quantile(0.5)))},
		{Name: "p95", Values: m.each(p.of(quantile(0.95)))},
		{Name: "max", Values: m.each(p.of(timeline.Distribution.Max))},
	}
}

// sampled is the mean of a level, with the extremes as its range.
func (m moments) sampled(name string, p pick) Series {
	return Series{
		Name:   name,
		Values: m.each(p.of(timeline.Distribution.Mean)),
		Low:    m.each(p.of(timeline.Distribution.Min)),
		High:   m.each(p.of(timeline.Distribution.Max)),
	}
}
