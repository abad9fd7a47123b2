package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The requests of users over HTTP: how they failed, and after how long.

const (
	// waitedLong is in milliseconds: an answer that took less did not wait for
	// a pool to time out.
	waitedLong = 250
	// requestTimeout is k6's error_code of a request without an answer in time.
	requestTimeout = 1050
	// failedShare of the requests is more than a few.
	failedShare = 0.01
)

// String is "118 × HTTP 503 after 2.0 s".
func (f failure) String() string {
	what := fmt.Sprintf("HTTP %d", f.status)
	if f.status == 0 {
		what = cmp.Or(f.text, "no answer")
		if f.code == requestTimeout {
			what = "no answer in time"
		}
	}
	switch {
	case saidBy(f.sqlState).trouble != "":
		what += ", " + f.sqlState
	case f.sqlState != "":
		what += ", SQLSTATE " + f.sqlState
	}
	after := fmt.Sprintf("%.0f ms", f.after.median)
	if f.after.median >= 1000 {
		after = fmt.Sprintf("%.1f s", f.after.median/1000) // as a timeout is set
	}
	return fmt.Sprintf("%d × %s after %s", f.count, what, after)
}

// howFailed are all failures in one clause, the most frequent first; none where
// nothing failed.
func (r *Requests) howFailed() []string {
	if len(r.failures) == 0 {
		return nil
	}
	sorted := slices.Clone(r.failures)
	slices.SortStableFunc(sorted, func(a, b failure) int { return cmp.Compare(b.count, a.count) })
	parts := make([]string, len(sorted))
	for i, f := range sorted {
		parts[i] = f.String()
	}
	return []string{strings.Join(parts, ", ")}
}

// Notes say in every report how requests failed, where some did.
func (r *Responses) Notes() []string {
	requests := r.Requests()
	said := requests.howFailed()
	if len(said) == 0 {
		return nil
	}
	return []string{"Failed requests: " + said[0] + "."}
}

// answered are the failures whose answers tell of one of the SQLSTATEs.
func (r *Requests) answered(states ...string) (said []string) {
	for _, f := range r.failures {
		if slices.Contains(states, f.sqlState) {
			said = append(said, f.String())
		}
	}
	return said
}

// isWait tells whether a failure is what an application makes of a pool's
// timeout: a 503 after a while, or a 500 always after the same time.
func (f failure) isWait(timeout float64) bool {
	switch {
	case f.sqlState != "" || f.after.median < waitedLong || timeout > 0 && f.after.median < 0.9*timeout:
		return false
	case f.status == 503:
		return true
	default:
		return f.status == 500 && f.after.p95 <= 1.5*f.after.median
	}
}

// poolTimeout is how long the pool lets users wait, in milliseconds, as it was
// given or as the failures show it, with these as evidence; 0 where it is not
// known.
func (run *Facts) poolTimeout() (ms float64, waited []string) {
	if run.Watched != nil {
		ms = 1000 * run.Watched.Pool.Timeout
	}
	longest, count := 0.0, int64(0)
	for _, f := range run.Requests.failures {
		if !f.isWait(ms) || f.status == 500 && !run.waitedAsLong(f) {
			continue
		}
		waited = append(waited, f.String())
		if f.count > count {
			longest, count = f.after.median, f.count
		}
	}
	return cmp.Or(ms, longest), waited
}

// waitedAsLong tells a 500 that stands for a pool timeout from one that a
// statement caused: the pool was full, and no statement ran for that long.
func (run *Facts) waitedAsLong(f failure) bool {
	w := run.Watched
	return w != nil && w.Usage.Full >= 2 && 1000*w.LongestStatement < 0.9*f.after.median
}

// failsQuickly tells whether more than a few requests failed without waiting, and
// without a word of why.
func (r *Requests) failsQuickly() bool {
	return r.fail(func(f failure) bool { return f.isQuick() && f.status == 500 })
}

// failsAtOnce is the same, and 503 is an answer as well.
func (r *Requests) failsAtOnce() bool {
	return r.fail(func(f failure) bool { return f.isQuick() && (f.status == 500 || f.status == 503) })
}

// answersErrors tells whether more than a few were answered with an error of the server's side.
func (r *Requests) answersErrors() bool {
	return r.fail(func(f failure) bool { return f.status >= 500 })
}

func (r *Requests) fail(how func(failure) bool) bool {
	var count int64
	for _, f := range r.failures {
		if how(f) {
			count += f.count
		}
	}
	return float64(count) > failedShare*r.Count
}

func (f failure) isQuick() bool { return f.sqlState == "" && f.after.median < waitedLong }

