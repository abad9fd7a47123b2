package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// The troubles of too little CPU: the application's, the database's or the load generator's.

const (
	// busyDatabase is in percent: from there on work waits for the CPU.
	busyDatabase = 90
	// busyAnswer is in milliseconds: an application that needs longer to say
	// how full its pool is has no time for its users either.
	busyAnswer = 100
	// unanswered is the share of the samples from which on an application that
	// does not report its pool has no time for it.
	unanswered = 0.25
)

// findApplicationBusy sees connections that wait for a moment in every
// transaction because the application has no time for them.
func findApplicationBusy(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Samples == 0 {
		return finding{}
	}
	f := finding{}
	late := w.Fullest != nil && (w.Fullest.Took >= busyAnswer || float64(w.Unanswered) >= unanswered*float64(w.Samples))
	u := w.Usage
	switch {
	case run.brieflyIdle():
		f.confidence = Likely
		f.evidence = append(f.evidence, fmt.Sprintf("%.0f %% of those in use were idle in a transaction, but for %s on average: between two statements",
			100*share(u.IdleInTransaction, u), meanIdle(u)), inUse(w))
	case late && share(u.Held, u) < most && share(u.Working, u) < most:
		f.confidence = Possible
	default:
		return finding{}
	}
	if w.Fullest != nil {
		f.evidence = append(f.evidence, fmt.Sprintf("the application took %s to report its pool (median), and did not answer %d of %d times",
			text.Millis(w.Fullest.Took), w.Unanswered, w.Samples))
	}
	return f
}

const (
	fewAtOnce   = 8    // connections in use at once are no limit of the application's
	pinned      = 0.75 // of its peak on average: a level that is reached and kept
	moreThanUse = 1.25 // times as many requests are open: they wait
)

// findWaitInside sees requests that wait in the application for something other
// than a connection: it works on so many at once, and the pool has more.
func findWaitInside(run *Facts, _ *Pool) finding {
	w := run.Watched
	// The workers do not share their pools: one may be full.
	if w == nil || w.Active == nil || w.AtLeast >= often || run.often(w.Usage.Full) || w.Pool.Workers > 1 {
		return finding{}
	}
	peak, seconds := w.Active.Peak, w.Ended.Sub(w.Started).Seconds()
	if peak < fewAtOnce || peak >= w.Pool.Capacity() || w.Active.P95 < peak || w.Active.Mean < pinned*float64(peak) || seconds <= 0 {
		return finding{}
	}
	open := run.Requests.duration.sum / 1000 / seconds
	if open < moreThanUse*float64(peak) {
		return finding{}
	}
	return finding{confidence: Likely, evidence: []string{
		fmt.Sprintf("%.0f requests were open on average, and never more than %d of %s in use: the others waited in the application, not for the pool",
			open, peak, text.Counted(w.Pool.Capacity(), "connection")),
	}, remedy: "The application works on so many requests at once: raise its threads (FastAPI's def endpoints share the 40 of anyio's limiter), " +
		"its semaphore or its workers (WORKERS; each has a pool of its own). Behind a pooler it may be the pooler's limit (SHOW POOLS). A larger pool changes nothing."}
}

// brieflyIdle tells whether most connections are between two statements, or
// around their transaction, and each for a moment only.
func (run *Facts) brieflyIdle() bool {
	u := run.Watched.Usage
	idle := share(u.IdleInTransaction, u)
	return run.pressedOften() && idle >= 0.2 && idle+run.restingShare() >= most &&
		(u.IdleSeconds < monitor.BriefIdle*float64(u.IdleInTransaction) || run.answersLate())
}

func (run *Facts) databaseBusy() bool {
	w := run.Watched
	return w != nil && w.CPU != nil && w.CPU.Mean >= busyDatabase && w.Usage.AllInUse > 0 &&
		float64(w.Usage.AllWorking) >= most*float64(w.Usage.AllInUse) && w.Usage.AllWorking >= 2*w.Samples
}

// findDatabaseBusy sees statements that wait for the server's CPU.
func findDatabaseBusy(run *Facts, _ *Pool) finding {
	if !run.databaseBusy() {
		return finding{}
	}
	w := run.Watched
	return finding{confidence: Likely, evidence: []string{
		fmt.Sprintf("the database's CPU was %.0f %% busy on average", w.CPU.Mean),
		fmt.Sprintf("%s of %s connections in use ran a statement on its CPU or I/O on average",
			perSample(w.Usage.AllWorking, w), perSample(w.Usage.AllInUse, w)),
	}}
}

// fewDropped is the share of arrivals up to which k6 may just have begun before
// its users were ready.
const fewDropped = 0.01

// findGeneratorSaturated sees a load generator that could not make the load, or
// measured its own slowness.
func findGeneratorSaturated(run *Facts, _ *Pool) finding {
	var f finding
	r := run.Requests
	add := func(confidence Confidence, format string, args ...any) {
		if confidence.rank() > f.confidence.rank() {
			f.confidence = confidence
		}
		f.evidence = append(f.evidence, fmt.Sprintf(format, args...))
	}
	if r.Dropped > 0 {
		confidence := Likely
		if r.Dropped < fewDropped*(r.Dropped+r.Iterations) {
			confidence = Possible
		}
		add(confidence, "%.0f of %.0f iterations never began, no VU of %.0f was free (dropped_iterations)",
			r.Dropped, r.Dropped+r.Iterations, r.Users)
	}
	if run.generator.cpu.count >= timeline.EnoughReadings && run.generator.cpu.median >= timeline.BusyCPU {
		add(Certain, "k6 itself used %.0f %% of the processors it may use, at the median", run.generator.cpu.median)
	}
	if run.generator.delay.count >= timeline.EnoughReadings && run.generator.delay.median >= timeline.LongDelay {
		add(Likely, "runnable work waited %s for a core (p99, at the median)", text.Millis(run.generator.delay.median))
	}
	return f
}
