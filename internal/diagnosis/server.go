package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles that a watched application's server shows.

// SQLSTATEs that an application may answer with, beside those of connections.
const (
	readOnlyTransaction = "25006"
	idleInTxTimeout     = "25P03" // idle_in_transaction_session_timeout
	idleSessionTimeout  = "57P05"
	queryCanceled       = "57014"
	duplicateStatement  = "42P05"
	noSuchStatement     = "26000"
)

// heard is what the server told of one of the SQLSTATEs: the pool, or an application's
// users.
func (run *Facts) heard(p *Pool, states ...string) finding {
	f := finding{evidence: append(p.said(states...), run.Requests.answered(states...)...)}
	if len(f.evidence) > 0 {
		f.confidence = Certain
	}
	for _, state := range states {
		f.extent += float64(p.errors[state])
	}
	return f
}

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
	run.addLimited(&f)
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// addLimited says which limit left no room.
func (run *Facts) addLimited(f *finding) {
	w := run.Watched
	l := w.Server.Limit
	if l == nil || w.Usage.Limited == 0 {
		return
	}
	f.evidence = append(f.evidence, fmt.Sprintf("in %d of %d samples %s left no room: %d of %d in use, the pool may have %d%s",
		w.Usage.Limited, w.Samples, limitName(*l), l.Used, l.Max, w.Pool.Capacity(), run.openAtMost()))
	if l.Scope == "role" && w.Open != nil && w.Open.Peak == 0 && f.confidence == Likely && !run.Requests.failsQuickly() {
		f.confidence = Possible // it may be another application's role
	}
}

// openAtMost is how many of the connections in use are the application's.
func (run *Facts) openAtMost() string {
	switch open := run.Watched.Open; {
	case open == nil:
		return ""
	case open.Peak == 0:
		return " and has none"
	default:
		return fmt.Sprintf(" and had %d at most", open.Peak)
	}
}

func limitName(l monitor.Limit) string {
	if l.Name == "" {
		return l.Setting()
	}
	return fmt.Sprintf("the CONNECTION LIMIT of %s %s", l.Scope, l.Name)
}

