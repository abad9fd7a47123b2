package experiment

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// prediction is what the queueing model makes of one pool of a sweep.
type prediction struct {
	hold     float64 // measured: the model's input, in milliseconds
	measured float64 // mean wait, in milliseconds; NaN where it is not seen
	wait     float64 // the model's, +Inf where an open loop brings more than the pool can serve
}

// model predicts the wait of one pool from what that pool was measured to hold
// a connection for; ok is false where that is not known.
func (p *tune) model(c candidate) (prediction, bool) {
	hold := meanOf(c.rounds, held)
	if !(hold > 0) { // true for NaN
		return prediction{}, false
	}
	q := prediction{hold: hold, measured: meanOf(c.rounds, waitMean)}
	mean, err := p.modelWait(ofMillis(hold), c.connections())
	_, overload := errors.AsType[*sizing.OverloadError](err)
	switch {
	case overload:
		q.wait = math.Inf(1)
	case err != nil:
		return prediction{}, false // beyond the model's range, such as a hold of days
	default:
		q.wait = inMillis(mean)
	}
	return q, true
}

func (p *tune) modelWait(hold time.Duration, connections int) (time.Duration, error) {
	if p.rate > 0 {
		open, err := sizing.OpenLoop{Rate: p.rateOfOne(), Hold: hold, Connections: connections}.Solve()
		if err != nil {
			return 0, err
		}
		return open.MeanWait(), nil
	}
	closed, err := p.closedLoop(hold, connections).Solve()
	if err != nil {
		return 0, err
	}
	return closed.MeanWait(), nil
}

func (p *tune) closedLoop(hold time.Duration, connections int) sizing.ClosedLoop {
	return sizing.ClosedLoop{
		Users: p.users, Think: p.think, Hold: hold, Pools: p.copies(), Connections: connections, PoolTimeout: p.pool.timeout(),
	}
}

// rateOfOne is how many arrivals one pool gets: requests go to each at random.
func (p *tune) rateOfOne() float64 { return p.rate / float64(p.copies()) }

// modelSize is the smallest pool for which the model expects waits of at most
// so much at the 95th percentile; ok is false where it has no answer.
func (p *tune) modelSize(hold, wait float64) (connections int, ok bool) {
	const percentile = 95
	target := sizing.WaitTarget{Wait: min(ofMillis(wait), p.pool.timeout()), Percentile: percentile}
	var err error
	if p.rate > 0 {
		connections, err = sizing.OpenLoop{Rate: p.rateOfOne(), Hold: ofMillis(hold)}.SmallestConnections(target)
	} else {
		connections, err = p.closedLoop(ofMillis(hold), 1).SmallestConnections(target)
	}
	return connections, err == nil
}

// scalability fits the law to every step: requests served over the mean number
// of connections in use, which by Little is the throughput times the hold. most
// is the largest of these numbers.
func (w sweep) scalability() (fit *sizing.ScalabilityFit, most float64, err error) {
	var points []sizing.Point
	for _, c := range w.all {
		for _, m := range c.rounds {
			if m.Pool == nil {
				continue
			}
			inUse := m.Throughput * m.Pool.Use / 1000
			if inUse >= 1 && m.served() > 0 {
				points = append(points, sizing.Point{Concurrency: inUse, Throughput: m.served()})
				most = max(most, inUse)
			}
		}
	}
	fit, err = sizing.FitScalability(points)
	return fit, most, err
}

func ofMillis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
func inMillis(d time.Duration) float64  { return float64(d) / float64(time.Millisecond) }

// What counts as a disagreement between measurement and model.
const (
	// waitShare of the prediction, and holdShare of the hold time: below that
	// the cost of a checkout itself and of the first connections is what is
	// measured.
	waitShare = 0.25
	holdShare = 0.05
	// growth of the hold time from the smallest to the largest pool.
	growth = 1.2
	// churn is connections opened per request.
	churn = 0.01
)

// crossCheck sets the measurements against the models, in sentences.
func (p *tune) crossCheck(w sweep, k knee, c confidenceOf) (sentences []string, modeled int) {
	say := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
	best := k.sound[k.chosen]
	q, ok := p.model(best)
	if !ok {
		say("The models were not used: the hold time of connections is not known.")
		return sentences, 0
	}
	p.sayChecks(say, best)
	// A wait that adds no more than the tolerance to the best p95 is one that
	// the measurement cannot see either.
	target := max(1, k.p95Limit.value*math.Exp(k.p95.means[k.chosen]))
	if n, ok := p.modelSize(q.hold, target); ok {
		modeled = n
		p.sayModelSize(say, best, c, n, target)
	}
	p.sayWaits(say, w)
	sayHold(say, w)
	p.sayScalability(say, w, best)
	return sentences, modeled
}

type sayer func(format string, args ...any)

