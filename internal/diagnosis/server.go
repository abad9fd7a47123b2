package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles that a watched application's server or pooler shows.

// SQLSTATEs that an application may answer with, beside those of connections.
const (
	readOnlyTransaction = "25006"
	idleSessionTimeout  = "25P03" // idle_in_transaction_session_timeout
	queryCanceled       = "57014"
	duplicateStatement  = "42P05"
	noSuchStatement     = "26000"
	fewSessions         = 20  // fewer connects are none too many
	churnPerSecond      = 2.0 // from so many on a pool does not keep them
	churnOfRequests     = 0.3
	churnOfTransactions = 0.2
)

// findLimitWatched sees that the server has no room for the pool.
func findLimitWatched(run *Facts, _ *Pool) finding {
	said := run.Requests.answered(tooManyConnections)
	w := run.Watched
	if w == nil {
		if len(said) == 0 {
			return finding{}
		}
		return finding{confidence: Certain, evidence: said}
	}
	f := finding{evidence: said}
	if len(said) > 0 || w.Server.Refused > 0 {
		f.confidence = Certain
	} else if run.often(w.Usage.Limited) {
		f.confidence = Likely
	}
	if f.confidence == "" {
		return finding{}
	}
	if w.Server.Refused > 0 {
		f.evidence = append(f.evidence, fmt.Sprintf("the server refused the monitor's own connection %s: too many (SQLSTATE %s)",
			text.Times(int64(w.Server.Refused)), tooManyConnections))
	}
	if l := w.Server.Limit; l != nil && w.Usage.Limited > 0 {
		f.evidence = append(f.evidence, fmt.Sprintf("in %d of %d samples %s left no room: %d of %d in use, the pool may have %d",
			w.Usage.Limited, w.Samples, limitName(*l), l.Used, l.Max, w.Pool.Capacity()))
	}
	f.evidence = append(f.evidence, run.Requests.failures()...)
	return f
}

func limitName(l monitor.Limit) string {
	if l.Name == "" {
		return l.Setting()
	}
	return fmt.Sprintf("the CONNECTION LIMIT of %s %s", l.Scope, l.Name)
}

// findRestartWatched sees a server that started anew.
func findRestartWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || !w.Server.Restarted {
		return finding{}
	}
	f := finding{confidence: Certain, evidence: []string{"the server started anew during the watch"}}
	if w.Failed > 0 {
		f.evidence = append(f.evidence, fmt.Sprintf("%s the database did not answer", text.Times(int64(w.Failed))))
	}
	f.evidence = append(f.evidence, run.Requests.failures()...)
	return f
}

// findReadOnly sees a server that refuses to write.
func findReadOnly(run *Facts, p *Pool) finding {
	if n := p.Errors[readOnlyTransaction]; n > 0 {
		return finding{confidence: Certain, extent: float64(n), evidence: p.said(readOnlyTransaction)}
	}
	if said := run.Requests.answered(readOnlyTransaction); len(said) > 0 {
		return finding{confidence: Certain, evidence: said}
	}
	w := run.Watched
	if w == nil || !w.Server.ReadOnly {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: []string{
		"the server is a standby, or its transactions are read-only by default (pg_is_in_recovery, transaction_read_only)",
	}}
	switch {
	case w.Server.BecameReadOnly:
		f.confidence = Certain
		f.evidence = append(f.evidence, "it became so during the watch")
	case run.Requests.HTTP && run.Requests.Failed > 0:
		f.confidence = Likely
	case run.Requests.HTTP:
		return finding{} // whatever it is asked for, it can do
	}
	f.evidence = append(f.evidence, run.Requests.failures()...)
	return f
}

// findSessionsEnded sees sessions that the server or an administrator ended.
func findSessionsEnded(run *Facts, p *Pool) finding {
	said := append(p.said(idleSessionTimeout), run.Requests.answered(idleSessionTimeout, adminShutdown)...)
	if len(said) > 0 {
		return finding{confidence: Certain, evidence: append(said, run.Requests.failures()...)}
	}
	w := run.Watched
	if w == nil || w.Server.Restarted {
		return finding{}
	}
	// A session whose client has left ends with a fatal error too.
	if s := w.Server.Statistics; s.SessionsKilled == 0 && (s.SessionsFatal == 0 || s.SessionsAbandoned > 0) {
		return finding{}
	}
	f := finding{confidence: Likely, evidence: []string{fmt.Sprintf(
		"%s ended by fatal errors and %s terminated (sessions_fatal, sessions_killed of the whole database)",
		text.Counted(w.Server.Statistics.SessionsFatal, "session"), text.Counted(w.Server.Statistics.SessionsKilled, "session"))}}
	if w.Server.IdleTimeout > 0 {
		f.evidence = append(f.evidence, "idle_in_transaction_session_timeout is "+text.Millis(w.Server.IdleTimeout))
	}
	f.evidence = append(f.evidence, run.Requests.failures()...)
	return f
}