// findRestartWatched sees a server that started anew.
func findRestartWatched(run *Facts, _ *Pool) finding {
	said := run.Requests.answered(crashShutdown, cannotConnectNow)
	w := run.Watched
	f := finding{confidence: Certain, evidence: said}
	switch {
	case w == nil || !w.Server.Restarted && w.Server.Unreachable == 0:
		if len(said) == 0 {
			return finding{}
		}
		return f
	case w.Server.Restarted:
		f.evidence = append(f.evidence, "the server restarted during the watch")
	default:
		f.confidence = Likely
		f.evidence = append(f.evidence, fmt.Sprintf("%s nothing accepted a connection at the server's address, where it had answered before",
			text.Times(int64(w.Server.Unreachable))))
		f.remedy = "Start PostgreSQL, or check the network to it: its log says who stopped it or why it crashed. " +
			"DB_POOL_PRE_PING = True keeps the broken connections away from users afterwards."
	}
	if w.Failed > w.Server.Unreachable {
		f.evidence = append(f.evidence, fmt.Sprintf("%s the database did not answer", text.Times(int64(w.Failed))))
	}
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// findReadOnly sees a server that refuses to write.
func findReadOnly(run *Facts, p *Pool) finding {
	w := run.Watched
	if heard := run.heard(p, readOnlyTransaction); heard.confidence != "" {
		return heard
	}
	if w == nil || !w.Server.ReadOnly && !w.Server.ReadOnlyRole {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: []string{
		"the server is a standby, or its transactions are read-only by default (pg_is_in_recovery, transaction_read_only)",
	}}
	if w.Server.ReadOnlyRole && !w.Server.ReadOnly {
		f.evidence = []string{"default_transaction_read_only is on for the application's role or database"}
		f.remedy = "Switch default_transaction_read_only off for the application's role and database (ALTER ROLE … RESET default_transaction_read_only; " +
			"new connections have it), or let it connect with a role that may write."
	}
	switch {
	case w.Server.BecameReadOnly:
		f.confidence = Certain
		f.evidence = append(f.evidence, "it became so during the watch")
	case run.Requests.HTTP && run.Requests.Failed > 0:
		f.confidence = Likely
	case run.Requests.HTTP:
		return finding{} // whatever it is asked for, it can do
	}
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// findSessionsEnded sees sessions that the server or an administrator ended.
func findSessionsEnded(run *Facts, p *Pool) finding {
	said := append(p.said(idleInTxTimeout, idleSessionTimeout), run.Requests.answered(idleInTxTimeout, idleSessionTimeout, adminShutdown)...)
	if len(said) > 0 {
		return finding{confidence: Certain, evidence: append(said, run.Requests.howFailed()...)}
	}
	w := run.Watched
	if w == nil || w.Server.Restarted || run.loginsEnd() {
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
	// A few are not what fills a pool.
	if ended := w.Server.Statistics.SessionsFatal + w.Server.Statistics.SessionsKilled; run.often(w.Usage.Full) && float64(ended) < 0.1*run.Requests.Failed {
		f.confidence = Possible
	}
	run.addSessionTimeout(&f)
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// loginsEnd tells whether connects are refused, which end with a fatal error too.
func (run *Facts) loginsEnd() bool {
	w := run.Watched
	return w.Server.Refused > 0 || run.often(w.Usage.Limited) || run.cannotOpen()
}

// addSessionTimeout names the timeout that ends what a pool keeps idle, or what holds a
// transaction.
func (run *Facts) addSessionTimeout(f *finding) {
	server := run.Watched.Server
	if server.IdleTimeout > 0 && server.SessionTimeout == 0 && server.Statistics.SessionsKilled == 0 {
		f.remedy = fmt.Sprintf("Commit or return the connection before work outside the database: idle_in_transaction_session_timeout (%s) "+
			"ends sessions that hold a transaction for longer. A larger pool only holds more transactions open.", text.Millis(server.IdleTimeout))
	}
	limit := server.SessionTimeout
	if limit == 0 {
		return
	}
	f.evidence = append(f.evidence, "idle_session_timeout is "+text.Millis(limit))
	if server.Statistics.SessionsKilled == 0 && server.IdleTimeout == 0 {
		f.remedy = fmt.Sprintf("Set DB_POOL_RECYCLE below idle_session_timeout (%s), with DB_POOL_PRE_PING = True, or switch that timeout off "+
			"for the application's role: a pool keeps connections idle on purpose.", text.Millis(limit))
	}
}

// findStatementTimeout sees statements that the server cancels after a time.
func findStatementTimeout(run *Facts, p *Pool) finding {
	if heard := run.heard(p, queryCanceled); heard.confidence != "" || run.Watched == nil {
		return heard
	}
	if f := run.statementTimeout(); f.confidence != "" || run.Watched.Server.StatementTimeout > 0 {
		return f
	}
	return run.sameTime()
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
	for _, failed := range run.Requests.failures {
		if failed.status >= 500 && failed.after.median >= limit {
			f.confidence = Likely
		}
	}
	switch {
	case f.confidence == Likely:
		f.evidence = append(f.evidence, run.Requests.howFailed()...)
	case run.Requests.HTTP:
		return finding{} // nobody failed for it
	case ran >= 0.8*limit:
		f.confidence = Likely
	}
	return f
}

// sameTime sees requests that fail always after the same time, as long as the
// longest statements run, where no catalog shows a limit: it is the whole server's
// (postgresql.conf), or the application sets it itself.
func (run *Facts) sameTime() finding {
	w := run.Watched
	ran := 1000 * w.LongestStatement
	if run.often(w.Usage.Full) || run.often(w.Usage.Locked) || w.Usage.Orphaned > 0 {
		return finding{}
	}
	for _, failed := range run.Requests.failures {
		after := failed.after
		if failed.status < 500 || failed.sqlState != "" || failed.count < fewStatements || after.p95 > 1.5*after.median ||
			after.median < shortestLimit || ran < 0.8*after.median || ran > 1.1*after.median+50 {
			continue
		}
		return finding{
			confidence: Likely, extent: float64(failed.count),
			evidence: []string{fmt.Sprintf("requests failed always after about as long as the longest statements ran (%s): %s", text.Millis(ran), failed)},
			remedy: "Statements are canceled after this time: look for statement_timeout in postgresql.conf and in the application's connection options, " +
				"and for the driver's own limit (asyncpg: command_timeout). Make the statements faster (EXPLAIN ANALYZE, indexes), or raise it. " +
				"The pool is not the cause.",
		}
	}
	return finding{}
}

// shortestLimit is in milliseconds: hardly anybody sets a shorter one.
const shortestLimit = 100
