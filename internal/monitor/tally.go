package monitor

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Pressure is the share of the base size in use from which on a pool is under
// pressure: the runbook's limit for active connections.
const Pressure = 0.8

// Tally sums up samples into a Report in bounded memory, however long the
// watch. The zero value is ready; it is not safe for concurrent use.
type Tally struct {
	report      Report // but for what is worked out at the end
	last        Sample // in which the database answered
	inOverflow  int
	unavailable int
	atLeast     int
	active      levels
	open        levels
	checkedOut  levels
	waiting     levels
	took        levels // tenths of a millisecond
	cpuSum      float64
	cpuSamples  int
	workers     map[int]*workerTally
	sessions    map[int32]seenSession
	opening     bool // the last sample has sessions that the one before had not
	first       map[string]Statistics
	statsFrom   time.Time
}

type workerTally struct {
	worker     Worker
	checkedOut levels
	full       int
}

// seenSession is a session of the sample before.
type seenSession struct {
	held  bool
	since time.Time // its state, as near as a sample can tell
	long  bool      // it had been idle for LongIdle
}

// Add takes one more sample, in the order of time.
func (t *Tally) Add(s Sample) {
	r := &t.report
	if r.Started.IsZero() {
		r.Started = s.Time
	}
	r.Ended, r.Pool = s.Time, s.Pool
	if s.Application != nil {
		t.addApplication(s)
	}
	if s.Unanswered {
		r.Unanswered++
	}
	t.addPooler(s.Pooler)
	if s.Database == nil {
		r.Failed++
		t.addFailure(s.Err)
	} else {
		r.Samples++
		t.addDatabase(s)
	}
	if s.Use().Known {
		t.addUse(s)
	}
}

func (t *Tally) addUse(s Sample) {
	use := s.Use()
	t.active.add(use.Connections)
	if use.AtLeast {
		t.atLeast++
	}
	if s.InOverflow() {
		t.inOverflow++
	}
	if s.Available() == 0 {
		t.unavailable++
	}
	if s.Seen() {
		t.report.Seen++
	}
	if s.Database != nil && s.Database.Hidden == 0 {
		t.report.Usage.add(s, t.opening)
	}
}

// add looks at what those in use are doing.
func (u *Usage) add(s Sample, opening bool) {
	d, inUse := s.Database, s.Active()
	if d.LockWaits > 0 && 2*d.LockWaits >= d.Active {
		u.Locked++
	}
	full := s.isFull()
	if s.isLimited() {
		u.Limited++
	}
	u.addSides(s, opening)
	u.AllInUse += inUse
	u.AllWorking += d.Working
	if !full && float64(inUse) < Pressure*float64(s.Pool.Size) {
		return
	}
	u.Pressed++
	if full {
		u.Full++
		if d.IdleInTransaction > 0 && d.IdleInTransaction == d.Active && d.BrieflyIdle == 0 {
			u.AllHeld++
		}
	}
	u.InUse += inUse
	u.Working += d.Working
	u.Sleeping += d.Sleeping
	u.LockWaits += d.LockWaits
	u.IdleInTransaction += d.IdleInTransaction
	u.Held += d.IdleInTransaction - d.BrieflyIdle
	u.IdleSeconds += d.IdleSeconds
}

// isLimited tells whether the server has no room for another connection, hardly
// any open one is idle, and the pool is not full.
func (s Sample) isLimited() bool {
	d := s.Database
	limit, known := d.Headroom()
	return known && limit.Room() <= 0 && 10*d.Idle <= d.Open && d.Open < s.Pool.Capacity()
}

// addSides compares what the server shows with what the application says. A
// connection that is being opened, or cannot be, is checked out too.
func (u *Usage) addSides(s Sample, opening bool) {
	d, could := s.Database, s.Pool.Capacity()
	if a := s.Application; a != nil && a.Complete {
		could = a.CheckedOut
		connects := opening || s.isLimited()
		if a.CheckedOut > d.Open+1 && !connects {
			u.Queued++
		}
		if a.CheckedIn+a.CheckedOut > d.Open+1 && !connects {
			u.Pooled++
		}
	}
	if more := d.Active - could; more >= 2 {
		u.Orphaned++
		u.MostOrphaned = max(u.MostOrphaned, more)
	}
	if d.Open > s.Pool.Capacity() {
		u.Exceeded++
	}
}

// isFull tells whether somebody waits or would have to: every connection is in
// use, of all workers together or of one. Of a pool whose use is a lower bound
// every connection is open at least: it closes those that are returned beyond
// its size.
func (s Sample) isFull() bool {
	use := s.Use()
	if use.Connections >= s.Pool.Capacity() || use.AtLeast && s.Pooler == nil && s.Database.Open >= s.Pool.Capacity() {
		return true
	}
	a := s.Application
	return a != nil && (a.Waiting != nil && *a.Waiting > 0 || s.Pool.isFull(a.Fullest))
}

