package diagnosis

import (
	"cmp"
	"fmt"
	"regexp"
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

// told is what applications write where the server refused them, by SQLSTATE:
// asyncpg's and psycopg's names of the errors, and the server's own words.
var told = []struct {
	words *regexp.Regexp
	state string
}{
	{regexp.MustCompile(`TooManyConnections|too many (connections|clients)|remaining connection slots`), tooManyConnections},
	{regexp.MustCompile(`ReadOnlySQLTransaction|in a read-only transaction`), readOnlyTransaction},
	{regexp.MustCompile(`QueryCanceled|due to statement timeout`), queryCanceled},
	{regexp.MustCompile(`DuplicatePreparedStatement|prepared statement \S+ already exists`), duplicateStatement},
	{regexp.MustCompile(`InvalidSQLStatementName|prepared statement \S+ does not exist`), noSuchStatement},
	{regexp.MustCompile(`IdleInTransactionSessionTimeout|idle-in-transaction timeout`), idleInTxTimeout},
	{regexp.MustCompile(`IdleSessionTimeout|due to idle-session timeout`), idleSessionTimeout},
	{regexp.MustCompile(`AdminShutdown|due to administrator command`), adminShutdown},
	{regexp.MustCompile(`CannotConnectNow|database system is (starting up|shutting down|in recovery mode)`), cannotConnectNow},
	{regexp.MustCompile(`CrashShutdown|because of crash of another server process`), crashShutdown},
	{regexp.MustCompile(`DeadlockDetected|deadlock detected`), deadlockDetected},
	{regexp.MustCompile(`LockNotAvailable|due to lock timeout`), lockNotAvailable},
	{regexp.MustCompile(`SerializationError|SerializationFailure|could not serialize access`), serializationFailure},
	{regexp.MustCompile(`DiskFull|No space left on device`), diskFull},
	{regexp.MustCompile(`number of prepared transactions|prepared transactions are disabled`), preparedTransactions},
	{regexp.MustCompile(`OutOfMemory|out of (shared )?memory`), outOfMemory},
	{regexp.MustCompile(`InvalidPassword|password authentication failed`), invalidPassword},
	{regexp.MustCompile(`InvalidAuthorizationSpecification|is not permitted to log in`), invalidRole},
}

var sqlState = regexp.MustCompile(`(?i)sqlstate\W{0,4}([0-9][0-9A-Z]{4})\b`)

// SQLState is the one that an answer's text tells of, or what [OfPgBouncer] makes of
// it, or a driver's words; empty where it tells of none. PgBouncer quotes the server's
// refusal among its own words.
func SQLState(body string) string {
	state := serverState(body)
	if said := OfPgBouncer(body); said != "" && (state == "" || state == protocolViolation || saidBy(said).trouble == poolerSaturated) {
		return said
	}
	return cmp.Or(state, keyOf(driver, body))
}

// serverState is the SQLSTATE alone.
func serverState(body string) string {
	if match := sqlState.FindStringSubmatch(body); match != nil {
		return strings.ToUpper(match[1])
	}
	for _, t := range told {
		if t.words.MatchString(body) {
			return t.state
		}
	}
	return ""
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
	var quick int64
	for _, f := range r.failures {
		if f.status == 500 && f.sqlState == "" && f.after.median < waitedLong {
			quick += f.count
		}
	}
	return float64(quick) > failedShare*r.Count
}

// named are the SQLSTATEs that lead to a cause of their own.
var named = []string{
	tooManyConnections, readOnlyTransaction, queryCanceled, duplicateStatement, noSuchStatement, idleInTxTimeout, idleSessionTimeout,
	adminShutdown, crashShutdown, cannotConnectNow, deadlockDetected, lockNotAvailable,
}

// The server's errors that an application passes on, and that are no trouble of its
// connections.
const (
	serializationFailure = "40001"
	diskFull             = "53100"
	outOfMemory          = "53200"
	invalidPassword      = "28P01"
	invalidRole          = "28000"
	protocolViolation    = "08P01" // of nearly everything that PgBouncer says

	preparedTransactions = "max_prepared_transactions" // has 53200 or 55000, as others
)

// remedies are what to do about them.
var remedies = map[string]string{
	serializationFailure: "Run transactions again that the server could not serialize (40001), and keep them short. The pool is not the cause.",
	diskFull: "The server's disk is full (53100): free space or enlarge it, and look for what filled it " +
		"(temporary files, write-ahead log kept for a replication slot). The pool is not the cause.",
	outOfMemory: "The server has no memory left (53200): reduce work_mem or the number of connections, or raise max_locks_per_transaction " +
		"where it says shared memory. A larger pool needs more.",
	invalidPassword: "The server refuses the application's password (28P01): set the one that its role has now, and restart the application. The pool is not the cause.",
	preparedTransactions: "The server takes no more prepared transactions (max_prepared_transactions): end those that were left, which hold their locks " +
		"(SELECT * FROM pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED), or raise it. The pool is not the cause.",
	invalidRole: "The server does not let the application's role connect (28000): check LOGIN of the role and pg_hba.conf. The pool is not the cause.",
}

// refusedBy is the remedy for the first of some failures that names its SQLSTATE.
func refusedBy(own []failure) string {
	for _, f := range own {
		if f.sqlState == "" {
			continue
		}
		if remedy, known := remedies[f.sqlState]; known {
			return remedy
		}
		if said := saidBy(f.sqlState); said.trouble != "" {
			return said.remedy
		}
		return fmt.Sprintf("The server refuses these statements with SQLSTATE %s (PostgreSQL's manual, appendix A): the application's log has the statement. "+
			"The pool is not the cause.", f.sqlState)
	}
	return ""
}

// findRejected sees failures that are the application's own: its pool had
// connections left, or they came without waiting for one.
func findRejected(run *Facts, _ *Pool) finding {
	if !run.Requests.HTTP {
		return finding{}
	}
	own := run.ownFailures()
	answered := Requests{failures: own, Count: run.Requests.Count}
	if len(own) == 0 {
		return finding{}
	}
	f := finding{confidence: Likely, evidence: answered.howFailed(), remedy: refusedBy(own)}
	var count int64
	for _, failure := range own {
		count += failure.count
	}
	f.extent = float64(count)
	if w := run.Watched; w != nil && w.Active != nil {
		f.evidence = append(f.evidence, fmt.Sprintf("at most %d of %s in use",
			w.Active.Peak, text.Counted(w.Pool.Capacity(), "connection")))
	} else {
		f.confidence = Possible
	}
	switch {
	case f.remedy != "" || !answered.failsQuickly():
	case run.neverConnects():
		f.evidence = append(f.evidence, "the server shows no session of it")
		f.remedy = cannotConnect
	default:
		f.remedy = rejectedQuickly
	}
	return f
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

// neverConnects tells whether an application has connections checked out of which the
// server, which answers, has not shown one.
func (run *Facts) neverConnects() bool {
	w := run.Watched
	return w != nil && w.Hidden == 0 && w.Open != nil && w.Open.Peak == 0 && w.CheckedOut != nil && w.CheckedOut.Peak > 0 && run.Requests.failsQuickly()
}

// cannotConnect is for an application without a session.
const cannotConnect = "The application opens no session here: its log says why. Check the host, port, database, user and password in its URL, and whether it " +
	"is the server and the application_name that are watched. The pool is not the cause."

// rejectedQuickly is for errors that are not the application's word for too much load.
const rejectedQuickly = "These answers come from the application: its log says why. The requests did not wait for a connection, so the pool is not the cause. " +
	"Behind a pooler in transaction mode, prepared statements (42P05, 26000) may be the cause: set PGBOUNCER_URL to check."

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
