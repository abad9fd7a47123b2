package diagnosis

import (
	"fmt"
	"maps"
	"slices"

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
	var f finding
	switch {
	case p.timeouts > 0:
		f = finding{confidence: Certain, extent: p.timeouts, evidence: p.levels(fmt.Sprintf(
			"%.0f of %.0f checkouts hit poolTimeout", p.timeouts, p.wait.count))}
	case p.use.count > 0 && p.waiting.median >= 1 && p.wait.mean >= queueShare*p.use.mean:
		f = finding{confidence: Likely, evidence: p.levels(fmt.Sprintf("users wait %s for a connection on average and hold it for %s",
			text.Millis(p.wait.mean), text.Millis(p.use.mean)))}
	default:
		return finding{}
	}
	if p.use.sum > 0 && p.query.sum < statementShare*p.use.sum {
		f.evidence = append(f.evidence, fmt.Sprintf("%.0f %% of the time that connections were in use was spent in statements",
			100*p.query.sum/p.use.sum))
		f.remedy = "Connections are held without using the database: return each before other work. " +
			"If that is not possible, the pool needs as many connections as there are active users."
		return f
	}
	f.remedy = run.noRoom(p)
	return f
}

// noRoom is the remedy where the server leaves no room for a larger pool, empty
// where it does. The pools of one server share its room.
func (run *Facts) noRoom(p *Pool) string {
	i := slices.IndexFunc(run.Limits, func(l ServerLimit) bool { return slices.Contains(l.Pools, p.Name) })
	if i < 0 || p.Capacity == 0 {
		return ""
	}
	l, capacity, whose := run.Limits[i], p.Capacity, "this pool"
	for _, other := range run.Pools {
		if other.Name != p.Name && slices.Contains(l.Pools, other.Name) {
			capacity, whose = capacity+other.Capacity, "this run's pools"
		}
	}
	if l.Room() > capacity {
		return ""
	}
	return fmt.Sprintf("Optimize slow queries and hold connections for less time: %s leaves no room for a larger pool (%d in use by others, "+
		"and %d of %s, of %d).", limitName(l.Limit), l.Used, capacity, whose, l.Max)
}

// levels adds how full the pool was.
func (p *Pool) levels(evidence string) []string {
	all := []string{evidence}
	if p.inUse.count > 0 {
		used := text.Counted(int64(p.inUse.p95), "connection")
		if p.Capacity > 0 {
			used = fmt.Sprintf("%.0f of %s", p.inUse.p95, text.Counted(int64(p.Capacity), "connection"))
		}
		all = append(all, used+" in use at the 95th percentile")
	}
	if p.waiting.max > 0 {
		all = append(all, "up to "+text.Counted(int64(p.waiting.max), "user")+" waiting")
	}
	return all
}

// findSlowQueries sees connections that are mostly held by slow statements,
// where connections are short.
func findSlowQueries(_ *Facts, p *Pool) finding {
	if p.slowCount < fewStatements || !p.pressed() || p.use.sum <= 0 || p.slow < 0.5*p.use.sum {
		return finding{}
	}
	f := finding{confidence: Likely, evidence: p.levels(fmt.Sprintf(
		"statements longer than %d ms took %.0f %% of the time that connections were in use (statements: p95 %s, max %s)",
		slowStatement, 100*min(1, p.slow/p.use.sum), text.Millis(p.query.p95), text.Millis(p.query.max)))}
	if 10*p.query.p95 < slowStatement {
		f.remedy = "Optimize slow queries: nearly all statements are fast, and a few take very long. Find these in the slow query logs, and look for locks, " +
			"such as of DDL that waits behind a VACUUM or a report (`k6 x pgxpool monitor` names who holds them). A larger pool only lets more of them run at once."
	}
	return f
}

// findNPlusOne sees many short statements for one checkout, or for one request
// where each takes a connection of its own, which are a good part of what a
// connection is held for: where it is held for something else, one statement in
// place of many would change nothing.
func findNPlusOne(run *Facts, p *Pool) finding {
	if p.use.count == 0 || p.slow >= 0.5*p.query.sum || p.query.sum < statementShare*p.use.sum {
		return finding{}
	}
	per, what := p.query.count/p.use.count, "checkout"
	// Requests are the run's: with several pools nobody knows whose.
	if per < manyStatements && run.Requests.Count > 0 && len(run.Pools) == 1 {
		per, what = p.query.count/run.Requests.Count, "request"
	}
	if per < manyStatements {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: p.levels(fmt.Sprintf("%.1f statements per %s, %s each", per, what, text.Millis(p.query.mean)))}
	f.evidence = append(f.evidence, fmt.Sprintf("a connection is held for %s on average, %.0f %% of it in statements",
		text.Millis(p.use.mean), 100*min(1, p.query.sum/p.use.sum)))
	if p.pressed() {
		f.confidence = Likely
	}
	return f
}

// findNestedWaits sees users who hold a connection and wait for a second of the
// same pool, which the pool itself knows.
func findNestedWaits(_ *Facts, p *Pool) finding {
	if len(p.nestedWaits) == 0 {
		return finding{}
	}
	f := finding{confidence: Certain}
	for _, where := range slices.Sorted(maps.Keys(p.nestedWaits)) {
		n := p.nestedWaits[where]
		f.extent += float64(n)
		f.evidence = append(f.evidence, fmt.Sprintf("%s: %s, which waits", where, text.Times(n)))
	}
	return f
}

// findConnectionLeak sees connections that their takers forgot.
func findConnectionLeak(_ *Facts, p *Pool) finding {
	if p.leaks > 0 {
		return finding{confidence: Certain, extent: p.leaks, evidence: []string{fmt.Sprintf(
			"%.0f of %.0f connections taken were not returned by the end of their iteration", p.leaks, p.use.count)}}
	}
	return finding{}
}
