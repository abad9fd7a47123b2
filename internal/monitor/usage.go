package monitor

// Pressure is the share of the base size in use from which on a pool is under
// pressure: the runbook's limit for active connections.
const Pressure = 0.8

// Usage is what the connections in use were doing: sums over the samples in
// which the pool was under pressure, to be divided by each other.
type Usage struct {
	// Pressed counts those samples: at least Pressure of the base size in use,
	// or somebody waiting. Full counts those with every connection in use, of
	// the pool or of one worker, or with somebody waiting.
	Pressed int `json:"pressed"`
	Full    int `json:"full"`
	// InUse and its parts, as in Sessions. Held is IdleInTransaction without
	// those that have been so for less than BriefIdle.
	InUse             int `json:"in_use"`
	Working           int `json:"working"`
	Sleeping          int `json:"sleeping"`
	LockWaits         int `json:"lock_waits"`
	IdleInTransaction int `json:"idle_in_transaction"`
	Held              int `json:"held"`
	// Repeating is the part of IdleInTransaction whose transactions had many statements.
	Repeating int `json:"repeating"`
	// IdleSeconds is how long those idle in a transaction had been so.
	IdleSeconds float64 `json:"idle_in_transaction_s"`
	// AllInUse and AllWorking are InUse and Working over all samples.
	AllInUse   int `json:"all_in_use"`
	AllWorking int `json:"all_working"`
	// AllHeld counts the samples with a full pool all of whose sessions were
	// idle in a transaction: nobody made progress.
	AllHeld int `json:"all_held"`
	// Locked counts the samples in which at least half of those in use were
	// waiting for a lock.
	Locked int `json:"locked"`
	// Limited counts the samples in which the server had no room for another
	// connection, hardly one was idle, and the pool was not full.
	Limited int `json:"limited"`
	// Orphaned counts the samples in which more sessions were not idle than the
	// application had checked out, or could have, by at least two;
	// MostOrphaned is by how many.
	Orphaned     int `json:"orphaned"`
	MostOrphaned int `json:"most_orphaned"`
	// Queued counts the samples in which the application had more connections
	// checked out than there are sessions: a pooler is between application and server.
	Queued int `json:"queued"`
	// Pooled counts those in which it had more open, in use or not.
	Pooled int `json:"pooled"`
	// Foreign counts the samples in which more sessions went on since the sample
	// before than the application has connections in its pools, or may have, by at
	// least two; MostForeign is by how many. An orphaned session does not go on.
	Foreign     int `json:"foreign"`
	MostForeign int `json:"most_foreign"`
	// Exceeded counts the samples with more sessions open than the pool may have.
	Exceeded int `json:"exceeded"`
}

// add looks at what those in use are doing. Where that is hidden from the role, the
// application alone says how full its pool is, and InUse and its parts stay as they are.
func (u *Usage) add(s Sample, opening bool, live int) {
	d, inUse, full := s.Database, s.Active(), s.isFull()
	pressed := full || float64(inUse) >= Pressure*float64(s.Pool.Size)
	if s.isLimited() {
		u.Limited++
	}
	if pressed {
		u.Pressed++
	}
	if full {
		u.Full++
	}
	if d.Hidden > 0 {
		return
	}
	if d.LockWaits > 0 && 2*d.LockWaits >= d.Active {
		u.Locked++
	}
	u.addSides(s, opening)
	u.addLive(s, live)
	u.AllInUse += inUse
	u.AllWorking += d.Working
	if full && d.allHeld() {
		u.AllHeld++
	}
	if !pressed {
		return
	}
	u.InUse += inUse
	u.Working += d.Working
	u.Sleeping += d.Sleeping
	u.LockWaits += d.LockWaits
	u.IdleInTransaction += d.IdleInTransaction
	u.Held += d.IdleInTransaction - d.BrieflyIdle
	u.IdleSeconds += d.IdleSeconds
	u.Repeating += d.Repeating
}

// allHeld tells whether all in use are idle in a transaction, and not just briefly.
func (sum Sessions) allHeld() bool {
	return sum.IdleInTransaction > 0 && sum.IdleInTransaction == sum.Active && sum.BrieflyIdle == 0
}

// isLimited tells whether the server has no room for another connection, hardly
// any open one is idle, and the pool is not full.
func (s Sample) isLimited() bool {
	d := s.Database
	limit, known := d.Headroom()
	return known && limit.Room() <= 0 && 10*d.Idle <= d.Open && d.Open < s.Pool.Capacity()
}

// addLive compares the sessions that somebody uses, since they went on, with those
// that the pools have.
func (u *Usage) addLive(s Sample, live int) {
	has := s.Pool.Capacity()
	if a := s.Application; a != nil && a.Complete {
		has = a.CheckedIn + a.CheckedOut
	}
	if more := live - has; more >= 2 {
		u.Foreign++
		u.MostForeign = max(u.MostForeign, more)
	}
}

// addSides compares what the server shows with what the application says. A
// connection that is being opened, or cannot be, is checked out too.
func (u *Usage) addSides(s Sample, opening bool) {
	d, could := s.Database, s.Pool.Capacity()
	if a := s.Application; a != nil && a.Complete {
		could = a.CheckedOut
		connects := opening || s.isLimited()
		// Behind a pooler there is a session at least; without any, connects fail.
		if a.CheckedOut > d.Open+1 && d.Open > 0 && !connects {
			u.Queued++
		}
		if a.CheckedIn+a.CheckedOut > d.Open+1 && d.Open > 0 && !connects {
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
	if s.Pool.Workers > 1 && s.Pooler == nil && s.mostOfOne >= s.Pool.One().Capacity() {
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
