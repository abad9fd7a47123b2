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
)

// findPoolExhausted sees waits that timed out, and queues that never end.
func findPoolExhausted(s symptoms) finding {
	if s.timeouts > 0 {
		return finding{Certain, s.levels(fmt.Sprintf("%.0f of %.0f checkouts hit poolTimeout", s.timeouts, s.wait.count))}
	}
	if s.use.count > 0 && s.waiting.median >= 1 && s.wait.mean >= queueShare*s.use.mean {
		return finding{Likely, s.levels(fmt.Sprintf("users wait %s for a connection on average and hold it for %s",
			milliseconds(s.wait.mean), milliseconds(s.use.mean)))}
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
	refused := fmt.Sprintf("%.0f of %.0f requests were answered 503, as an application does when its pool times out",
		s.run.timeouts, s.run.requests)
	switch {
	case atCeiling && s.run.timeouts > 0:
		return finding{Certain, s.levels(refused)}
	case atCeiling:
		return finding{Likely, s.levels("the application's pool is at its ceiling at the 95th percentile")}
	case s.run.timeouts > 0:
		return finding{Possible, []string{refused}}
	default:
		return finding{}
	}
}

// levels adds how full the pool was.
func (s symptoms) levels(evidence string) []string {
	all := []string{evidence}
	if s.active.count > 0 {
		of := ""
		if s.capacity > 0 {
			of = fmt.Sprintf(" of %d", s.capacity)
		}
		all = append(all, fmt.Sprintf("%.0f%s connections in use at the 95th percentile", s.active.p95, of))
	}
	if s.waiting.max > 0 {
		all = append(all, fmt.Sprintf("up to %.0f users waiting", s.waiting.max))
	}
	return all
}

// findSlowQueries sees connections that are mostly held by slow statements,
// where connections are short.
func findSlowQueries(s symptoms) finding {
	if s.slowCount < fewStatements || !s.pressed() || s.use.sum <= 0 || s.slow < 0.5*s.use.sum {
		return finding{}
	}
	return finding{Likely, s.levels(fmt.Sprintf(
		"statements longer than %d ms took %.0f %% of the time that connections were in use (statements: p95 %s, max %s)",
		slowStatement, 100*min(1, s.slow/s.use.sum), milliseconds(s.query.p95), milliseconds(s.query.max)))}
}

// findNPlusOne sees many short statements for one checkout, or for one request
// where each takes a connection of its own.
func findNPlusOne(s symptoms) finding {
	if s.use.count == 0 || s.slow >= 0.5*s.query.sum {
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
	f := finding{Possible, s.levels(fmt.Sprintf("%.1f statements per %s, %s each", per, what, milliseconds(s.query.mean)))}
	f.evidence = append(f.evidence, fmt.Sprintf("a connection is held for %s on average, %.0f %% of it in statements",
		milliseconds(s.use.mean), 100*min(1, s.query.sum/s.use.sum)))
	if s.pressed() {
		f.confidence = Likely
	}
	return f
}

// findConnectionLeak sees connections that their takers forgot.
func findConnectionLeak(s symptoms) finding {
	if s.leaks > 0 {
		return finding{Certain, []string{fmt.Sprintf(
			"%.0f of %.0f connections taken were still held when their iteration ended", s.leaks, s.wait.count)}}
	}
	if !s.application || s.size == 0 {
		return finding{}
	}
	return findRisingFloor(s)
}

// findRisingFloor sees an application's connections that never come back: the
// lowest level in use rises through the run while there is no more work.
func findRisingFloor(s symptoms) finding {
	const thirds = 3
	if len(s.spans) < 4*thirds {
		return finding{}
	}
	var floor [thirds]float64
	var requests [thirds]int64
	for third := range thirds {
		floor[third] = math.Inf(1)
		for _, w := range s.spans[third*len(s.spans)/thirds : (third+1)*len(s.spans)/thirds] {
			if w.pool.Active.Count() > 0 {
				floor[third] = min(floor[third], w.pool.Active.Min())
			}
			requests[third] += w.requests
		}
	}
	rises := floor[0]+1 <= floor[1] && floor[1]+1 <= floor[2] && floor[2] >= 0.5*float64(s.size) &&
		!math.IsInf(floor[2], 1)
	if !rises || requests[2] > requests[1] {
		return finding{}
	}
	return finding{Likely, []string{fmt.Sprintf(
		"the lowest level in use rose from %.0f over %.0f to %.0f connections, while requests went from %d to %d",
		floor[0], floor[1], floor[2], requests[1], requests[2])}}
}
