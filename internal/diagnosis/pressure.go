package diagnosis

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/text"
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
func findPoolExhausted(run *Facts, p *Pool) finding {
	if p.Timeouts > 0 {
		return finding{confidence: Certain, extent: p.Timeouts, evidence: p.levels(fmt.Sprintf(
			"%.0f of %.0f checkouts hit poolTimeout", p.Timeouts, p.Wait.Count))}
	}
	if p.Use.Count > 0 && p.Waiting.Median >= 1 && p.Wait.Mean >= queueShare*p.Use.Mean {
		return finding{confidence: Likely, evidence: p.levels(fmt.Sprintf("users wait %s for a connection on average and hold it for %s",
			text.Millis(p.Wait.Mean), text.Millis(p.Use.Mean)))}
	}
	if run.Requests.HTTP {
		return findApplicationExhausted(run, p)
	}
	return finding{}
}

// findApplicationExhausted knows of an application's pool only what the
// database and HTTP show: waiting happens inside.
func findApplicationExhausted(run *Facts, p *Pool) finding {
	atCeiling := p.Application && p.Capacity > 0 && p.InUse.P95 >= float64(p.Capacity)
	refused := fmt.Sprintf("%.0f of %.0f requests got a 503, as an application answers when its pool times out",
		run.Requests.Timeouts, run.Requests.Count)
	switch {
	case atCeiling && run.Requests.Timeouts > 0:
		return finding{confidence: Certain, evidence: p.levels(refused)}
	case atCeiling:
		return finding{confidence: Likely, evidence: p.levels("the application's pool is at its ceiling at the 95th percentile")}
	case run.Requests.Timeouts > 0:
		return finding{confidence: Possible, evidence: []string{refused}}
	default:
		return finding{}
	}
}

// levels adds how full the pool was.
func (p *Pool) levels(evidence string) []string {
	all := []string{evidence}
	if p.InUse.Count > 0 {
		used := text.Counted(int64(p.InUse.P95), "connection")
		if p.Capacity > 0 {
			used = fmt.Sprintf("%.0f of %s", p.InUse.P95, text.Counted(int64(p.Capacity), "connection"))
		}
		all = append(all, used+" in use at the 95th percentile")
	}
	if p.Waiting.Max > 0 {
		all = append(all, "up to "+text.Counted(int64(p.Waiting.Max), "user")+" waiting")
	}
	return all
}

// findSlowQueries sees connections that are mostly held by slow statements,
// where connections are short.
func findSlowQueries(run *Facts, p *Pool) finding {
	if p.SlowCount < fewStatements || !p.pressed() || p.Use.Sum <= 0 || p.Slow < 0.5*p.Use.Sum {
		return finding{}
	}
	return finding{confidence: Likely, evidence: p.levels(fmt.Sprintf(
		"statements longer than %d ms took %.0f %% of the time that connections were in use (statements: p95 %s, max %s)",
		slowStatement, 100*min(1, p.Slow/p.Use.Sum), text.Millis(p.Query.P95), text.Millis(p.Query.Max)))}
}

// findNPlusOne sees many short statements for one checkout, or for one request
// where each takes a connection of its own, which are a good part of what a
// connection is held for: where it is held for something else, one statement in
// place of many would change nothing.
func findNPlusOne(run *Facts, p *Pool) finding {
	if p.Use.Count == 0 || p.Slow >= 0.5*p.Query.Sum || p.Query.Sum < statementShare*p.Use.Sum {
		return finding{}
	}
	per, what := p.Query.Count/p.Use.Count, "checkout"
	// Requests are the run's: with several pools nobody knows whose.
	if per < manyStatements && run.Requests.Count > 0 && len(run.Pools) == 1 {
		per, what = p.Query.Count/run.Requests.Count, "request"
	}
	if per < manyStatements {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: p.levels(fmt.Sprintf("%.1f statements per %s, %s each", per, what, text.Millis(p.Query.Mean)))}
	f.evidence = append(f.evidence, fmt.Sprintf("a connection is held for %s on average, %.0f %% of it in statements",
		text.Millis(p.Use.Mean), 100*min(1, p.Query.Sum/p.Use.Sum)))
	if p.pressed() {
		f.confidence = Likely
	}
	return f
}

// findConnectionLeak sees connections that their takers forgot.
func findConnectionLeak(run *Facts, p *Pool) finding {
	if p.Leaks > 0 {
		return finding{confidence: Certain, extent: p.Leaks, evidence: []string{fmt.Sprintf(
			"%.0f of %.0f connections taken had not been given back when their iteration ended", p.Leaks, p.Use.Count)}}
	}
	if !p.Application || p.Size == 0 {
		return finding{}
	}
	return findRisingFloor(run, p)
}

// findRisingFloor sees an application's connections that never come back: the
// lowest level in use rises through the run while there is no more work.
func findRisingFloor(run *Facts, p *Pool) finding {
	n := len(p.spans)
	if n < 12 { // four to a third
		return finding{}
	}
	first, _ := floorInUse(p.spans[:n/3])
	second, before := floorInUse(p.spans[n/3 : 2*n/3])
	last, after := floorInUse(p.spans[2*n/3:])
	rises := first+1 <= second && second+1 <= last && last >= 0.5*float64(p.Size) && !math.IsInf(last, 1)
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
