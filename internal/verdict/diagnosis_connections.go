package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
func findLimitReached(s symptoms) finding {
	if s.errors[tooManyConnections] == 0 {
		return finding{}
	}
	evidence := []string{fmt.Sprintf("the server refused a connection %s: too many (SQLSTATE %s)",
		times(s.errors[tooManyConnections]), tooManyConnections)}
	if s.total.count > 0 && s.capacity > 0 {
		evidence = append(evidence, fmt.Sprintf("%.0f of %d connections of the pool were open at most", s.total.max, s.capacity))
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
func findServerRestarted(s symptoms) finding {
	said := s.errors[crashShutdown] + s.errors[cannotConnectNow]
	refused, lost := s.whileRestarting()
	if said == 0 && (refused == 0 || lost == 0) {
		return finding{}
	}
	f := finding{confidence: Likely}
	if said > 0 || s.errors[adminShutdown] > 0 {
		f.confidence = Certain
	}
	f.evidence = append(f.evidence, s.said(adminShutdown, crashShutdown, cannotConnectNow)...)
	if lost > 0 {
		f.evidence = append(f.evidence, Counted(s.lost(), "connection")+" lost")
	}
	if first, last, ok := s.unreachable(); ok {
		f.evidence = append(f.evidence, fmt.Sprintf("%s failed between %s and %s of the run",
			Counted(s.errors[connectError]+s.errors[cannotConnectNow], "connect"), seconds(first), seconds(last)))
	}
	return f
}

// whileRestarting counts refused connects, and lost connections near them.
func (s symptoms) whileRestarting() (refused, lost int64) {
	first, last, ok := s.unreachable()
	if !ok {
		return 0, 0
	}
	for _, w := range s.spans {
		refused += refusals(w)
		if w.from+w.width >= first-near && w.from <= last+near {
			lost += w.pool.Closed["lost"] + w.pool.Errors[adminShutdown] + w.pool.Errors[lostError]
		}
	}
	return refused, lost
}

// unreachable gives between which seconds connects were refused.
func (s symptoms) unreachable() (first, last float64, ok bool) {
	for _, w := range s.spans {
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
func (s symptoms) said(keys ...string) []string {
	var said []string
	for _, key := range keys {
		if n := s.errors[key]; n > 0 {
			said = append(said, key+" "+times(n))
		}
	}
	if len(said) == 0 {
		return nil
	}
	return []string{"the server said " + strings.Join(said, ", ")}
}

// findStaleConnections sees connections that were dead before they were used,
// or broke in use.
func findStaleConnections(s symptoms) finding {
	broken := s.errors[lostError] + s.errors[adminShutdown]
	if s.lost() == 0 && broken == 0 {
		return finding{}
	}
	evidence := []string{fmt.Sprintf("found dead: %d of %.0f connections", max(s.lost(), broken), s.opened)}
	if broken > 0 {
		evidence = append(evidence, Counted(broken, "statement")+" failed for it")
	} else {
		evidence = append(evidence, "no statement failed for it: they were found at checkout")
	}
	f := finding{confidence: Certain, extent: float64(broken), evidence: evidence}
	if s.prePing {
		f.remedy = "DB_POOL_PRE_PING is on already, which keeps most of them away from users. " +
			"Reduce DB_POOL_RECYCLE value. Check PostgreSQL and network health."
	}
	return f
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
func findReconnectStorm(s symptoms) finding {
	at, width, replaced := s.busiest()
	if replaced >= storm && float64(replaced) >= 0.5*s.total.max && s.total.max > 0 {
		return finding{confidence: Likely, evidence: append([]string{fmt.Sprintf(
			"%d connections ended within %s, %s into the run, where at most %.0f were open",
			replaced, seconds(width), seconds(at), s.total.max)},
			s.reopened()...)}
	}
	again := s.closed["recycle"] + s.closed["lost"]
	// Overflow that came with one burst and went with it is what it is for.
	again += max(0, s.closed["overflow"]-int64(s.capacity-s.size))
	if again >= churn && float64(again) >= churnShare*s.wait.count {
		return finding{confidence: Likely, evidence: append([]string{fmt.Sprintf(
			"%d connections were replaced for %.0f checkouts", again, s.wait.count)}, s.reopened()...)}
	}
	return finding{}
}

// busiest is the second in which most connections were replaced, or the window
// where those are longer: when it began, how many seconds it lasted, and how
// many were replaced.
func (s symptoms) busiest() (at, width float64, replaced int64) {
	for i, w := range s.spans {
		if w.width > coarse {
			return 0, 0, 0
		}
		if replacedIn(w) == 0 {
			continue // it begins with the first of them
		}
		var sum int64
		for _, next := range s.spans[i:] {
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

func (s symptoms) reopened() []string {
	evidence := []string{fmt.Sprintf("%.0f opened in the whole run", s.opened)}
	for _, reason := range slices.Sorted(maps.Keys(s.closed)) {
		evidence = append(evidence, fmt.Sprintf("%d closed: %s", s.closed[reason], reason))
	}
	return evidence
}
