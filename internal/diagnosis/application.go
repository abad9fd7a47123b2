package diagnosis

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles of an application that is watched from outside: what its
// connections are held for, as the database and the application itself show it.

const (
	// often is the share of the samples from which on something is no moment's.
	often = 0.10
	// most of the connections in use do what a cause says.
	most = 0.5
	// busyDatabase is in percent: from there on work waits for the CPU.
	busyDatabase = 90
	// busyAnswer is in milliseconds: an application that needs longer to say
	// how full its pool is has no time for its users either.
	busyAnswer = 100
	// fewOrphans are left at any time.
	fewOrphans = 3
	// unanswered is the share of the samples from which on an application that
	// does not report its pool has no time for it.
	unanswered = 0.25
	// slowWatched is in seconds, as slowStatement.
	slowWatched = slowStatement / 1000.0
)

// often tells whether something was so in a good part of the samples.
func (run *Facts) often(samples int) bool {
	return samples >= 2 && float64(samples) >= often*float64(run.Watched.Samples)
}

// pressedOften tells whether the watched pool was under pressure.
func (run *Facts) pressedOften() bool {
	return run.Watched != nil && run.often(run.Watched.Usage.Pressed)
}

// share is the part of the connections in use under pressure.
func share(part int, u monitor.Usage) float64 {
	if u.InUse == 0 {
		return 0
	}
	return float64(part) / float64(u.InUse)
}

// inUse is "13.4 of 15 connections in use under pressure".
func inUse(w *monitor.Report) string {
	mean := float64(w.Usage.InUse) / float64(max(1, w.Usage.Pressed))
	least := ""
	if w.AtLeast >= often {
		least = "at least "
	}
	return fmt.Sprintf("%s%s of %s in use while the pool was under pressure",
		least, text.Number(mean), text.Counted(w.Pool.Capacity(), "connection"))
}

// shown is "pid 4711 (psql), active, in a transaction for 31 s, idle for 2 s: ALTER TABLE …".
func shown(s *monitor.Session) string {
	name := s.Application
	if name == "" {
		name = "no application_name"
	}
	line := fmt.Sprintf("pid %d (%s), %s", s.PID, name, s.State)
	if s.IdleFor > 0 {
		line += " for " + text.Length(monitor.Seconds(s.IdleFor))
	}
	if s.Age > s.IdleFor {
		line += ", in a transaction for " + text.Length(monitor.Seconds(s.Age))
	}
	if s.Statement != "" {
		line += ": " + s.Statement
	}
	return line
}

// findLocks sees most of the pool wait for locks, and who holds them.
func findLocks(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || !run.often(w.Usage.Locked) || w.Blocker == nil {
		return finding{}
	}
	f := finding{confidence: Certain, extent: float64(w.Usage.Locked)}
	f.evidence = append(f.evidence,
		fmt.Sprintf("in %d of %d samples at least half of the connections in use waited for a lock", w.Usage.Locked, w.Samples),
		fmt.Sprintf("%s waited for %s", text.Counted(w.Blocker.Waiting, "session"), shown(w.Blocker)))
	return f
}

// findIdleInTransaction sees connections that are held in a transaction in
// which nothing is done: by most of the pool, or by a few for very long.
func findIdleInTransaction(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil {
		return finding{}
	}
	var f finding
	if run.pressedOften() && share(w.Usage.Held, w.Usage) >= most && !run.answersLate() {
		f.confidence = Likely
		f.evidence = append(f.evidence, fmt.Sprintf("%.0f %% of them were idle in a transaction, for %s on average",
			100*share(w.Usage.IdleInTransaction, w.Usage), meanIdle(w.Usage)), inUse(w))
	}
	if w.Held.Before > 0 && w.Held.Longest != nil {
		f.confidence = Certain
		f.evidence = append(f.evidence, text.Counted(w.Held.Before, "session")+
			" idle in a transaction since before the watch and until its end")
	}
	if f.confidence != "" && w.Held.Longest != nil {
		f.evidence = append(f.evidence, "the longest: "+shown(w.Held.Longest))
	}
	if f.confidence == Certain {
		f.remedy = fmt.Sprintf("End them, SELECT pg_terminate_backend(%d), and find the code that keeps them: give every session back "+
			"in a finally block or a with statement. idle_in_transaction_session_timeout ends such sessions on its own.",
			w.Held.Longest.PID)
	}
	return f
}

func meanIdle(u monitor.Usage) string {
	return text.Millis(1000 * u.IdleSeconds / float64(max(1, u.IdleInTransaction)))
}

// answersLate tells whether the application took longer to say how full its
// pool is than its sessions were idle: it was busy, so they were.
func (run *Facts) answersLate() bool {
	w := run.Watched
	if w.Fullest == nil || w.Usage.IdleInTransaction == 0 {
		return false
	}
	idle := w.Usage.IdleSeconds / float64(w.Usage.IdleInTransaction)
	return idle < 2*monitor.BriefIdle && w.Fullest.Took >= 1000*idle
}

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

