package experiment

import "slices"

// reachesP95 tells whether so many arrivals were answered that the 95th
// percentile is one of an answer.
func (m Measurement) reachesP95() bool {
	const quantile = 0.95
	return m.answered() > quantile
}

// answered tells whether all rounds have a p95 that is one of answers.
func (c comparison) answered() bool {
	return !slices.ContainsFunc(slices.Concat(c.before, c.after), func(m Measurement) bool { return !m.reachesP95() })
}

// p95Ratio is the ratio that is judged. A p95 that is none of answers counts as
// the slowest response of its round, on either side: failures are often quick,
// and who fails more must not look faster for it.
func (c comparison) p95Ratio() (interval, bool) {
	if measured, ok := c.ratioOf(p95); !ok || c.answered() {
		return measured, ok
	}
	var before, after []float64
	for i := range c.before {
		slowest := max(c.before[i].Request.Max, c.after[i].Request.Max)
		before = append(before, c.before[i].p95Within(slowest))
		after = append(after, c.after[i].p95Within(slowest))
	}
	return pairedRatio(before, after)
}

func (m Measurement) p95Within(slowest float64) float64 {
	if m.reachesP95() {
		return m.Request.P95
	}
	return slowest
}
