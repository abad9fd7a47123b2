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
	idleSessionTimeout  = "25P03" // idle_in_transaction_session_timeout
	queryCanceled       = "57014"
	duplicateStatement  = "42P05"
	noSuchStatement     = "26000"
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
	f := finding{confidence: Certain, evidence: []string{"the server restarted during the watch"}}
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
