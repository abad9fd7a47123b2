package experiment

import (
	"fmt"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// leastResponses is how many a step needs: of fewer the 95th percentile is the
// slowest of all.
const leastResponses = 20

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
// and who fails more must not look faster for it. Where a step has too few
// responses there is no interval, since there is no p95 for it to be of.
func (c comparison) p95Ratio() (interval, bool) {
	ratio, ok := c.ratioOfAnswers()
	if c.fewest() < leastResponses {
		ratio.low, ratio.high = math.NaN(), math.NaN()
	}
	return ratio, ok
}

func (c comparison) ratioOfAnswers() (interval, bool) {
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

// fewest is the number of responses in the step that has the fewest.
func (c comparison) fewest() int {
	fewest := int64(math.MaxInt32)
	for _, m := range slices.Concat(c.before, c.after) {
		fewest = min(fewest, m.Requests)
	}
	return int(fewest)
}

// whyNoInterval says what the ratio's interval lacks.
func (c comparison) whyNoInterval() string {
	if n := c.fewest(); n < leastResponses {
		return fmt.Sprintf("a step had %s, and a p95 takes %d; raise DURATION", verdict.Counted(n, "response"), leastResponses)
	}
	return "one round gives no confidence interval; raise ROUNDS"
}

func (m Measurement) p95Within(slowest float64) float64 {
	if m.reachesP95() {
		return m.Request.P95
	}
	return slowest
}