// brieflyIdle tells whether most connections are between two statements, or
// around their transaction, and each for a moment only.
func (run *Facts) brieflyIdle() bool {
	u := run.Watched.Usage
	idle := share(u.IdleInTransaction, u)
	return run.pressedOften() && idle >= 0.2 && idle+run.restingShare() >= most &&
		(u.IdleSeconds < monitor.BriefIdle*float64(u.IdleInTransaction) || run.answersLate())
}

// findSlowWatched sees most connections run statements on the server, and each
// of them for long.
func findSlowWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	if !run.pressedOften() || share(w.Usage.Working, w.Usage) < most || w.LongestStatement < slowWatched || run.databaseBusy() {
		return finding{}
	}
	return finding{confidence: Likely, extent: share(w.Usage.Working, w.Usage), evidence: []string{
		fmt.Sprintf("%.0f %% of them ran a statement on the server's CPU or I/O, the longest for %s",
			100*share(w.Usage.Working, w.Usage), text.Length(monitor.Seconds(w.LongestStatement))),
		inUse(w),
	}}
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

func perSample(sum int, w *monitor.Report) string {
	return text.Number(math.Round(10*float64(sum)/float64(max(1, w.Samples))) / 10)
}

// findWatchedLeak sees sessions that stay in a transaction for ever.
func findWatchedLeak(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Held.Longest == nil {
		return finding{}
	}
	stuck := w.Held.Since[0] + w.Held.Since[1] + w.Held.Since[2]
	idle := w.Held.Longest.IdleFor
	if stuck < 2 || w.Held.Ended > 0 || idle <= run.longestRequest()+1 {
		return finding{}
	}
	f := finding{confidence: Possible, extent: float64(stuck)}
	if run.Requests.HTTP && run.Requests.Count > 0 || idle >= leakAge {
		f.confidence = Likely
	}
	f.evidence = append(f.evidence,
		fmt.Sprintf("%d sessions have been idle in a transaction since they began it and never went on; %d, %d and %d of them since the first, second and last third of the watch",
			stuck, w.Held.Since[0], w.Held.Since[1], w.Held.Since[2]),
		"the longest: "+shown(w.Held.Longest))
	if run.Requests.HTTP && run.Requests.Count > 0 {
		f.evidence = append(f.evidence, "no request took longer than "+text.Millis(run.Requests.Duration.Max))
	}
	return f
}

// leakAge is in seconds: hardly a request holds its connection idle for longer.
const leakAge = 15

// longestRequest is in seconds.
func (run *Facts) longestRequest() float64 { return run.Requests.Duration.Max / 1000 }

// findNestedWatched sees a full pool all of whose holders are idle in a
// transaction until the pool's timeout, and then fail: they wait for a second
// connection of the same pool.
func findNestedWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Usage.AllHeld < 2 || share(w.Usage.IdleInTransaction, w.Usage) < most {
		return finding{}
	}
	timeout, waited := run.poolTimeout()
	limit := timeout / 1000 // seconds
	if limit == 0 {
		return run.perhapsNested()
	}
	if w.Held.LongestIdle < 0.75*limit || w.Held.LongestIdle > 1.1*limit+0.3 || run.Requests.HTTP && len(waited) == 0 {
		return finding{}
	}
	return finding{confidence: Likely, extent: float64(w.Usage.AllHeld), evidence: append([]string{
		fmt.Sprintf("in %d of %d samples every connection was in use and every session idle in its transaction",
			w.Usage.AllHeld, w.Samples),
		fmt.Sprintf("they stay so for up to %s, as long as the pool's timeout of %s",
			text.Length(monitor.Seconds(w.Held.LongestIdle)), text.Millis(timeout)),
	}, waited...)}
}

// perhapsNested is said where the pool's timeout is not known: sessions that are
// idle for long may wait for anything.
func (run *Facts) perhapsNested() finding {
	w := run.Watched
	if !run.often(w.Usage.AllHeld) || w.Held.LongestIdle < 1 {
		return finding{}
	}
	return finding{confidence: Possible, extent: float64(w.Usage.AllHeld), evidence: []string{
		fmt.Sprintf("in %d of %d samples every connection was in use and every session idle in its transaction, for up to %s",
			w.Usage.AllHeld, w.Samples, text.Length(monitor.Seconds(w.Held.LongestIdle))),
		"where that is the pool's timeout, they wait for a second connection: DB_POOL_TIMEOUT tells",
	}}
}