// isFull tells whether a worker has all of its connections checked out. Size 0
// is no limit to SQLAlchemy.
func (p Pool) isFull(w Worker) bool {
	return w.Size > 0 && w.CheckedOut >= w.Size+p.One().MaxOverflow
}

func (t *Tally) addApplication(s Sample) {
	a := s.Application
	t.checkedOut.add(a.CheckedOut)
	if a.Waiting != nil {
		t.waiting.add(*a.Waiting)
	}
	t.took.add(int(math.Round(10 * a.Took)))
	if t.workers == nil {
		t.workers = map[int]*workerTally{}
	}
	for _, w := range a.Workers {
		tally := t.workers[w.PID]
		if tally == nil {
			tally = &workerTally{}
			t.workers[w.PID] = tally
		}
		tally.worker = w
		tally.checkedOut.add(w.CheckedOut)
		if s.Pool.isFull(w) {
			tally.full++
		}
	}
}

func (t *Tally) addDatabase(s Sample) {
	r, d := &t.report, s.Database
	t.open.add(d.Open)
	r.Hidden = max(r.Hidden, d.Hidden)
	r.LongestTransaction = max(r.LongestTransaction, d.LongestTransaction)
	r.LongestStatement = max(r.LongestStatement, d.LongestStatement)
	if d.CPU != nil {
		t.cpuSamples++
		t.cpuSum += *d.CPU
		if r.CPU == nil {
			r.CPU = &CPULevel{}
		}
		r.CPU.Peak = max(r.CPU.Peak, *d.CPU)
		r.CPU.Note = d.CPUNote
	}
	if b := d.Blocker; b != nil && (r.Blocker == nil || b.Waiting >= r.Blocker.Waiting) {
		r.Blocker = b
	}
	if o := d.Oldest; o != nil && (r.Held.Oldest == nil || o.Age >= r.Held.Oldest.Age) {
		r.Held.Oldest = o
	}
	t.addHeld(s)
	t.addServer(s)
	t.last = s
}

// addHeld follows the sessions that are idle in a transaction.
func (t *Tally) addHeld(s Sample) {
	h, now := &t.report.Held, make(map[int32]seenSession, len(s.Database.watched))
	t.opening = t.sessions == nil
	if l := s.Database.IdleLongest; l != nil {
		h.LongestIdle = max(h.LongestIdle, l.IdleFor)
		if h.Longest == nil || l.IdleFor >= h.Longest.IdleFor {
			h.Longest = l
		}
	}
	for _, session := range s.Database.watched {
		_, known := t.sessions[session.pid]
		if t.sessions != nil && !known {
			t.report.Server.Opened++
			t.opening = true
		}
		now[session.pid] = seenSession{
			held: session.isHeld(), since: s.Time.Add(-Seconds(session.inState)),
			long: session.isHeld() && session.inState >= LongIdle,
		}
	}
	for pid, before := range t.sessions {
		if before.wentOn(now[pid]) {
			h.Ended++
		}
	}
	t.sessions = now
}

// wentOn tells whether a session that had been idle for long is so no more;
// after is zero for one that has gone.
func (s seenSession) wentOn(after seenSession) bool {
	return s.long && (!after.held || after.since.Sub(s.since) > time.Second)
}

func (t *Tally) addServer(s Sample) {
	r, d := &t.report.Server, s.Database
	if limit, known := d.Headroom(); known && (r.Limit == nil || limit.Room() <= r.Limit.Room()) {
		r.Limit = &limit
	}
	before := t.last.Database
	if before != nil && math.Abs(d.Started-before.Started) > 1 {
		r.Restarted = true
	}
	if before != nil && d.ReadOnly && !before.ReadOnly {
		r.BecameReadOnly = true
	}
	r.ReadOnly = d.ReadOnly
	r.StatementTimeout = max(r.StatementTimeout, d.StatementTimeout)
	r.IdleTimeout = max(r.IdleTimeout, d.IdleTimeout)
	if t.first == nil {
		t.first, t.statsFrom = map[string]Statistics{}, s.Time
	}
	for _, row := range d.Statistics {
		if _, known := t.first[row.Database]; !known {
			t.first[row.Database] = row
		}
	}
}

func (t *Tally) addPooler(p *Pooler) {
	if p == nil {
		return
	}
	r := t.report.Pooler
	if r == nil {
		r = &PoolerReport{}
		t.report.Pooler = r
	}
	r.Samples++
	r.Pooler = *p
	r.MostQueued, r.LongestWait = max(r.MostQueued, p.ClientsWaiting), max(r.LongestWait, p.MaxWait)
	if p.ClientsWaiting > 0 {
		r.Waiting++
		if p.PoolSize > 0 && p.ServersActive >= p.PoolSize {
			r.Full++
		}
	}
}

