package experiment

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
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
		c.before, c.after = append(c.before, done[i]), append(c.after, done[i+1])
	}
	return c
}

// Result implements [Plan].
func (p *beforeAfter) Result(done []Measurement) (Result, error) {
	c := p.compare(done)
	left, _ := p.Left(done)
	d := &document{figures: map[string]float64{figureSteps: float64(len(done)), figureLeft: float64(left)}}
	s := section{Section: report.Section{Title: fmt.Sprintf("Before and after: %s, %s", p.loadInWords(), rounds(len(c.before)))}}
	s.say(fmt.Sprintf("Before is %s; after is %s.", p.before, p.after))
	if left > 0 {
		s.say(unfinished(len(done), left) + " Only whole rounds are compared.")
	}
	if len(c.before) == 0 {
		s.say("Not one round was finished: there is nothing to compare.")
		if len(done) > 0 {
			c.before = done
			s.Tables = []report.Table{c.table()}
		}
		d.sections = []section{s}
		return d, nil
	}
	c.addFigures(d.figures)
	if ratio, ok := c.p95Ratio(); ok && !ratio.hasInterval() {
		d.unknown = map[string]string{figureP95High: c.whyNoInterval()}
	}
	s.Tables = []report.Table{c.table()}
	s.say(c.method())
	for _, sentence := range c.findings() {
		s.say(sentence)
	}
	s.Charts = c.charts()
	d.sections = []section{s}
	return d, nil
}

func rounds(n int) string { return verdict.Counted(n, "round") }

func unfinished(done, left int) string {
	return fmt.Sprintf("Unfinished: %s done, %d left.", verdict.Counted(done, "step"), left)
}

// loadInWords says who asked: "100 users thinking for 1s".
func (s settings) loadInWords() string {
	if s.rate > 0 {
		return fmt.Sprintf("%s arrivals per second for at most %s", showNumber(s.rate), verdict.Counted(s.users, "user"))
	}
	return fmt.Sprintf("%s thinking for %s", verdict.Counted(s.users, "user"), showDuration(s.think.String()))
}

// ratioOf compares one figure over the rounds.
func (c comparison) ratioOf(f figure) (interval, bool) {
	return pairedRatio(each(c.before, f), each(c.after, f))
}

// figure reads one number out of a measurement, NaN where it was not measured.
type figure func(Measurement) float64

func each(all []Measurement, f figure) []float64 {
	values := make([]float64, len(all))
	for i, m := range all {
		values[i] = f(m)
	}
	return values
}

func p95(m Measurement) float64        { return m.Request.P95 }
func throughput(m Measurement) float64 { return m.served() }
func dropped(m Measurement) float64    { return float64(m.Dropped) }

func cpu(m Measurement) float64 {
	if m.CPU == nil {
		return math.NaN()
	}
	return m.CPU.Mean
}

// cpuPerRequest is in percent of the host for one request per second that
// succeeded.
func cpuPerRequest(m Measurement) float64 {
	if m.served() == 0 {
		return math.NaN()
	}
	return cpu(m) / m.served()
}

// ofPool reads a figure of the pool.
func ofPool(f func(*PoolFigures) float64) figure {
	return func(m Measurement) float64 {
		if m.Pool == nil {
			return math.NaN()
		}
		return f(m.Pool)
	}
}

// ofWait reads a figure of the waits. Those inside an application are not seen,
// which is not that nobody waited.
func ofWait(f func(Times) float64) figure {
	return ofPool(func(p *PoolFigures) float64 {
		if p.Wait.Count == 0 {
			return math.NaN()
		}
		return f(p.Wait)
	})
}

var (
	waitP95  = ofWait(func(t Times) float64 { return t.P95 })
	waitMean = ofWait(func(t Times) float64 { return t.Mean })
)

func (c comparison) addFigures(figures map[string]float64) {
	for name, f := range map[string]figure{
		figureThroughput: throughput, figureCPURatio: cpu, figureCPUPerRequest: cpuPerRequest,
	} {
		if ratio, ok := c.ratioOf(f); ok {
			figures[name] = ratio.value
		}
	}
	if ratio, ok := c.p95Ratio(); ok {
		figures[figureP95Ratio] = ratio.value
		if ratio.hasInterval() {
			figures[figureP95Low], figures[figureP95High] = ratio.low, ratio.high
		}
	}
	before, after := sum(c.before), sum(c.after)
	figures[figureBeforeSuccess], figures[figureBeforeTimeouts] = before.success(), float64(before.Timeouts)
	figures[figureSuccess], figures[figureTimeouts] = after.success(), float64(after.Timeouts)
	figures[figureTimedOut] = after.timedOut()
	if c.plan.rate > 0 {
		figures[figureDropped], figures[figureDroppedShare] = float64(after.Dropped), after.unserved()
	}
}

// sum adds up what is counted.
func sum(all []Measurement) Measurement {
	var total Measurement
	for _, m := range all {
		total.Requests += m.Requests
		total.Failed += m.Failed
		total.Timeouts += m.Timeouts
		total.Dropped += m.Dropped
	}
	return total
}
