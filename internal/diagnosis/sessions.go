package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles of sessions that are not the pool's, or do not stay in it.

const (
	// fewOrphans are left at any time.
	fewOrphans      = 3
	fewSessions     = 20  // fewer connects are none too many
	churnPerSecond  = 2.0 // from so many on a pool does not keep them
	churnOfRequests = 0.3
	// SQLAlchemy and asyncpg make five transactions to connect, and some for the request.
	churnOfTransactions = 0.12
)

// findOrphaned sees statements that go on for clients that have left.
func findOrphaned(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil {
		return finding{}
	}
	abandoned := w.Server.Statistics.SessionsAbandoned
	// A pool that opens anew what its canceled users leave shows few of them at once.
	if !run.often(w.Usage.Orphaned) && (w.Usage.Orphaned == 0 || !abandons(w)) {
		return finding{}
	}
	told := w.Fullest != nil && w.CheckedOut != nil && w.CheckedOut.Peak <= w.Pool.Capacity()
	if !told && abandoned < fewOrphans && w.Server.Opened < 2*w.Pool.Capacity() {
		return finding{} // sessions of a pool that was not configured: they stay
	}
	if run.often(w.Usage.Foreign) {
		return finding{} // they go on after their statements: somebody uses them
	}
	f := finding{confidence: Likely, extent: float64(w.Usage.Orphaned)}
	has := fmt.Sprintf("the pool may have (%d)", w.Pool.Capacity())
	if told {
		has = "the application had checked out"
	}
	f.evidence = append(f.evidence, fmt.Sprintf("in %d of %d samples more sessions were at work than %s, by up to %d",
		w.Usage.Orphaned, w.Samples, has, w.Usage.MostOrphaned))
	f.evidence = append(f.evidence, fmt.Sprintf("%d of its sessions were opened meanwhile, and %d left by their clients (sessions_abandoned)",
		w.Server.Opened, abandoned))
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// abandons tells whether a good part of many sessions was left by their clients,
// which did not close them.
func abandons(w *monitor.Report) bool {
	s := w.Server.Statistics
	return s.SessionsAbandoned >= fewSessions && 3*s.SessionsAbandoned >= s.Sessions
}

// findMoreConnections sees more sessions than the pool may open.
func findMoreConnections(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Open == nil {
		return finding{}
	}
	if run.often(w.Usage.Foreign) && w.CheckedOut != nil {
		return finding{confidence: Likely, extent: float64(w.Usage.Foreign), evidence: []string{fmt.Sprintf(
			"in %d of %d samples more sessions ran one statement after another than the application has connections in the pool that it reports, by up to %d",
			w.Usage.Foreign, w.Samples, w.Usage.MostForeign),
			fmt.Sprintf("up to %s open, and at most %d checked out", text.Counted(w.Open.Peak, "session"), w.CheckedOut.Peak),
		}, remedy: run.others()}
	}
	// Of a pool with more workers, found meanwhile, they may be.
	if !run.often(w.Usage.Exceeded) || w.Usage.Exceeded < 3 || w.Open.Peak <= w.Pool.Capacity() {
		return finding{}
	}
	if findOrphaned(run, nil).confidence != "" {
		return finding{}
	}
	f := finding{confidence: Likely, evidence: []string{fmt.Sprintf(
		"up to %s open, where a pool of %s may have %d", text.Counted(w.Open.Peak, "session"), w.Pool, w.Pool.Capacity())}}
	if w.Clients == 1 {
		f.evidence, f.remedy = append(f.evidence, "one process has them all"), run.others()
	}
	return f
}

// others is the remedy for connections that are not of the pool.
func (run *Facts) others() string {
	if run.Watched.Clients == 1 {
		return "The application's process has a second engine or pool: give that one its own application_name, use one engine for both, or count both in the sizes."
	}
	return "Other connections have the application's name: a second engine or pool, processes that do not answer at APP_URL, a job under the same role. " +
		"Name each by its own application_name, set WORKERS (--workers) to the number of processes and give the pid in /health/pool, and count all of them in the sizes."
}

// lostConnections is for those that a pool, if there is one, cannot keep.
const lostConnections = "Connections are lost rather than kept: requests that are canceled in a statement, connections that are recycled " +
	"(raise DB_POOL_RECYCLE where it is short) or found dead, or processes that are killed. Let a statement end before the request does (statement_timeout below its deadline), " +
	"find out why the pool drops them, and use a pooler for short-lived processes."

// findChurn sees connections that are opened for a request or two.
func findChurn(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Server.Seconds <= 0 || run.cannotOpen() {
		return finding{}
	}
	opened := float64(w.Server.Statistics.Sessions)
	if w.Open != nil {
		opened -= float64(w.Open.Peak) // those that stayed
	}
	done := float64(w.Server.Statistics.Commits + w.Server.Statistics.Rollbacks)
	enough := churnOfTransactions * done
	if run.Requests.HTTP {
		enough = churnOfRequests * run.Requests.Count
	}
	if opened < max(fewSessions, 2*float64(w.Pool.Capacity()), churnPerSecond*w.Server.Seconds, enough) {
		return finding{}
	}
	f := finding{confidence: Likely, evidence: []string{fmt.Sprintf("%d sessions opened in %.0f s, for %.0f transactions (pg_stat_database)",
		w.Server.Statistics.Sessions, w.Server.Seconds, done)}}
	if run.Requests.HTTP {
		f.evidence = append(f.evidence, fmt.Sprintf("%.0f requests were made", run.Requests.Count))
	}
	if why := losesConnections(w); why != "" {
		f.evidence, f.remedy = append(f.evidence, why), lostConnections
	}
	return f
}

// losesConnections tells connections that are lost from those that nobody means
// to keep; empty where they may be the latter.
func losesConnections(w *monitor.Report) string {
	switch {
	case abandons(w):
		return fmt.Sprintf("%d were left by their clients without closing (sessions_abandoned)", w.Server.Statistics.SessionsAbandoned)
	case w.Fullest != nil && w.Fullest.Size > 0:
		return "the application has a pool, and its connections do not stay in it"
	default:
		return ""
	}
}