// findOrphaned sees statements that go on for clients that have left.
func findOrphaned(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil {
		return finding{}
	}
	abandoned := w.Server.Statistics.SessionsAbandoned
	// A pool that opens anew what its cancelled users leave shows few of them at once.
	if !run.often(w.Usage.Orphaned) && (w.Usage.Orphaned == 0 || !abandons(w)) {
		return finding{}
	}
	told := w.Fullest != nil && w.CheckedOut != nil && w.CheckedOut.Peak <= w.Pool.Capacity()
	if !told && abandoned < fewOrphans && w.Server.Opened < 2*w.Pool.Capacity() {
		return finding{} // sessions of a pool that was not configured: they stay
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
	if w == nil || w.Open == nil || !run.often(w.Usage.Exceeded) || w.Usage.Exceeded < 3 {
		return finding{}
	}
	if findOrphaned(run, nil).confidence != "" {
		return finding{}
	}
	return finding{confidence: Likely, evidence: []string{fmt.Sprintf(
		"up to %s open, where a pool of %s may have %d", text.Counted(w.Open.Peak, "session"), w.Pool, w.Pool.Capacity())}}
}

// findExhaustedWatched sees a watched pool, or the pool of one worker, with
// every connection in use, or requests that failed for waiting on it.
func findExhaustedWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	_, waited := run.poolTimeout()
	if w == nil || w.Active == nil {
		return unseen(waited)
	}
	u := w.Usage
	full := run.often(u.Full)
	if !full && (len(waited) == 0 || u.Full == 0 && w.Pool.Workers <= 1) {
		return finding{}
	}
	f := finding{confidence: Likely, extent: float64(u.Full), evidence: []string{run.fullest()}}
	switch {
	case len(waited) > 0:
		f.confidence = Certain
		f.evidence = append(f.evidence, waited...)
	case w.Waiting != nil && w.Waiting.Peak > 0:
		f.confidence = Certain
		f.evidence = append(f.evidence, fmt.Sprintf("up to %s waiting", text.Counted(w.Waiting.Peak, "user")))
	}
	f.evidence = append(f.evidence, run.resting()...)
	f.remedy = run.remedyOfExhausted()
	return f
}

// unseen is what failures alone say of a pool that nobody watched.
func unseen(waited []string) finding {
	if len(waited) == 0 {
		return finding{}
	}
	return finding{confidence: Possible, evidence: waited, remedy: "An application answers so when its pool times out. " +
		"Set DATABASE_URL and DB_APPLICATION_NAME to have its pool watched: what holds the connections decides what helps."}
}

// fullest says how full the pool was, or that of one worker.
func (run *Facts) fullest() string {
	w := run.Watched
	if worker := w.Fullest; worker != nil && worker.Workers > 1 && worker.Full > 0 && w.Active.P95 < w.Pool.Capacity() {
		return fmt.Sprintf("one of %d workers%s had %d of %d connections in use in %d of %d answers, all together at most %d of %d",
			worker.Workers, withPID(worker.PID), worker.CheckedOut.Peak, worker.Capacity, worker.Full, worker.Samples,
			w.Active.Peak, w.Pool.Capacity())
	}
	if w.Pool.Workers > 1 && w.Active.Peak < w.Pool.Capacity() {
		return fmt.Sprintf("one of %d workers: all together had at most %d of %d connections in use, and users waited all the same",
			w.Pool.Workers, w.Active.Peak, w.Pool.Capacity())
	}
	least := ""
	if w.AtLeast >= often {
		least = "at least "
	}
	return fmt.Sprintf("%s%d of %s in use at the 95th percentile", least, w.Active.P95, text.Counted(w.Pool.Capacity(), "connection"))
}

func withPID(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

// restingShare of the connections in use is idle to the server.
func (run *Facts) restingShare() float64 {
	u := run.Watched.Usage
	return share(u.InUse-u.Working-u.Sleeping-u.LockWaits-u.IdleInTransaction, u)
}

func (run *Facts) resting() []string {
	if run.restingShare() < most {
		return nil
	}
	return []string{fmt.Sprintf("%.0f %% of them rest outside a transaction: checked out, and idle to the database", 100*run.restingShare())}
}

// remedyOfExhausted advises a larger pool only where its holders work in the
// database, and where the server has room for it.
func (run *Facts) remedyOfExhausted() string {
	w := run.Watched
	switch l := w.Server.Limit; {
	case run.restingShare() >= most:
		return "Connections are held while nothing is asked of the database: return each before other work. " +
			"If that cannot be, as many are needed as users are at work at once."
	case l != nil && l.Room() <= 0:
		return fmt.Sprintf("Optimize slow queries and hold connections for less time: %s leaves no room for a larger pool (%d of %d in use).",
			limitName(*l), l.Used, l.Max)
	case w.Pool.Workers > 1 && w.Active.P95 < w.Pool.Capacity():
		return fmt.Sprintf("Spread the users over the workers: the others have connections left (long keep-alive connections stay with one worker). "+
			"Or increase DB_POOL_SIZE, which holds for each of the %d workers.", w.Pool.Workers)
	default:
		return "" // the rule's
	}
}