// addFailure looks at why the database did not answer.
func (t *Tally) addFailure(err error) {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return
	}
	switch refusal.Code {
	case "53300":
		t.report.Server.Refused++
	case "57P01", "57P02", "57P03":
		t.report.Server.Restarted = true
	}
}

// Report sums up the samples so far.
func (t *Tally) Report() Report {
	r := t.report
	r.Active, r.Open = t.active.level(), t.open.level()
	r.CheckedOut, r.Waiting = t.checkedOut.level(), t.waiting.level()
	if r.Active != nil {
		known := float64(t.active.total)
		r.AtLeast = float64(t.atLeast) / known
		r.InOverflow = float64(t.inOverflow) / known
		r.Unavailable = float64(t.unavailable) / known
		r.LeastAvailable = max(0, r.Pool.Size-r.Active.Peak)
		r.Utilization = r.Active.Mean / float64(r.Pool.Size)
	}
	if t.cpuSamples > 0 {
		r.CPU = &CPULevel{Mean: t.cpuSum / float64(t.cpuSamples), Peak: r.CPU.Peak, Note: r.CPU.Note}
	}
	r.Fullest = t.fullest()
	t.stuck(&r.Held)
	if r.Hidden > 0 && r.Seen == 0 {
		r.Active = nil // it is not known to be 0
	}
	if d := t.last.Database; d != nil {
		r.Server.Statistics = t.difference(d.Statistics)
		r.Server.Seconds = t.last.Time.Sub(t.statsFrom).Seconds()
	}
	return r
}

// fullest is the worker that was full most often, then the one with the most in
// use.
func (t *Tally) fullest() *WorkerReport {
	var best *WorkerReport
	for pid, tally := range t.workers {
		level := tally.checkedOut.level()
		w := &WorkerReport{
			PID: pid, Workers: max(1, t.report.Pool.Workers, len(t.workers)),
			Size: tally.worker.Size, Capacity: tally.worker.Size + t.report.Pool.One().MaxOverflow,
			CheckedOut: level, Full: tally.full, Samples: tally.checkedOut.total,
			Took: float64(t.took.median()) / 10,
		}
		if best == nil || w.Full > best.Full ||
			w.Full == best.Full && (level.P95 > best.CheckedOut.P95 || level.P95 == best.CheckedOut.P95 && pid < best.PID) {
			best = w
		}
	}
	return best
}

// stuck counts the sessions of the last sample that are idle in a transaction
// and have been so for long.
func (t *Tally) stuck(h *Held) {
	if t.last.Database == nil {
		return
	}
	if l := t.last.Database.IdleLongest; l != nil && l.IdleFor >= LongIdle {
		h.Longest = l
	}
	began, third := t.report.Started, t.last.Time.Sub(t.report.Started)/3
	for _, s := range t.last.Database.watched {
		if !s.isHeld() || s.inState < LongIdle {
			continue
		}
		since := t.last.Time.Add(-Seconds(s.inState)).Sub(began)
		switch {
		case since <= 0 || third <= 0:
			h.Before++
		default:
			h.Since[min(2, int(since/third))]++
		}
	}
}

// difference adds up how far the counters went. A database that was met later,
// or whose counters were reset, counts from there.
func (t *Tally) difference(now []Statistics) (sum Statistics) {
	names := make([]string, 0, len(now))
	for _, row := range now {
		first := t.first[row.Database]
		if row.Sessions < first.Sessions || row.Commits < first.Commits {
			first = Statistics{}
		}
		names = append(names, row.Database)
		sum.Sessions += row.Sessions - first.Sessions
		sum.SessionsAbandoned += row.SessionsAbandoned - first.SessionsAbandoned
		sum.SessionsFatal += row.SessionsFatal - first.SessionsFatal
		sum.SessionsKilled += row.SessionsKilled - first.SessionsKilled
		sum.Deadlocks += row.Deadlocks - first.Deadlocks
		sum.Commits += row.Commits - first.Commits
		sum.Rollbacks += row.Rollbacks - first.Rollbacks
		sum.ActiveTime += row.ActiveTime - first.ActiveTime
		sum.IdleInTransaction += row.IdleInTransaction - first.IdleInTransaction
	}
	slices.Sort(names)
	if len(names) > 0 {
		sum.Database = names[0]
	}
	return sum
}

// Seconds turns an age of this package into a duration.
func Seconds(age float64) time.Duration { return time.Duration(age * float64(time.Second)) }
