package diagnosis

import (
	"fmt"
	"slices"

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