// findStatementTimeout sees statements that the server cancels after a time.
func findStatementTimeout(run *Facts, p *Pool) finding {
	if n := p.Errors[queryCanceled]; n > 0 {
		return finding{confidence: Certain, extent: float64(n), evidence: p.said(queryCanceled)}
	}
	if said := run.Requests.answered(queryCanceled); len(said) > 0 {
		return finding{confidence: Certain, evidence: said}
	}
	if run.Watched == nil {
		return finding{}
	}
	return run.statementTimeout()
}

// statementTimeout sees statements that ran for as long as the server lets them.
func (run *Facts) statementTimeout() finding {
	limit, ran := run.Watched.Server.StatementTimeout, 1000*run.Watched.LongestStatement
	if limit == 0 || ran < 0.5*limit || ran > 1.5*limit+200 {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: []string{fmt.Sprintf(
		"statement_timeout is %s for the application's role or database, and statements ran for up to %s",
		text.Millis(limit), text.Millis(ran))}}
	for _, failed := range run.Requests.Failures {
		if failed.Status >= 500 && failed.After.Median >= limit {
			f.confidence = Likely
		}
	}
	switch {
	case f.confidence == Likely:
		f.evidence = append(f.evidence, run.Requests.failures()...)
	case run.Requests.HTTP:
		return finding{} // nobody failed for it
	case ran >= 0.8*limit:
		f.confidence = Likely
	}
	return f
}

// findPrepared sees prepared statements that are not where they were prepared.
func findPrepared(run *Facts, p *Pool) finding {
	said := append(p.said(duplicateStatement, noSuchStatement), run.Requests.answered(duplicateStatement, noSuchStatement)...)
	if len(said) > 0 {
		return finding{confidence: Certain, evidence: said}
	}
	w := run.Watched
	if w == nil || !run.Requests.failsQuickly() {
		return finding{}
	}
	f := run.poolerWithoutStatements()
	if f.confidence != "" {
		f.evidence = append(f.evidence, run.Requests.failures()...)
	}
	return f
}

// poolerWithoutStatements sees a pooler that keeps no prepared statements, as
// far as is known.
func (run *Facts) poolerWithoutStatements() finding {
	w := run.Watched
	f := finding{confidence: Likely}
	switch p := w.Pooler; {
	case p != nil && p.Told && p.PoolMode != "session" && p.PreparedStatements == 0:
		f.evidence = []string{poolerName(p) + " stands between and keeps no prepared statements (max_prepared_statements)"}
	case p != nil && !p.Told:
		f.evidence = []string{"a pooler stands between"}
	case p == nil && run.often(w.Usage.Pooled):
		if 2*w.Usage.Pooled < w.Samples {
			f.confidence = Possible
		}
		f.evidence = []string{fmt.Sprintf("in %d of %d samples the application had more connections than there were sessions: a pooler stands between",
			w.Usage.Pooled, w.Samples)}
	default:
		return finding{}
	}
	return f
}

func poolerName(p *monitor.PoolerReport) string {
	switch {
	case p.Version == "":
		return "a pooler"
	case p.PoolMode == "":
		return p.Version
	default:
		return fmt.Sprintf("%s in %s mode", p.Version, p.PoolMode)
	}
}

// findPoolerSaturated sees the queue in the pooler rather than in the pool.
func findPoolerSaturated(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil {
		return finding{}
	}
	if w.Pooler != nil && w.Pooler.Told {
		return toldByPooler(w.Pooler)
	}
	if w.Pooler != nil && w.CheckedOut == nil {
		return run.behindPooler()
	}
	// Without any session it watches another application, or none has come yet.
	if w.Open == nil || w.Open.Peak == 0 || w.CheckedOut == nil || w.CheckedOut.Peak <= w.Open.Peak+1 ||
		w.Usage.Queued < 3 || 2*w.Usage.Queued < w.Usage.Pressed {
		return finding{}
	}
	return finding{confidence: Likely, extent: float64(w.Usage.Queued), evidence: []string{fmt.Sprintf(
		"the application had up to %s checked out, while at most %s open on the server: a pooler stands between",
		text.Counted(w.CheckedOut.Peak, "connection"), text.Counted(w.Open.Peak, "session"))}}
}

