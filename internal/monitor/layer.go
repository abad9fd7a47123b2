package monitor

// Layer is what holds an application up at one moment.
type Layer string

// The layers, in the order in which they are looked for.
const (
	LayerLocks             Layer = "locks"
	LayerConnectionLimit   Layer = "connection limit"
	LayerDatabase          Layer = "database"
	LayerIdleInTransaction Layer = "idle in transaction"
	LayerAppPool           Layer = "app pool"
	LayerNone              Layer = "none"
)

// rule is a row of the table that names the layer.
type rule struct {
	layer  Layer
	when   string
	holds  func(facts) bool
	advice string
}

// rules is the table: the first row that holds names the layer. A sample is
// one moment, so the share of samples that a layer has is the share of time.
var rules = []rule{
	{
		layer:  LayerLocks,
		when:   "at least half of the connections in use wait for a lock",
		holds:  func(f facts) bool { return f.isHalf(f.lockWaits) },
		advice: "shorten the transactions that hold the locks; --wide shows who blocks whom. A larger pool adds waiters only",
	},
	{
		layer: LayerConnectionLimit,
		when: "the server has no room for another connection, hardly any open one is idle, " +
			"and the pool is not full",
		holds:  func(f facts) bool { return f.refused || f.full && f.hardlyIdle() && f.open < f.capacity },
		advice: "reduce DB_POOL_SIZE or DB_MAX_OVERFLOW (times the workers), or raise max_connections or the CONNECTION LIMIT",
	},
	{
		layer:  LayerDatabase,
		when:   "the pool is under pressure and at least half of the connections in use run on the server's CPU or I/O",
		holds:  func(f facts) bool { return f.pressed() && f.isHalf(f.working) },
		advice: "optimize slow queries and N+1 query problems. A larger pool adds load only",
	},
	{
		layer: LayerIdleInTransaction,
		when: "the pool is under pressure and at least half of the connections in use " +
			"hold a transaction without running a statement",
		holds:  func(f facts) bool { return f.pressed() && f.isHalf(f.idleInTransaction) },
		advice: "check for connection leaks (not closed properly) and for slow work between statements; return the connection first",
	},
	{
		layer:  LayerAppPool,
		when:   "the pool is used up or someone waits for it, and the database is not what they wait for",
		holds:  func(f facts) bool { return f.exhausted() },
		advice: "increase DB_POOL_SIZE or DB_MAX_OVERFLOW; check for connection leaks (not closed properly)",
	},
	{
		layer:  LayerNone,
		when:   "nothing of this",
		holds:  func(facts) bool { return true },
		advice: "nothing was seen that holds the application up",
	},
}

// Pressure is the share of the base size in use from which on a pool is under
// pressure: the runbook's limit for active connections.
const Pressure = 0.8

// facts are what the table looks at.
type facts struct {
	size, capacity int // pool_size, pool_size + max_overflow

	// The database's side.
	refused                               bool // the monitor's own connection, for want of room
	full                                  bool // some limit leaves no room
	open, idle                            int
	lockWaits, working, idleInTransaction int

	// Both sides.
	inUse int // checked out, by whichever side sees more

	// The application's side.
	waiting       int  // where it counts them
	appPoolUsedUp bool // its own size and overflow are checked out
}

// isHalf tells whether so many are at least half of the connections in use.
func (f facts) isHalf(sessions int) bool { return sessions > 0 && 2*sessions >= f.inUse }

// hardlyIdle allows for the moment between checkout and first statement.
func (f facts) hardlyIdle() bool { return 10*f.idle <= f.open }

func (f facts) pressed() bool {
	return float64(f.inUse) >= Pressure*float64(f.size) || f.exhausted()
}

func (f facts) exhausted() bool { return f.waiting > 0 || f.appPoolUsedUp || f.inUse >= f.capacity }

// layerOf names the layer of a sample. Without the database's side there is
// none, unless it was for want of a connection.
func layerOf(s Sample) Layer {
	if s.Database == nil && !IsTooManyConnections(s.Err) {
		return ""
	}
	f := gather(s)
	for _, r := range rules {
		if r.holds(f) {
			return r.layer
		}
	}
	return LayerNone
}

func gather(s Sample) facts {
	f := facts{size: s.Pool.Size, capacity: s.Pool.Capacity(), refused: IsTooManyConnections(s.Err)}
	if d := s.Database; d != nil {
		f.open, f.idle, f.inUse = d.Open, d.Idle, d.Active
		f.lockWaits, f.working, f.idleInTransaction = d.LockWaits, d.Working, d.IdleInTransaction
		limit, known := d.Headroom()
		f.full = known && limit.Room() <= 0
	}
	if a := s.Application; a != nil {
		f.inUse = max(f.inUse, a.CheckedOut)
		f.appPoolUsedUp = a.Size > 0 && a.CheckedOut >= a.Size+s.Pool.MaxOverflow // 0 is no limit
		if a.Waiting != nil {
			f.waiting = *a.Waiting
		}
	}
	return f
}

// Advice is what the runbook says to do about a layer.
func (l Layer) Advice() string {
	for _, r := range rules {
		if r.layer == l {
			return r.advice
		}
	}
	return ""
}
