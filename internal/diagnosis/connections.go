package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles with connections themselves. SQLSTATEs are those of PostgreSQL's
// manual, appendix A.
const (
	tooManyConnections = "53300"
	adminShutdown      = "57P01" // a terminated backend, or a fast shutdown
	crashShutdown      = "57P02" // an immediate shutdown, or another backend's crash
	cannotConnectNow   = "57P03" // the server is starting, stopping or recovering

	connectError = "ConnectError"
	lostError    = "ConnectionLostError"
)

// findLimitReached sees the server refuse a connection for want of room.
func findLimitReached(_ *Facts, p *Pool) finding {
	if p.errors[tooManyConnections] == 0 {
		return finding{}
	}
	evidence := []string{fmt.Sprintf("the server refused a connection %s: too many (SQLSTATE %s)",
		text.Times(p.errors[tooManyConnections]), tooManyConnections)}
	if p.open.count > 0 && p.Capacity > 0 {
		evidence = append(evidence, fmt.Sprintf("%.0f of %d connections of the pool were open at most", p.open.max, p.Capacity))
	}
	return finding{confidence: Certain, evidence: evidence}
}

// near is within how many seconds lost connections and refused ones belong to
// the same restart.
const near = 5

// findServerRestarted sees a server that says so, or one that closes
// connections and then refuses new ones. A server that closes them all and
// refuses none, while nobody connected, is told from terminated backends by
// nothing: those are stale connections.
func findServerRestarted(_ *Facts, p *Pool) finding {
	said := p.errors[crashShutdown] + p.errors[cannotConnectNow]
	refused, lost := p.whileRestarting()
	if said == 0 && (refused == 0 || lost == 0) {
		return finding{}
	}
	f := finding{confidence: Likely}
	if said > 0 || p.errors[adminShutdown] > 0 {
		f.confidence = Certain
	}
	f.evidence = append(f.evidence, p.said(adminShutdown, crashShutdown, cannotConnectNow)...)
	if lost > 0 {
		f.evidence = append(f.evidence, text.Counted(p.lost(), "connection")+" lost")
	}
	if first, last, ok := p.unreachable(); ok {
		f.evidence = append(f.evidence, fmt.Sprintf("%s failed between %s and %s of the run",
			text.Counted(p.errors[connectError]+p.errors[cannotConnectNow], "connect"), text.Seconds(first), text.Seconds(last)))
	}
	return f
}

// whileRestarting counts refused connects, and lost connections near them.
func (p *Pool) whileRestarting() (refused, lost int64) {
	first, last, ok := p.unreachable()
	if !ok {
		return 0, 0
	}
	for _, w := range p.spans {
		refused += refusals(w)
		if w.from+w.width >= first-near && w.from <= last+near {
			lost += w.pool.Closed["lost"] + w.pool.Errors[adminShutdown] + w.pool.Errors[lostError]
		}
	}
	return refused, lost
}

// unreachable gives between which seconds connects were refused.
func (p *Pool) unreachable() (first, last float64, ok bool) {
	for _, w := range p.spans {
		if refusals(w) == 0 {
			continue
		}
		if !ok {
			first, ok = w.from, true
		}
		last = w.from + w.width
	}
	return first, last, ok
}

func refusals(w span) int64 { return w.pool.Errors[connectError] + w.pool.Errors[cannotConnectNow] }

// said says how often errors came: "the server said 57P01 12 times".
func (p *Pool) said(keys ...string) []string {
	var said []string
	for _, key := range keys {
		if n := p.errors[key]; n > 0 {
			said = append(said, key+" "+text.Times(n))
		}
	}
	if len(said) == 0 {
		return nil
	}
	return []string{"the server said " + strings.Join(said, ", ")}
}

// findStaleConnections sees connections that were dead before they were used,
// or broke in use.
func findStaleConnections(_ *Facts, p *Pool) finding {
	broken := p.errors[lostError] + p.errors[adminShutdown]
	if p.lost() == 0 && broken == 0 {
		return finding{}
	}
	evidence := []string{fmt.Sprintf("found dead: %d of %.0f connections", max(p.lost(), broken), p.opened)}
	if broken > 0 {
		evidence = append(evidence, text.Counted(broken, "statement")+" failed because of it")
	} else {
		evidence = append(evidence, "no statement failed because of it: they were found at checkout")
	}
	f := finding{confidence: Certain, extent: float64(broken), evidence: evidence}
	if p.PrePing {
		f.remedy = "DB_POOL_PRE_PING is on already, which keeps most of them away from users. " +
			"Reduce DB_POOL_RECYCLE value. Check PostgreSQL and network health."
	}
	return f
}