// toldByPooler is what PgBouncer's console says. Clients wait for a moment while
// server connections are opened, too.
func toldByPooler(p *monitor.PoolerReport) finding {
	if p.Waiting < 2 || float64(p.Waiting) < often*float64(p.Samples) || 2*p.Full < p.Waiting {
		return finding{}
	}
	return finding{
		confidence: Certain, extent: float64(p.Waiting),
		evidence: []string{
			fmt.Sprintf("in %d of %d samples clients waited in %s, up to %d at once and up to %s (cl_waiting, maxwait)",
				p.Waiting, p.Samples, poolerName(p), p.MostQueued, text.Length(monitor.Seconds(p.LongestWait))),
			fmt.Sprintf("in %d of them all %d server connections of database %s were in use (sv_active, pool_size)",
				p.Full, p.PoolSize, p.Database),
		},
		remedy: fmt.Sprintf("Raise default_pool_size (or pool_size of database %s) of PgBouncer from %d as far as max_connections allows, "+
			"or shorten the transactions. A larger pool in the application only moves the queue.", p.Database, p.PoolSize),
	}
}

// behindPooler is said of a pooler that does not answer: all of its sessions
// were at work, and users waited for much longer than their statements took.
func (run *Facts) behindPooler() finding {
	w, statement := run.Watched, 1000*run.Watched.LongestStatement
	if w.Active == nil || w.Open == nil || w.Active.P95 < w.Open.P95 || statement == 0 ||
		float64(w.Usage.AllInUse) < 0.8*float64(w.Open.P95*w.Samples) || run.Requests.Succeeded.Median < 1.5*statement {
		return finding{}
	}
	return finding{confidence: Likely, evidence: []string{
		fmt.Sprintf("a pooler stands between, and of its %s %s were at work on average", text.Counted(w.Open.P95, "session"),
			perSample(w.Usage.AllInUse, w)),
		fmt.Sprintf("users waited %s (median), and no statement took longer than %s",
			text.Millis(run.Requests.Succeeded.Median), text.Millis(statement)),
	}}
}

// lostConnections is for those that a pool, if there is one, cannot keep.
const lostConnections = "Connections are lost rather than kept: requests that are cancelled in a statement, connections that are recycled or " +
	"found dead, or processes that are killed. Let a statement end before the request does (statement_timeout below its deadline), " +
	"see why the pool drops them, and keep a pool, or a pooler, outside of processes that do not live long."

// findChurn sees connections that are opened for a request or two.
func findChurn(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Server.Seconds <= 0 {
		return finding{}
	}
	opened := float64(w.Server.Statistics.Sessions)
	done := float64(w.Server.Statistics.Commits + w.Server.Statistics.Rollbacks)
	if opened < max(fewSessions, 2*float64(w.Pool.Capacity())) || opened < churnPerSecond*w.Server.Seconds {
		return finding{}
	}
	if run.Requests.HTTP && opened < churnOfRequests*run.Requests.Count || !run.Requests.HTTP && opened < churnOfTransactions*done {
		return finding{}
	}
	f := finding{confidence: Likely, evidence: []string{fmt.Sprintf("%.0f sessions opened in %.0f s, for %.0f transactions (pg_stat_database)",
		opened, w.Server.Seconds, done)}}
	if run.Requests.HTTP {
		f.evidence = append(f.evidence, fmt.Sprintf("%.0f requests were made", run.Requests.Count))
	}
	left := w.Server.Statistics.SessionsAbandoned
	switch {
	case abandons(w):
		f.evidence = append(f.evidence, fmt.Sprintf("%d were left by their clients without a word (sessions_abandoned)", left))
		f.remedy = lostConnections
	case w.Fullest != nil && w.Fullest.Size > 0:
		f.evidence = append(f.evidence, "the application has a pool, and its connections do not stay in it")
		f.remedy = lostConnections
	}
	return f
}
