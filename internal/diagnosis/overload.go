package diagnosis

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// A retry storm: retries keep the pool full after the cause has gone. The load of
// the users is the one that the pool carried before; their retries are what it
// does not carry, and they come because it does not ("metastable failure": Bronson
// et al., HotOS 2021; Huang et al., OSDI 2022).

const (
	momentSeconds  = 1.0  // of a moment, or a window where those are longer
	healthySeconds = 3.0  // before the cause, at least
	afterSeconds   = 5.0  // after it, at least, and as long as a request lasts
	disturbedHold  = 1.5  // times as long a hold, or a third of
	disturbedFlow  = 3    // the requests, or three times as many, are the cause
	sameAsBefore   = 1.25 // times a hold, and a flow of requests
	stormLoad      = 1.2  // times the users' load
)

// moment is a stretch of a run as one pool saw it.
type moment struct {
	from, to          float64 // seconds since the run's start
	holds, held       float64 // returns, and ms that they had been out
	requests, retries float64
	timeouts, failed  float64
	samples, active   float64 // levels, added up
	waiting           float64
}

func (m *moment) add(w span) {
	m.plus(moment{
		holds: float64(w.pool.Use.Count()), held: w.pool.Use.Sum(),
		requests: float64(w.requests), retries: float64(w.retries), timeouts: float64(w.pool.Timeouts),
		samples: float64(w.pool.Active.Count()), active: w.pool.Active.Sum(), waiting: w.pool.Waiting.Sum(),
	})
}

// plus adds what happened in another moment.
func (m *moment) plus(o moment) {
	m.holds, m.held = m.holds+o.holds, m.held+o.held
	m.requests, m.retries = m.requests+o.requests, m.retries+o.retries
	m.timeouts, m.failed = m.timeouts+o.timeouts, m.failed+o.failed
	m.samples, m.active, m.waiting = m.samples+o.samples, m.active+o.active, m.waiting+o.waiting
}

// addUsers adds what users asked for, where the pool tells nothing of them.
func (m *moment) addUsers(r timeline.Requests) {
	m.plus(moment{requests: float64(r.Duration.Count()), retries: float64(r.Retried()), failed: float64(r.Failed), timeouts: float64(r.Timeouts)})
}

func (m moment) hold() float64    { return m.held / m.holds }
func (m moment) flow() float64    { return m.requests / (m.to - m.from) }
func (m moment) inUse() float64   { return m.active / m.samples }
func (m moment) queue() float64   { return m.waiting / m.samples }
func (m moment) seconds() float64 { return m.to - m.from }

// load is that of the users and their retries, over that of the users.
func (m moment) load() float64 { return 1 + m.retries/math.Max(1, m.requests) }

// asks tells whether users ask for no more than in healthy times, by holds as long
// as then and, but for chance, as many requests.
func (m moment) asks(healthy moment) bool {
	requests := sameAsBefore * healthy.flow() * m.seconds()
	return m.hold() <= sameAsBefore*healthy.hold() && m.requests <= requests+3*math.Sqrt(requests)
}

// together sums moments up.
func together(all []moment) (sum moment) {
	if len(all) > 0 {
		sum.from, sum.to = all[0].from, all[len(all)-1].to
	}
	for _, m := range all {
		sum.plus(m)
	}
	return sum
}

// moments are the pool's course from its first return on.
func (p *Pool) moments() (all []moment) {
	for _, w := range p.spans {
		if len(all) == 0 && w.pool.Use.Count() == 0 {
			continue
		}
		width := max(momentSeconds, w.width)
		from := width * math.Floor(w.from/width)
		if last := len(all) - 1; last < 0 || all[last].from < from {
			all = append(all, moment{from: from, to: from + width})
		}
		all[len(all)-1].add(w)
	}
	return all
}

// findMetastable sees a pool that carried its load, met a cause that is over, and
// stays full of retries since.
func findMetastable(run *Facts, p *Pool) finding {
	all := p.moments()
	healthy, rest := untilFirstRetry(all)
	if p.application || healthy.seconds() < healthySeconds || healthy.holds == 0 || healthy.requests == 0 {
		return finding{}
	}
	cause, after := causeAmong(rest, healthy)
	if len(after) < 4 || after[len(after)-1].to-after[0].from < max(afterSeconds, run.requestP95/1000) {
		return finding{}
	}
	since := together(after[len(after)/2 : len(after)-1]) // the run ended somewhere in the last one
	full := p.Capacity == 0 || since.inUse() >= 0.8*float64(p.Capacity)
	if !full || !since.asks(healthy) || since.queue() < 1 || since.load() < stormLoad {
		return finding{}
	}
	return finding{confidence: Likely, extent: since.retries, evidence: []string{
		fmt.Sprintf("from second %.0f on users ask for %s requests per second (%s before the first retry), and with their retries it is %.2f times that load",
			since.from, text.Number(math.Round(10*since.flow())/10), text.Number(math.Round(10*healthy.flow())/10), since.load()),
		fmt.Sprintf("%s in use and %s waiting on average, where the same requests had %s in use",
			text.Number(math.Round(10*since.inUse())/10), text.Number(math.Round(10*since.queue())/10), text.Number(math.Round(10*healthy.inUse())/10)),
		fmt.Sprintf("the cause was over at second %.0f: connections were held for %s until then, and are held for %s since, as before it (%s)",
			cause.to, text.Millis(cause.hold()), text.Millis(since.hold()), text.Millis(healthy.hold())),
	}}
}

// untilFirstRetry parts a run: before anything was made again or timed out, without
// the moment before that, in which the cause may have begun.
func untilFirstRetry(all []moment) (healthy moment, rest []moment) {
	for i, m := range all {
		if m.retries > 0 || m.timeouts > 0 {
			begun := max(0, i-1)
			return together(all[:begun]), all[begun:]
		}
	}
	return moment{}, nil
}

// causeAmong finds the first stretch in which connections were held for longer, or
// far fewer or more requests ended than in healthy times, and what came after it. A
// stretch may have one moment of another kind in it.
func causeAmong(all []moment, healthy moment) (cause moment, after []moment) {
	first, last := -1, -1
	for i, m := range all {
		disturbed := m.holds == 0 || m.hold() >= disturbedHold*healthy.hold() ||
			m.flow() > disturbedFlow*healthy.flow() || m.flow() < healthy.flow()/disturbedFlow
		switch {
		case disturbed && first < 0:
			first, last = i, i
		case disturbed && i <= last+2:
			last = i
		case first >= 0 && i > last+2:
			return together(all[first : last+1]), all[last+1:]
		}
	}
	return moment{}, nil
}
