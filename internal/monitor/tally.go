package monitor

import (
	"cmp"
	"math"
	"time"
)

// Tally sums up samples into a Report in bounded memory, however long the
// watch. The zero value is ready; it is not safe for concurrent use.
type Tally struct {
	report     Report // but for what is worked out at the end; shares are counts of samples
	last       Sample // in which the database answered
	active     levels
	open       levels
	checkedOut levels
	waiting    levels
	took       levels // tenths of a millisecond
	cpu        CPULevel
	cpuSamples int
	workers    map[int]*workerTally
	sessions   map[int32]seenSession
	live       int  // sessions of the last sample whose state changed since the one before
	opening    bool // the last sample has sessions that the one before had not
	first      map[string]Statistics
	statsFrom  time.Time
	load       loadTally
	absence    Absence // the one that goes on
	absentFrom time.Time
	ownFirst   ownLoad // as at statsFrom

	elsewhere      int // samples with a role at its limit that may be the application's
	elsewhereLimit *Limit
}

type workerTally struct {
	worker     Worker
	checkedOut levels
	full       int
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
	if s.unanswered {
		r.Unanswered++
	}
	t.addPooler(s.Pooler)
	r.Clients = max(r.Clients, len(s.clients))
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
	r, use := &t.report, s.Use()
	t.active.add(use.Connections)
	if use.AtLeast {
		r.AtLeast++
	}
	if s.InOverflow() {
		r.InOverflow++
	}
	if s.Available() == 0 {
		r.Unavailable++
	}
	if s.Seen() {
		r.Seen++
	}
	if s.Database != nil {
		r.Usage.add(s, t.opening, t.live)
	}
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
		t.cpu.Mean += (*d.CPU - t.cpu.Mean) / float64(t.cpuSamples)
		t.cpu.Peak, t.cpu.Note = max(t.cpu.Peak, *d.CPU), d.CPUNote
	}
	if b := d.Blocker; b != nil && (r.Blocker == nil || b.Waiting >= r.Blocker.Waiting) {
		r.Blocker = b
	}
	if o := d.Oldest; o != nil && (r.Held.Oldest == nil || o.Age >= r.Held.Oldest.Age) {
		r.Held.Oldest = o
	}
	t.addHeld(s)
	t.addServer(s)
	t.addAbsence(s)
	t.load.add(s)
	t.last = s
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
	if p.Refused || p.MaxClients > 0 && p.Clients >= p.MaxClients {
		r.Crowded++
	}
	if p.Refused && r.Told {
		return // what it said before
	}
	r.Pooler = *p
	r.MostQueued, r.LongestWait = max(r.MostQueued, p.ClientsWaiting), max(r.LongestWait, p.MaxWait)
	if p.ClientsWaiting > 0 {
		r.Waiting++
		if p.PoolSize > 0 && p.ServersActive >= p.PoolSize {
			r.Full++
		}
	}
}

// Report sums up the samples so far.
func (t *Tally) Report() Report {
	r := t.report
	r.Active, r.Open = t.active.level(), t.open.level()
	r.CheckedOut, r.Waiting = t.checkedOut.level(), t.waiting.level()
	if r.Active != nil {
		known := float64(t.active.total)
		r.AtLeast /= known
		r.InOverflow /= known
		r.Unavailable /= known
		r.LeastAvailable = max(0, r.Pool.Size-r.Active.Peak)
		r.Utilization = r.Active.Mean / float64(r.Pool.Size)
	}
	if t.cpuSamples > 0 {
		r.CPU = new(t.cpu)
	}
	r.Fullest = t.fullest()
	t.stuck(&r.Held)
	if r.Hidden > 0 && r.Seen == 0 {
		r.Active = nil // it is not known to be 0
	}
	if r.Open != nil && r.Open.Peak == 0 && t.elsewhere > 0 {
		r.Usage.Limited, r.Server.Limit = max(r.Usage.Limited, t.elsewhere), t.elsewhereLimit
	}
	if d := t.last.Database; d != nil {
		r.Server.Statistics = t.difference(d.Statistics, d.own)
		r.Server.Seconds = t.last.Time.Sub(t.statsFrom).Seconds()
	}
	r.Load = t.load.load()
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
			Took: float64(t.took.percentile(0.5)) / 10,
		}
		if best == nil || cmp.Or(cmp.Compare(w.Full, best.Full), cmp.Compare(level.P95, best.CheckedOut.P95), cmp.Compare(best.PID, pid)) > 0 {
			best = w
		}
	}
	return best
}

// Seconds turns an age of this package into a duration.
func Seconds(age float64) time.Duration { return time.Duration(age * float64(time.Second)) }
