package diagnosis

import "github.com/flowboard/xk6-pgxpool/internal/timeline"

// Facts are what is known of a run, whoever found it out: the pool itself, the
// server, the application, a pooler, or k6. What nobody could find out stays
// zero, and no rule concludes anything from it. Durations are in milliseconds
// unless a field says otherwise; counts are differences over the run.
type Facts struct {
	Requests  Requests
	Pools     []Pool
	Server    Server
	Pooler    Pooler
	Generator Generator
}

// Spread sums up values: durations, or levels looked at from time to time.
type Spread struct{ Count, Sum, Mean, Median, P95, Max float64 }

// Requests are the users', whatever they go through.
type Requests struct {
	// HTTP says that an application was loaded.
	HTTP     bool
	Count    float64
	Failed   float64
	Timeouts float64 // pool timeouts; over HTTP answers with status 503
	// Iterations began, Dropped ones did not: no user of Users was free.
	Iterations, Dropped, Users float64
	Duration                   Spread
	// Failures are those over HTTP, one entry for each kind.
	Failures []Failure
}

// Failure is one way in which HTTP requests failed.
type Failure struct {
	Status int    // HTTP status, 0 where no answer came
	Code   int    // k6's error_code, such as 1050 (request timeout); 0 where there is none
	Text   string // k6's error, where no answer came
	Count  int64
	After  Spread // from the request to the answer, or to giving up
}

// Pool is one pool: of this process, or an application's as it is seen from
// outside. An application's workers are one Pool, see Workers.
type Pool struct {
	Name        string // application_name where it is an application's
	Application bool   // seen from outside
	// Size (pool_size) and Capacity (size and overflow) are those of all
	// workers together, 0 where they are not known.
	Size, Capacity int
	PrePing        bool // known to be on

	// InUse are connections checked out, Open those that exist, Waiting users
	// in the queue: levels, looked at from time to time. InUse is the largest
	// that any side knows of.
	InUse, Open, Waiting Spread
	// AtLeast says that InUse is a lower bound: sessions that are open without
	// a transaction may be checked out as well.
	AtLeast bool
	// FullestWorker is the worker with the largest share of its own capacity in
	// use, where workers tell; nil for one process.
	FullestWorker *Worker

	// Of a pool of this process.
	Timeouts, Opened, Leaks float64
	Nested                  Nested
	Wait, Use, Query        Spread
	Slow                    float64          // in slow statements, at least
	SlowCount               int64            // slow statements, at most
	Closed                  map[string]int64 // by reason
	Errors                  map[string]int64 // by SQLSTATE or name; of an application those it logged or answered

	// Sessions are the pool's, as the server shows them.
	Sessions Sessions
	spans    []span
}

// Worker is one process of an application, which has a pool of its own.
type Worker struct {
	PID            int
	Workers        int // of the application, this one included
	Size, Capacity int
	InUse, Waiting Spread
}

// Nested are checkouts by a user who held a connection of the same pool.
type Nested struct {
	Count    int64
	TimedOut int64  // of these
	Held     string // where the first was taken: script line
	Wanted   string // where the second was asked for
}

// Sessions are an application's, looked at from the server's side from time to
// time.
type Sessions struct {
	// Samples is how often they were seen; 0 where the role may not see what
	// sessions do.
	Samples int64
	// Pressed counts the samples in which the pool was under pressure (80 % of
	// its size in use, or somebody waiting); Full those at capacity or with
	// somebody waiting.
	Pressed, Full int64
	// Sums over the samples under pressure, of connections: divided by each
	// other they are what those in use were doing.
	InUse, Working, LockWaiting, IdleInTransaction float64
	// BriefIdle are those of IdleInTransaction whose state had changed within
	// BriefIdle (100 ms): a busy application or a network, not a leak.
	BriefIdle float64
	// Orphaned counts the samples with more sessions running a statement than
	// the application had checked out; OrphanedMax is by how many at most.
	Orphaned, OrphanedMax int64
	// Opened are new backends seen (other pids than before), for NullPool.
	Opened int64

	// Idle is the session that has been idle in its transaction for longest
	// among those that still are, Oldest the oldest transaction; nil for none.
	Idle, Oldest *Session
	// Stuck are sessions in a transaction, idle, whose state never changed for
	// as long as they were watched and which were so at the end: those that
	// began before the watch, and those that began in its first, second and
	// last third.
	StuckBefore int
	Stuck       [3]int
	// Blocker is the root of the largest tree of sessions waiting for locks
	// that was seen, nil for none; it need not be the application's.
	Blocker *Session
}

// Session is one backend of the server.
type Session struct {
	PID         int
	Application string
	State       string  // as pg_stat_activity has it
	Age         float64 // of its transaction, seconds
	IdleFor     float64 // since its state changed, seconds
	Statement   string  // the last one, without its literals
	Waiting     int     // sessions that wait for it, directly or not
}

// Server is what PostgreSQL says of itself and of the database.
type Server struct {
	// Limit is the tightest of max_connections, the role's and the database's
	// CONNECTION LIMIT; Max is 0 where it is not known.
	Limit Limit
	// Refused counts connections that the server refused for want of room, as
	// the watch's own or the application said.
	Refused int64
	// Restarted says that the server started anew during the run.
	Restarted bool
	// ReadOnly says that it is a standby, or default_transaction_read_only is on.
	ReadOnly bool
	// pg_stat_database's columns of these names.
	Sessions, SessionsAbandoned, SessionsFatal, SessionsKilled int64
	Deadlocks                                                  int64
	ActiveTime, IdleInTransactionTime                          float64
	Seconds                                                    float64 // over which they were counted
	CPU                                                        CPU
}

// Limit is a limit of connections.
type Limit struct {
	Name string // such as max_connections or "CONNECTION LIMIT of role app"
	Max  int
	Used int // at most during the run
}

// Room is how many more connections fit.
func (l Limit) Room() int { return l.Max - l.Used }

// CPU is the server's, in percent of what it may use.
type CPU struct {
	Spread
	Of        string  // whose CPU it is: the host's, or a cgroup's limit
	Throttled float64 // percent of the time that its cgroup was throttled
	Steal     float64 // percent taken by the hypervisor
	Pressure  float64 // percent of the time that some task waited for a CPU (PSI)
}

// Pooler is PgBouncer between the application and the server.
type Pooler struct {
	Name string // such as "PgBouncer 1.18"; empty where there is none
	// Told says that the pooler answered itself; else it is only concluded from
	// more connections checked out than open.
	Told     bool
	Database string
	PoolMode string
	PoolSize int // default_pool_size, or the database's pool_size
	// ClientsWaiting (cl_waiting) and ServersActive (sv_active) are levels,
	// MaxWait is the longest maxwait in seconds.
	ClientsWaiting, ServersActive Spread
	MaxWait                       float64
}

// Generator is the process that makes the load.
type Generator struct {
	CPU   Spread // percent of the cores it may use
	Delay Spread // how long runnable work waited for a core
}

// span is a window of the timeline as one pool saw it.
type span struct {
	from, width float64 // seconds since the run's start
	pool        *timeline.Pool
	requests    int64
}

// pressed tells whether the pool is short of connections: users wait, or more
// than the runbook's 80 % of its size are in use at the 95th percentile.
func (p *Pool) pressed() bool {
	// A pool of one is always full while it is used.
	full := p.Size > 1 && p.InUse.P95 >= 0.8*float64(p.Size)
	return p.Timeouts > 0 || p.Waiting.P95 > 0 || full
}

// lost counts connections that were found dead.
func (p *Pool) lost() int64 { return p.Closed["lost"] }
