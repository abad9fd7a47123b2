package diagnosis

import (
	"fmt"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The retry storm of an application that is loaded over HTTP. Its pool shows
// neither holds nor a queue; the database shows sessions in use and transactions
// that ended, and by Little's law their quotient is how long each was held.

const (
	// watchedSeconds is the length of a moment: a session reports its transactions
	// about once a second.
	watchedSeconds = 2.0
	fewEvents      = 50  // requests, retries or transactions say nothing yet
	lostGoodput    = 0.8 // of the requests that succeeded per second before
)

func (m moment) goodput() float64 { return (m.requests - m.failed) / m.seconds() }

// perAttempt is how many transactions each attempt made.
func (m moment) perAttempt() float64 { return m.holds / math.Max(1, m.requests+m.retries) }

// findMetastableWatched sees an application that answered its load, met a cause that
// is over, and whose database works as fast as before the cause, and more, for
// attempts that fail and are made again.
func findMetastableWatched(run *Facts, p *Pool) finding {
	if !run.countsTransactions() || !p.application || !run.Requests.HTTP {
		return finding{}
	}
	healthy, rest := untilFirstRetry(run.watchedMoments(p.Name))
	if !healthy.carriesItsLoad() {
		return finding{}
	}
	cause, after := causeAmong(rest, healthy)
	if len(after) < 4 || after[len(after)-1].to-after[0].from < max(afterSeconds, run.requestP95/1000) {
		return finding{}
	}
	late := after[len(after)/2 : len(after)-1]
	since := together(late)
	recovers := func(m moment) bool { return m.goodput() > lostGoodput*healthy.goodput() }
	if !run.keptByRetries(since, healthy) || slices.ContainsFunc(late, recovers) {
		return finding{}
	}
	return finding{confidence: Likely, extent: since.retries, evidence: watchedStorm(healthy, cause, since, run.Watched.Pool.Capacity())}
}

// carriesItsLoad tells whether enough of users' requests was seen, and that they succeed.
func (m moment) carriesItsLoad() bool {
	return m.seconds() >= healthySeconds && min(m.requests, m.holds) >= fewEvents && m.held > 0 && m.failed <= 0.01*m.requests
}

// countsTransactions tells whether the server's counters and sessions are those of
// the application alone, and when they were read is known.
func (run *Facts) countsTransactions() bool {
	w := run.Watched
	return w != nil && w.Pooler == nil && w.Hidden == 0 && w.Failed == 0 && w.AtLeast < often && w.Load.Sampled.Others < 1
}

// keptByRetries tells whether the same users fill the pool by their retries, with
// transactions that take no longer and are no more for each attempt.
func (run *Facts) keptByRetries(since, healthy moment) bool {
	capacity := float64(run.Watched.Pool.Capacity())
	full := since.samples > 0 && since.inUse() >= 0.8*capacity
	same := since.asks(healthy) && since.flow() >= healthy.flow()/sameAsBefore
	return full && same && min(since.retries, since.holds) >= fewEvents && since.load() >= stormLoad &&
		since.perAttempt() <= sameAsBefore*healthy.perAttempt()
}

func watchedStorm(healthy, cause, since moment, capacity int) []string {
	perSecond := func(n float64) string { return text.Number(math.Round(10*n) / 10) }
	return []string{
		fmt.Sprintf("from second %.0f on users ask for %s requests per second (%s before the first retry), and with their retries it is %.2f times that load; "+
			"%s per second succeed (%s before)", since.from, perSecond(since.flow()), perSecond(healthy.flow()), since.load(),
			perSecond(since.goodput()), perSecond(healthy.goodput())),
		fmt.Sprintf("%s of %s in use on average, where the same requests had %s in use",
			perSecond(since.inUse()), text.Counted(capacity, "connection"), perSecond(healthy.inUse())),
		fmt.Sprintf("the cause was over at second %.0f: a transaction held its connection for %s until then (in use × time / transactions), and for %s since, as before it (%s)",
			cause.to, heldFor(cause), text.Millis(since.hold()), text.Millis(healthy.hold())),
	}
}

// heldFor says how long a transaction was held, where one ended at all.
func heldFor(m moment) string {
	if m.holds == 0 {
		return "longer than that"
	}
	return text.Millis(m.hold())
}

// watchedMoments joins what the database showed with what the users saw at the same
// time, from the first whole moment with requests on.
func (run *Facts) watchedMoments(pool string) []moment {
	all := databaseMoments(run.Watched, run.Watched.Started.Sub(run.began).Seconds())
	for _, w := range run.windows {
		middle := (w.From + run.width/2).Seconds()
		for i := range all {
			if m := &all[i]; m.from <= middle && middle < m.to {
				m.addUsers(w.Totals.Requests)
				if seen := w.Totals.Pools[pool]; seen != nil {
					m.samples, m.active = m.samples+float64(seen.Active.Count()), m.active+seen.Active.Sum()
				}
			}
		}
	}
	for i := range all {
		// What rests outside a transaction is held too, where the application says so.
		if m := &all[i]; m.samples > 0 {
			m.held = max(m.held, 1000*m.seconds()*m.inUse())
		}
	}
	for i, m := range all {
		if m.requests > 0 {
			return all[i+1:]
		}
	}
	return nil
}

// databaseMoments are those of the watch that began so many seconds after the run.
func databaseMoments(w *monitor.Report, from float64) (all []moment) {
	for _, part := range w.Load.Windows {
		last := len(all) - 1
		if last < 0 || all[last].seconds() >= watchedSeconds {
			all = append(all, moment{from: from, to: from})
			last++
		}
		from += part.Seconds
		m := &all[last]
		m.to = from
		m.holds += float64(part.Transactions)
		if part.SampledInUse != nil {
			m.held += 1000 * part.Seconds * *part.SampledInUse
		}
	}
	return all
}
