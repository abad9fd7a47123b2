package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Facts are what is known of a run, whoever found it out: the pool itself, the
// server, the application, a pooler, or k6. What nobody could find out stays
// zero, and no rule concludes anything from it. Durations are in milliseconds
// unless a field says otherwise; counts are differences over the run.
type Facts struct {
	Requests Requests
	Pools    []Pool
	// Watched is a live application's pool as its database, its pooler and the
	// application itself show it; nil where none was watched.
	Watched   *monitor.Report
	Limits    Limits
	generator generator

	requestP95 float64 // of all requests of a recording

	// The timeline of one runner: what users saw while an application was watched.
	windows []timeline.Window
	began   time.Time
	width   time.Duration
}

// stats sums up values: durations, or levels looked at from time to time.
type stats struct{ count, sum, mean, median, p95, max float64 }

// Requests are the users', whatever they go through.
type Requests struct {
	// HTTP says that an application was loaded.
	HTTP     bool
	Count    float64
	Failed   float64
	Timeouts float64 // pool timeouts; over HTTP answers with status 503
	// Iterations began, Dropped ones did not: no user of Users was free.
	Iterations, Dropped, Users float64
	// duration is of all that ended, succeeded of those over HTTP that did.
	duration, succeeded stats
	// cutOff are the ages of those that had not ended when the test did.
	cutOff stats
	// failures are those over HTTP, one entry for each kind.
	failures []failure
}

// failure is one way in which HTTP requests failed.
type failure struct {
	status int    // HTTP status, 0 where no answer came
	code   int    // k6's error_code, such as 1050 (request timeout); 0 where there is none
	text   string // k6's error, where no answer came
	// sqlState is the one that the answer's text tells of, empty mostly.
	sqlState string
	count    int64
	after    stats // from the request to the answer, or to giving up
}

// Pool is one pool: of this process, or an application's as it is seen from
// outside. An application's workers are one Pool, see Workers.
type Pool struct {
	Name        string // application_name where it is an application's
	application bool   // seen from outside
	// Size (pool_size) and Capacity (size and overflow) are those of all
	// workers together, 0 where they are not known.
	Size, Capacity int
	PrePing        bool // known to be on

	// inUse are connections checked out, open those that exist, waiting users
	// in the queue: levels, looked at from time to time. inUse is the largest
	// that any side knows of.
	inUse, open, waiting stats

	// Of a pool of this process.
	timeouts, opened, leaks float64
	nestedWaits             map[string]int64 // for a second connection of the pool, by where both were taken
	wait, use, query        stats
	slow                    float64          // in slow statements, at least
	slowCount               int64            // slow statements, at most
	closed                  map[string]int64 // by reason
	errors                  map[string]int64 // by SQLSTATE or name; of an application those it logged or answered

	spans []span
}

// ServerLimit is the limit of one server that leaves the least room to some pools of
// this process, whose own connections are not among the used.
type ServerLimit struct {
	monitor.Limit
	Pools []string `json:"pools"` // by name
}

// Limits are those of the servers of a run's pools.
type Limits []ServerLimit

// Merge adds what another runner of the same test read: of one server the limit that
// leaves less room.
func (l *Limits) Merge(other Limits) {
	for _, o := range other {
		i := slices.IndexFunc(*l, func(known ServerLimit) bool { return slices.Equal(known.Pools, o.Pools) })
		switch {
		case i < 0:
			*l = append(*l, o)
		case o.Room() < (*l)[i].Room():
			(*l)[i] = o
		}
	}
}

// Check says what no run of ours has.
func (l Limits) Check() error {
	for _, l := range l {
		if l.Max < 0 || l.Max > mostConnections || l.Used < 0 || l.Used > mostConnections {
			return fmt.Errorf("a server's limit is %d with %d in use; use 0 to %d", l.Max, l.Used, mostConnections)
		}
	}
	return nil
}

// mostConnections is PostgreSQL's own bound of max_connections.
const mostConnections = 262_143

// generator is the process that makes the load.
type generator struct {
	cpu   stats // percent of the cores it may use
	delay stats // how long runnable work waited for a core
}

// span is a window of the timeline as one pool saw it.
type span struct {
	from, width float64 // seconds since the run's start
	pool        *timeline.Pool
	requests    int64 // of all pools' users
	retries     int64
}

// pressed tells whether the pool is short of connections: users wait, or more
// than the runbook's 80 % of its size are in use at the 95th percentile.
func (p *Pool) pressed() bool {
	// A pool of one is always full while it is used.
	full := p.Size > 1 && p.inUse.p95 >= 0.8*float64(p.Size)
	return p.timeouts > 0 || p.waiting.p95 > 0 || full
}

// lost counts connections that were found dead.
func (p *Pool) lost() int64 { return p.closed["lost"] }
