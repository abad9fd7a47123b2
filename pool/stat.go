package pool

import "time"

// Stat is a snapshot of the pool, immutable and consistent in itself. Levels
// hold "currently"; counts are cumulative since the pool was created.
type Stat struct {
	Size        int // poolSize
	MaxOverflow int // maxOverflow

	Active      int // places currently taken: connections checked out, or being opened, pinged or closed for a caller
	Idle        int // connections currently open and free
	Total       int // connections currently open
	Waiting     int // callers currently waiting for a place
	PeakActive  int // highest Active so far
	PeakWaiting int // highest Waiting so far

	Acquires  int64 // checkouts that succeeded
	Timeouts  int64 // checkouts that hit poolTimeout
	Connects  int64 // connections opened
	Recycled  int64 // connections replaced because of age or invalidation
	Lost      int64 // connections found dead, each counted once
	Discarded int64 // overflow connections closed on return
	Leaks     int64 // connections still held when their iteration ended

	// OverflowTime is for how long more than Size places have been taken.
	OverflowTime time.Duration

	// Overflow is how many connections are open beyond Size: max(0, Total-Size).
	Overflow int
	// Available is how much of Size is not checked out: max(0, Size-Active).
	Available int
	// Utilization is Active over max(Size, Active), 0 to 1: the runbook's
	// value, which reaches 1 with the first overflow connection.
	Utilization float64
}

// Stat returns a snapshot. It is safe for concurrent use and takes one short
// lock.
func (p *Pool) Stat() Stat {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.statLocked()
}

func (p *Pool) statLocked() Stat {
	s := p.counts
	s.Acquires = p.acquires.Load()
	s.Size, s.MaxOverflow = p.config.PoolSize, p.config.MaxOverflow
	s.Active, s.Idle = p.activeLocked(), p.idle.open
	s.Waiting = p.waiters.len()
	if !p.overflowSince.IsZero() {
		s.OverflowTime += time.Since(p.overflowSince)
	}
	s.Overflow = max(0, s.Total-s.Size)
	s.Available = max(0, s.Size-s.Active)
	s.Utilization = float64(s.Active) / float64(max(s.Size, s.Active))
	return s
}

// activeLocked counts places taken, as SQLAlchemy's checkedout() does: a
// connection counts while it is opened, pinged or closed for a caller too. Those
// that Close closes are nobody's.
func (p *Pool) activeLocked() int { return p.taken - p.draining }

// levelChangedLocked keeps the peak and the time in overflow exact: it is called
// after every change of the places taken.
func (p *Pool) levelChangedLocked() {
	active := p.activeLocked()
	p.counts.PeakActive = max(p.counts.PeakActive, active)
	switch over := active > p.config.PoolSize; {
	case over && p.overflowSince.IsZero():
		p.overflowSince = time.Now()
	case !over && !p.overflowSince.IsZero():
		p.counts.OverflowTime += time.Since(p.overflowSince)
		p.overflowSince = time.Time{}
	}
}