// named are the SQLSTATEs that lead to a cause of their own.
var named = []string{
	tooManyConnections, readOnlyTransaction, queryCanceled, duplicateStatement, noSuchStatement, idleInTxTimeout, idleSessionTimeout,
	adminShutdown, crashShutdown, cannotConnectNow, deadlockDetected, lockNotAvailable,
}

// findRejected sees failures that are the application's own: its pool had
// connections left, or they came without waiting for one; and an application that
// cannot open connections.
func findRejected(run *Facts, _ *Pool) finding {
	answers, login := run.rejected(), run.noLogin()
	switch {
	case login.confidence == "":
		return answers
	case answers.confidence.rank() > login.confidence.rank() || answers.confidence == Certain && run.Watched.Server.Barred == nil:
		answers.evidence = append(answers.evidence, login.evidence...)
		return answers
	default:
		login.evidence = append(login.evidence, answers.evidence...)
		return login
	}
}

// rejected is what the answers show.
func (run *Facts) rejected() finding {
	if !run.Requests.HTTP {
		return finding{}
	}
	own := run.ownFailures()
	answered := Requests{failures: own, Count: run.Requests.Count}
	if len(own) == 0 {
		return finding{}
	}
	f := finding{confidence: Likely, evidence: answered.howFailed(), remedy: refusedBy(own)}
	for _, failure := range own {
		f.extent += float64(failure.count)
	}
	if w := run.Watched; w != nil && w.Active != nil {
		f.evidence = append(f.evidence, fmt.Sprintf("at most %d of %s in use",
			w.Active.Peak, text.Counted(w.Pool.Capacity(), "connection")))
	} else {
		f.confidence = Possible
	}
	if f.remedy == "" {
		run.whyQuickly(&f, answered)
	} else if refusedMost(own) {
		f.confidence = Certain
	}
	return f
}

// whyQuickly is for answers that say nothing.
func (run *Facts) whyQuickly(f *finding, answered Requests) {
	switch {
	case run.neverConnects() && answered.failsAtOnce():
		f.evidence = append(f.evidence, "the server shows no session of it")
		f.remedy = cannotConnect
	case answered.failsQuickly():
		f.remedy = run.rejectedQuickly()
	}
}

// isNamed tells whether what the answer tells of has a cause of its own.
func (f failure) isNamed() bool {
	trouble := saidBy(f.sqlState).trouble
	return slices.Contains(named, f.sqlState) || trouble != "" && trouble != rejectedByApplication
}

// ownFailures are those that did not wait for a connection, and that no SQLSTATE names
// another cause for. What took long may have waited where there was none.
func (run *Facts) ownFailures() (own []failure) {
	timeout, _ := run.poolTimeout()
	full := run.Watched != nil && run.often(run.Watched.Usage.Full)
	for _, f := range run.Requests.failures {
		waited := f.isWait(timeout) && (f.status == 503 || run.waitedAsLong(f)) ||
			full && f.sqlState == "" && f.after.median >= waitedLong
		if f.status >= 400 && !f.isNamed() && !waited {
			own = append(own, f)
		}
	}
	return own
}

// logsTell is for answers that do not say why.
const logsTell = "These answers come from the application: its log says why, and PostgreSQL's log has each statement and login that the server refused. " +
	"The requests did not wait for a connection, so the pool is not the cause."

// rejectedQuickly is for errors that are not the application's word for too much load.
func (run *Facts) rejectedQuickly() string {
	if run.Watched != nil && (run.Watched.Clients > 0 || run.Watched.Pooler != nil) {
		return logsTell // the processes that have the sessions are known
	}
	return logsTell + " Behind a pooler in transaction mode, prepared statements (42P05, 26000) may be the cause: set PGBOUNCER_URL to check."
}

// findUnanswered sees requests that wait in the application for something
// other than a connection.
func findUnanswered(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Active == nil || w.AtLeast >= often || run.pressedOften() {
		return finding{}
	}
	var f finding
	for _, failed := range run.Requests.failures {
		if failed.status == 0 && failed.code == requestTimeout {
			f.extent += float64(failed.count)
			f.evidence = append(f.evidence, "users were cut off while they waited: "+failed.String())
		}
	}
	if cut := run.Requests.cutOff; cut.count > 0 {
		f.extent += cut.count
		f.evidence = append(f.evidence, fmt.Sprintf("%s cut off while they waited, after up to %s",
			text.Counted(int64(cut.count), "user"), text.Millis(cut.max)))
	}
	if f.extent <= failedShare*run.Requests.Count {
		return finding{}
	}
	f.confidence = Possible
	f.evidence = append(f.evidence, fmt.Sprintf("at most %d of %s in use: they did not wait for the pool",
		w.Active.Peak, text.Counted(w.Pool.Capacity(), "connection")))
	f.remedy = "The application does not answer, although it has connections: look for slow work outside the database, and give it a deadline."
	return f
}
