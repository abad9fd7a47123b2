package experiment

import (
	"fmt"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// comparison holds the rounds of both configurations. Rounds that have only one
// of them are left out.
type comparison struct {
	plan          *beforeAfter
	before, after []Measurement
}

func (p *beforeAfter) compare(done []Measurement) comparison {
	c := comparison{plan: p}
	for i := 0; i+1 < len(done); i += 2 {
		before, after := done[i], done[i+1]
		if before.Step.Label == labelAfter {
			before, after = after, before
		}
		c.before, c.after = append(c.before, before), append(c.after, after)
	}
	return c
}

func (p *beforeAfter) Result(done []Measurement) *Result {
	c := p.compare(done)
	left, _ := p.left(done)
	r := newResult(p.plan, len(done), left)
	s := report.Section{
		Title: fmt.Sprintf("Before and after: %s, %s", p.loadInWords(), rounds(len(c.before))),
		Text:  paragraphs(fmt.Sprintf("Before is %s; after is %s.", p.before, p.after), unfinished(len(done), left)),
	}
	if len(c.before) == 0 {
		s.Text = append(s.Text, "No round was finished: there is nothing to compare.")
		if len(done) > 0 {
			c.before = done
			s.Tables = []text.Table{c.table()}
		}
		r.Sections = []report.Section{s}
		return r
	}
	c.addValues(r.Values)
	if ratio := c.p95Ratio(); ratio.known() && !ratio.hasInterval() {
		r.Unknown = map[string]string{metricP95High: c.whyNoInterval()}
	}
	s.Tables = []text.Table{c.table()}
	s.Text = append(s.Text, paragraphs(p.onPools(), c.method(), c.onResponses(), c.onFailures(), c.onCPU(), p.onGenerator(done))...)
	s.Charts = c.charts()
	r.Answer = c.answer()
	r.Sections = []report.Section{s, c.runbook()}
	return r
}

// answer are the ratios that one looks for.
func (c comparison) answer() []report.Fact {
	var all []report.Fact
	add := func(name string, ratio interval) {
		if !ratio.known() {
			return
		}
		f := report.Fact{Name: name, Value: text.Ratio.Format(ratio.value), Detail: "after over before, one round"}
		if ratio.hasInterval() {
			f.Detail = fmt.Sprintf("95 %% interval %s–%s", text.Factor(ratio.low), text.Factor(ratio.high))
		}
		all = append(all, f)
	}
	add("Response p95, after/before", c.p95Ratio())
	add("Requests served", c.ratioOf(throughput))
	add("Database CPU", c.ratioOf(cpu))
	return all
}

func rounds(n int) string { return text.Counted(n, "round") }

// unfinished says how far a plan of rounds is; nothing at its end.
func unfinished(done, left int) string {
	if left == 0 {
		return ""
	}
	return fmt.Sprintf("Unfinished: %s done, %d left. Only complete rounds are compared.", text.Counted(done, "step"), left)
}

// loadInWords says who asked: "100 users thinking for 1s".
func (s settings) loadInWords() string {
	if s.rate > 0 {
		return fmt.Sprintf("%s arrivals per second for at most %s", text.Number(s.rate), text.Counted(s.users, "user")) + s.processes()
	}
	return fmt.Sprintf("%s thinking for %s", text.Counted(s.users, "user"), text.Setting(s.think)) + s.processes()
}

// processes says that an application has several.
func (s settings) processes() string {
	if s.workers == 1 {
		return ""
	}
	return fmt.Sprintf(", %d processes with a pool each", s.workers)
}

// ratioOf compares one quantity over the rounds.
func (c comparison) ratioOf(f quantity) interval {
	return pairedRatio(each(c.before, f), each(c.after, f))
}

func (c comparison) addValues(values map[string]float64) {
	for name, f := range map[string]quantity{
		metricThroughputRatio: throughput, metricCPURatio: cpu, metricCPUPerRequest: cpuPerRequest,
	} {
		if ratio := c.ratioOf(f); ratio.known() {
			values[name] = ratio.value
		}
	}
	if ratio := c.p95Ratio(); ratio.known() {
		values[metricP95Ratio] = ratio.value
		if ratio.hasInterval() {
			values[metricP95Low], values[metricP95High] = ratio.low, ratio.high
		}
	}
	before, after := sum(c.before), sum(c.after)
	values[metricBeforeSuccess], values[metricBeforeTimeouts] = before.success(), float64(before.Timeouts)
	values[metricSuccess], values[metricTimeouts] = after.success(), float64(after.Timeouts)
	values[metricTimedOut] = after.timedOut()
	if c.plan.rate > 0 {
		values[metricDropped], values[metricDroppedShare] = float64(after.Dropped), after.unserved()
	}
}

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
func (c comparison) p95Ratio() interval {
	ratio := c.ratioOfAnswers()
	if c.fewest() < leastResponses {
		ratio.low, ratio.high = math.NaN(), math.NaN()
	}
	return ratio
}

func (c comparison) ratioOfAnswers() interval {
	if measured := c.ratioOf(p95); !measured.known() || c.answered() {
		return measured
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
		return fmt.Sprintf("a step had %s, and a p95 takes %d; raise DURATION", text.Counted(n, "response"), leastResponses)
	}
	return "one round gives no confidence interval; raise ROUNDS"
}

func (m Measurement) p95Within(slowest float64) float64 {
	if m.reachesP95() {
		return m.Request.P95
	}
	return slowest
}
