package verdict

import (
	"fmt"
	"math"
)

// The troubles that make users wait for a connection.

const (
	// manyStatements per checkout (or per request) are one per row: FlowBoard's
	// list takes two.
	manyStatements = 10
	// Filling the tables before a run takes fewer slow statements than these.
	fewStatements = 5
	// A queue is there most of the time and costs a good part of what a
	// connection is held for; the wait of a moment is what a pool is for.
	queueShare = 0.25
	// Of the time that connections are in use; the rest is the network, and what
	// is done with the rows.
	statementShare = 0.25
)

// findPoolExhausted sees waits that timed out, and queues that never end.
func findPoolExhausted(s symptoms) finding {
	if s.timeouts > 0 {
		return finding{confidence: Certain, extent: s.timeouts, evidence: s.levels(fmt.Sprintf(
			"%.0f of %.0f checkouts hit poolTimeout", s.timeouts, s.wait.count))}
	}
	if s.use.count > 0 && s.waiting.median >= 1 && s.wait.mean >= queueShare*s.use.mean {
		return finding{confidence: Likely, evidence: s.levels(fmt.Sprintf("users wait %s for a connection on average and hold it for %s",
			Duration(s.wait.mean), Duration(s.use.mean)))}
	}
	if s.run.http {
		return findApplicationExhausted(s)
	}
	return finding{}
}

// findApplicationExhausted knows of an application's pool only what the
// database and HTTP show: waiting happens inside.
func findApplicationExhausted(s symptoms) finding {
	atCeiling := s.application && s.capacity > 0 && s.active.p95 >= float64(s.capacity)
	refused := fmt.Sprintf("%.0f of %.0f requests got a 503, as an application answers when its pool times out",
		s.run.timeouts, s.run.requests)
	switch {
	case atCeiling && s.run.timeouts > 0:
		return finding{confidence: Certain, evidence: s.levels(refused)}
	case atCeiling:
		return finding{confidence: Likely, evidence: s.levels("the application's pool is at its ceiling at the 95th percentile")}
	case s.run.timeouts > 0:
		return finding{confidence: Possible, evidence: []string{refused}}
	default:
		return finding{}
	}
}

// levels adds how full the pool was.
func (s symptoms) levels(evidence string) []string {
	all := []string{evidence}
	if s.active.count > 0 {
		used := Counted(int64(s.active.p95), "connection")
		if s.capacity > 0 {
			used = fmt.Sprintf("%.0f of %s", s.active.p95, Counted(int64(s.capacity), "connection"))
		}
		all = append(all, used+" in use at the 95th percentile")
	}
	if s.waiting.max > 0 {
		all = append(all, "up to "+Counted(int64(s.waiting.max), "user")+" waiting")
	}
	return all
}

// findSlowQueries sees connections that are mostly held by slow statements,
// where connections are short.
func findSlowQueries(s symptoms) finding {
	if s.slowCount < fewStatements || !s.pressed() || s.use.sum <= 0 || s.slow < 0.5*s.use.sum {
		return finding{}
	}
	return finding{confidence: Likely, evidence: s.levels(fmt.Sprintf(
		"statements longer than %d ms took %.0f %% of the time that connections were in use (statements: p95 %s, max %s)",
		slowStatement, 100*min(1, s.slow/s.use.sum), Duration(s.query.p95), Duration(s.query.max)))}
}

// findNPlusOne sees many short statements for one checkout, or for one request
// where each takes a connection of its own, which are a good part of what a
// connection is held for: where it is held for something else, one statement in
// place of many would change nothing.
func findNPlusOne(s symptoms) finding {
	if s.use.count == 0 || s.slow >= 0.5*s.query.sum || s.query.sum < statementShare*s.use.sum {
		return finding{}
	}
	per, what := s.query.count/s.use.count, "checkout"
	// Requests are the run's: with several pools nobody knows whose.
	if per < manyStatements && s.run.requests > 0 && s.run.pools == 1 {
		per, what = s.query.count/s.run.requests, "request"
	}
	if per < manyStatements {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: s.levels(fmt.Sprintf("%.1f statements per %s, %s each", per, what, Duration(s.query.mean)))}
	f.evidence = append(f.evidence, fmt.Sprintf("a connection is held for %s on average, %.0f %% of it in statements",
		Duration(s.use.mean), 100*min(1, s.query.sum/s.use.sum)))
	if s.pressed() {
		f.confidence = Likely
	}
	return f
}

// findConnectionLeak sees connections that their takers forgot.
func findConnectionLeak(s symptoms) finding {
	if s.leaks > 0 {
		return finding{confidence: Certain, extent: s.leaks, evidence: []string{fmt.Sprintf(
			"%.0f of %.0f connections taken had not been given back when their iteration ended", s.leaks, s.use.count)}}
	}
	if !s.application || s.size == 0 {
		return finding{}
	}
	return findRisingFloor(s)
}

// findRisingFloor sees an application's connections that never come back: the
// lowest level in use rises through the run while there is no more work.
func findRisingFloor(s symptoms) finding {
	n := len(s.spans)
	if n < 12 { // four to a third
		return finding{}
	}
	first, _ := floorInUse(s.spans[:n/3])
	second, before := floorInUse(s.spans[n/3 : 2*n/3])
	last, after := floorInUse(s.spans[2*n/3:])
	rises := first+1 <= second && second+1 <= last && last >= 0.5*float64(s.size) && !math.IsInf(last, 1)
	if !rises || after > before {
		return finding{}
	}
	return finding{confidence: Likely, evidence: []string{fmt.Sprintf(
		"the lowest level in use rose from %.0f over %.0f to %.0f connections, while requests went from %d to %d",
		first, second, last, before, after)}}
}

// floorInUse is the lowest level in use during some spans, +Inf where none was
// sampled, and the requests that ended in them.
func floorInUse(spans []span) (level float64, requests int64) {
	level = math.Inf(1)
	for _, w := range spans {
		if w.pool.Active.Count() > 0 {
			level = min(level, w.pool.Active.Min())
		}
		requests += w.requests
	}
	return level, requests
}
