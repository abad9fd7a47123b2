package diagnosis

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles of locks that the server itself ends.

const (
	deadlockDetected = "40P01"
	lockNotAvailable = "55P03" // lock_timeout, NOWAIT
)

// remedyOfDeadlocks is for transactions that wait for each other.
const remedyOfDeadlocks = "Take locks in the same order in every transaction (rows sorted by their key), keep transactions short, " +
	"and run the one again that the server ended (40P01). A larger pool only adds transactions that can meet."

// longLock is the age of a transaction, in seconds, from which on it is not one of many
// that take the same row: whoever waits for it now waits until it is ended.
const longLock = 2

// rewrites are statements that lock a table for as long as they run, and what does the
// same without.
var rewrites = []struct {
	statement *regexp.Regexp
	instead   string
}{
	{regexp.MustCompile(`(?i)\bVACUUM\s*(\([^)]*)?\bFULL\b|\bCLUSTER\b`), "use VACUUM without FULL, which keeps the table usable, or run it at a quiet time"},
	{regexp.MustCompile(`(?i)\b(CREATE\s+(UNIQUE\s+)?|RE)INDEX\b`), "build the index CONCURRENTLY"},
	{regexp.MustCompile(`(?i)\bREFRESH\s+MATERIALIZED\b`), "refresh the view CONCURRENTLY"},
	{regexp.MustCompile(`(?i)^\s*(VACUUM|ANALYZE)\b`), "give the DDL that waits for it a lock_timeout, or run that when no VACUUM runs: VACUUM alone stops neither reads nor writes"},
	{regexp.MustCompile(`(?i)\b(ALTER|DROP|TRUNCATE|LOCK)\b`), "run it again at a quiet time, with a lock_timeout and in steps that rewrite no table"},
}

// remedyOfBlocker is what to do about the session at the root of the waits; empty for
// the rule's.
func remedyOfBlocker(b *monitor.Session) string {
	const noPool = " A larger pool only adds waiters."
	switch {
	case b.State == monitor.StatePrepared:
		return "End the prepared transaction that holds the locks: SELECT * FROM pg_prepared_xacts shows it, COMMIT PREPARED or ROLLBACK PREPARED ends it. " +
			"It outlives sessions and restarts." + noPool
	case b.State == monitor.StateNoClient:
		return fmt.Sprintf("SELECT query FROM pg_stat_activity WHERE pid = %d shows what it does. An autovacuum gives way by itself, unless it prevents wraparound: "+
			"let that one end, or run VACUUM (FREEZE) at a quiet time; until then, cancel the statement that waits for it.", b.PID) + noPool
	case b.Age < longLock:
		return ""
	}
	for _, r := range rewrites {
		if b.State == "active" && r.statement.MatchString(b.Statement) {
			return fmt.Sprintf("Let it end, or end it: SELECT pg_cancel_backend(%d). The next time, %s.", b.PID, r.instead) + noPool
		}
	}
	return fmt.Sprintf("End it, SELECT pg_terminate_backend(%d), unless it is about to commit. Then shorten it: commit before slow work, keep reports away from DDL, "+
		"and give DDL a lock_timeout, so that nobody waits behind it.", b.PID) + noPool
}

// findAnyLocks sees sessions that wait for locks, and statements that the server
// ended for it.
func findAnyLocks(run *Facts, p *Pool) finding {
	waits, ended := findLocks(run, p), findEndedByLocks(run, p)
	if ended.confidence == "" {
		return waits
	}
	if waits.confidence.rank() > ended.confidence.rank() {
		ended.confidence = waits.confidence
	}
	ended.evidence = slices.Concat(ended.evidence, waits.evidence)
	ended.extent += waits.extent
	return ended
}

// findEndedByLocks sees deadlocks, and statements that gave up waiting for a lock.
func findEndedByLocks(run *Facts, p *Pool) finding {
	f := run.heard(p, deadlockDetected, lockNotAvailable)
	if run.heard(p, deadlockDetected).confidence != "" {
		f.remedy = remedyOfDeadlocks
	}
	if run.Watched == nil || run.Watched.Server.Statistics.Deadlocks == 0 {
		return f
	}
	n := run.Watched.Server.Statistics.Deadlocks
	f.evidence = append(f.evidence, fmt.Sprintf("the server ended %s (deadlocks of the whole database)", text.Counted(n, "deadlock")))
	switch {
	case f.confidence == Certain:
	case n >= fewDeadlocks:
		f.confidence, f.remedy = Likely, remedyOfDeadlocks
	default: // they may be another application's
		f.confidence, f.remedy = Possible, remedyOfDeadlocks
	}
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// fewDeadlocks in a run are those of an unlucky moment.
const fewDeadlocks = 3