// sayChecks names what the model assumes and this run does not keep to.
func (p *tune) sayChecks(say sayer, best candidate) {
	checkouts := meanOf(best.rounds, ofOwn(func(p *poolMeasurement) float64 { return float64(p.Wait.Count) }))
	requests := meanOf(best.rounds, requests)
	// At its ends a step cuts off as many as are under way.
	if math.Abs(checkouts-requests) > 0.05*requests+float64(p.users) {
		say("A request checks out %.2f connections on average, but the model assumes one: with more, its waits are too short.", checkouts/requests)
	}
}

func (p *tune) sayModelSize(say sayer, best candidate, c confidenceOf, modeled int, target float64) {
	model := "closed-loop"
	if p.rate > 0 {
		model = "open-loop (Erlang C)"
	}
	said := fmt.Sprintf("The %s model needs %d connections for a p95 wait of at most %s, from the hold time measured at %s.",
		model, modeled, text.Millis(target), best)
	below, above := p.neighbors(c.low, c.high)
	switch {
	case modeled > above:
		said += " Fewer were enough in the measurement: hold times that vary less than exponentially cause shorter waits."
	case modeled <= below:
		said += " More were needed in the measurement: see below, or the hold time grows with the number of sessions, requests come in bursts, or a few requests hold their connection much longer than the others."
	default:
		said += " Measurement and model agree."
	}
	say("%s", said)
}

// neighbors are the measured sizes next to an interval: what lies between two
// of them was not measured.
func (p *tune) neighbors(low, high int) (below, above int) {
	above = math.MaxInt
	for _, v := range p.sizes {
		if n := v.connections(); n < low {
			below = max(below, n)
		} else if n > high {
			above = min(above, n)
		}
	}
	return below, above
}

// agrees tells whether the measured wait is near the model's, as far as one was
// measured and can be compared.
func (q prediction) agrees() bool {
	return math.IsInf(q.wait, 1) || math.IsNaN(q.measured) || math.Abs(q.measured-q.wait) < max(holdShare*q.hold, waitShare*q.wait)
}

// sayWaits compares every pool's wait with its prediction and says what the
// worst deviation usually means.
func (p *tune) sayWaits(say sayer, w sweep) {
	var above, below, early []string
	reconnects := false
	for _, c := range w.all {
		q, ok := p.model(c)
		if !ok || q.agrees() {
			continue
		}
		said := fmt.Sprintf("%s (%s, model %s)", c, text.Millis(q.measured), text.Millis(q.wait))
		switch {
		case q.measured > q.wait:
			above = append(above, said)
			reconnects = reconnects || c.churns()
		case q.wait > inMillis(p.settle):
			early = append(early, said)
		default:
			below = append(below, said)
		}
	}
	if len(above) > 0 {
		say("Waits are longer than the model's at %s. Usually requests arrive in bursts, or hold times vary more than exponentially.", joined(above))
	}
	if reconnects {
		say("There, connections are opened all the time: overflow connections are closed on return and must be opened again. A larger pool size with less overflow avoids this.")
	}
	if len(early) > 0 {
		say("Waits are shorter than the model's at %s. They are longer than SETTLE: the queue was still growing when the measurement began, so such a pool is worse than measured.", joined(early))
	}
	if len(below) > 0 {
		say("Waits are shorter than the model's at %s. Usually hold times vary less than exponentially: a constant hold waits about half as long.", joined(below))
	}
}

// churns tells whether connections are opened for the requests, again and again.
func (c candidate) churns() bool {
	return c.overflow > 0 && meanOf(c.rounds, opened) > max(float64(c.connections()), churn*meanOf(c.rounds, requests))
}

// sayHold compares the hold time in the smallest pool with that in the largest.
func sayHold(say sayer, w sweep) {
	first, last := w.all[0], w.all[len(w.all)-1]
	small, large := meanOf(first.rounds, held), meanOf(last.rounds, held)
	if small > 0 && large > growth*small {
		say("A connection is held for longer in a larger pool: %s at %s, %s at %s. The sessions compete for something that a pool cannot increase, usually the server's CPU, its disks or locks; "+
			"the model takes the hold time as given.", text.Millis(small), first, text.Millis(large), last)
	}
}

// sayScalability names the concurrency beyond which the server gets slower.
func (p *tune) sayScalability(say sayer, w sweep, best candidate) {
	fit, most, err := w.scalability()
	if err != nil {
		return // too few different concurrencies, which is what a pool that decides nothing shows
	}
	// A server that merely saturates fits a law with a peak far out as well as one
	// without any.
	peak := fit.PeakInterval()
	if math.IsInf(peak.High, 1) || fit.Peak() > most {
		say("The Universal Scalability Law finds no number of connections above which the server gets slower: at most %.0f were in use on average.", most)
		return
	}
	said := fmt.Sprintf("By the Universal Scalability Law, the server is fastest with %.0f connections in use (95 %% interval %.0f to %.0f).", fit.Peak(), peak.Low, peak.High)
	if peak.High < float64(best.connections()) {
		said += fmt.Sprintf(" %s allows more than that: above the peak every additional session slows all of them down.", best)
	}
	say("%s", said)
}

// joined lists items, the first of many.
func joined(items []string) string {
	const most = 4
	if len(items) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:most], ", "), len(items)-most)
	}
	return strings.Join(items, ", ")
}