// findStaleWatched sees an application's connections that were cut between it and the
// server: its answers tell of it, or fail at once while the server loses clients that
// did not say goodbye, or users wait for an answer on connections that rest.
func findStaleWatched(run *Facts, p *Pool) finding {
	w := run.Watched
	if w == nil {
		return run.said(p, staleConnections)
	}
	s := w.Server.Statistics
	if run.connectsFail() || s.SessionsFatal > 0 || w.Pooler != nil {
		return finding{} // they were ended, which has names of its own
	}
	f := run.said(p, staleConnections)
	if f.confidence == "" && s.SessionsAbandoned >= fewAbandoned && run.Requests.failsQuickly() && run.Requests.Failed <= 2*float64(s.SessionsAbandoned) {
		f = finding{confidence: Likely, extent: run.Requests.Failed, evidence: run.Requests.howFailed()}
	}
	if f.confidence == "" {
		return run.cutSilently()
	}
	if s.SessionsAbandoned == 0 {
		return f // nobody knows who ended them
	}
	f.evidence = append(f.evidence, fmt.Sprintf("%s lost without a goodbye of the client, which went on (sessions_abandoned), and none that the server ended",
		text.Counted(s.SessionsAbandoned, "session")))
	f.remedy = betweenBoth
	return f
}

// fewAbandoned sessions may be somebody who ended a shell.
const fewAbandoned = 3

// betweenBoth is for connections that neither side ended.
const betweenBoth = "Something between application and server (firewall, load balancer, NAT) ends connections that are idle: set DB_POOL_PRE_PING = True, " +
	"DB_POOL_RECYCLE below its idle time, and TCP keepalives more often than that. The pool's size is not the cause."

// cutSilently sees connections that were returned once (rolled back), are checked out
// again, and of which the server has heard nothing since, while users wait: what
// they sent did not arrive.
func (run *Facts) cutSilently() finding {
	w := run.Watched
	r := w.Held.Resting
	if w.Fullest == nil || r.Sessions == 0 || r.Longest == nil || run.Requests.cutOff.count == 0 ||
		!strings.HasPrefix(strings.ToUpper(r.Longest.Statement), "ROLLBACK") {
		return finding{}
	}
	return finding{confidence: Likely, extent: run.Requests.cutOff.count, remedy: betweenBoth + " Give statements a limit on the client's side as well " +
		"(asyncpg: command_timeout; tcp_user_timeout), so that a ping does not wait for ever.", evidence: []string{
		fmt.Sprintf("%s had no answer for up to %s", text.Counted(int64(run.Requests.cutOff.count), "user"), text.Millis(run.Requests.cutOff.max)),
		fmt.Sprintf("%s checked out of which the server has heard nothing since they were returned before; the longest: %s",
			text.Counted(r.Sessions, "connection"), shown(r.Longest)),
	}}
}

const (
	storm        = 5    // fewer reconnects than this at once are none
	stormSeconds = 1.0  // at once is within so many seconds
	coarse       = 5.0  // windows longer than so many seconds show no storm
	churn        = 20   // reconnects that
	churnShare   = 0.10 // so many of the checkouts had to wait for
)

// findReconnectStorm sees most of a pool being opened anew at once, or
// checkouts that keep opening connections. The first filling of the pool is
// neither: nothing was closed before it.
func findReconnectStorm(_ *Facts, p *Pool) finding {
	at, width, replaced := p.busiest()
	if replaced >= storm && float64(replaced) >= 0.5*p.open.max && p.open.max > 0 {
		return finding{confidence: Likely, evidence: append([]string{fmt.Sprintf(
			"%d connections ended within %s, %s into the run, of at most %.0f open",
			replaced, text.Seconds(width), text.Seconds(at), p.open.max)},
			p.reopened()...)}
	}
	again := p.closed["recycle"] + p.closed["lost"]
	// Overflow that came with one burst and went with it is what it is for.
	again += max(0, p.closed["overflow"]-int64(p.Capacity-p.Size))
	if again >= churn && float64(again) >= churnShare*p.wait.count {
		return finding{confidence: Likely, evidence: append([]string{fmt.Sprintf(
			"%d connections were replaced for %.0f checkouts", again, p.wait.count)}, p.reopened()...)}
	}
	return finding{}
}

// busiest is the second in which most connections were replaced, or the window
// where those are longer: when it began, how many seconds it lasted, and how
// many were replaced.
func (p *Pool) busiest() (at, width float64, replaced int64) {
	for i, w := range p.spans {
		if w.width > coarse {
			return 0, 0, 0
		}
		if replacedIn(w) == 0 {
			continue // it begins with the first of them
		}
		var sum int64
		for _, next := range p.spans[i:] {
			if next.from >= w.from+stormSeconds && next.from > w.from {
				break
			}
			sum += replacedIn(next)
		}
		if sum > replaced {
			at, width, replaced = w.from, max(stormSeconds, w.width), sum
		}
	}
	return at, width, replaced
}

func replacedIn(w span) int64 { return w.pool.Closed["recycle"] + w.pool.Closed["lost"] }

func (p *Pool) reopened() []string {
	evidence := []string{fmt.Sprintf("%.0f opened in the whole run", p.opened)}
	for _, reason := range slices.Sorted(maps.Keys(p.closed)) {
		evidence = append(evidence, fmt.Sprintf("%d closed: %s", p.closed[reason], reason))
	}
	return evidence
}
