// Package pool is SQLAlchemy's QueuePool for PostgreSQL, on pgx connections: a
// base size, overflow under load, a timeout on the wait for a place, recycling
// and pre-ping at checkout, and waiters served in order of arrival. It is the
// pool behind the k6 module k6/x/pgxpool and can be used without k6.
//
// # Places
//
// There are PoolSize + MaxOverflow places. A checkout takes a place, or waits
// for one in a queue until PoolTimeout. With the place comes an idle
// connection, the connection that another caller has just returned, or the
// permission to open one. A place is taken from then until the connection is
// returned: while it is opened, pinged or closed too.
//
// On return the connection goes to the caller that has waited longest. Without
// waiters it becomes idle if fewer than PoolSize are, and is closed otherwise.
// As in QueuePool nothing is closed in the background: age is looked at when a
// connection is checked out, and at no other time.
//
// The server never has more connections of a pool than there are places. A
// connection keeps its place until the server has ended its side.
//
// # Use
//
// Make a [Config] with [DefaultConfig], a [Pool] with [New], and a [Scope] for
// each unit of work, such as a request. [Pool.Query] and [Pool.Exec] check a
// connection out for one statement; [Pool.Acquire] for as long as the caller
// needs it. Results are read as a whole and outlive the connection.
//
// Errors are a [TimeoutError] (no place came free), a [ConnectError], a
// [QueryError] (the statement failed, the connection lives on), a
// [ConnectionLostError], a [ConfigError], or [ErrInterrupted].
//
// A pool reports what happens in it to an [Observer]; [Pool.Stat] is a snapshot
// of its levels and counts.
package pool

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/catalog"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// never is a duration that no pool lives to see.
const never = 10 * 365 * 24 * time.Hour

// Options are what a Pool needs beyond its Config.
type Options struct {
	// Observer is told of events that happen outside any Scope. Nil: nobody.
	Observer Observer
	// ResultFormats names the types whose values are to arrive in binary; all
	// others arrive as text. In the modes exec and simple_protocol all do.
	ResultFormats pgx.QueryResultFormatsByOID
	// ServerTrouble is asked when a connection was lost or could not be opened: it
	// says what is wrong with the server and what to do, empty where it knows of
	// nothing. Nil: nobody knows. It may be called concurrently.
	ServerTrouble func() string
	// Watch looks at the server beside the pool. Nil: nobody does.
	Watch Watch
	// MaxResult is the most bytes that the rows of one result take; a server that
	// sends more loses the connection. 0: 1 GiB.
	MaxResult int
}

const maxResult = 1 << 30

// Watch looks at the server over a connection of its own, which the pool does not
// count and the server's limits do. It may be called concurrently.
type Watch interface {
	// Working tells whether the backend with this process id, which is connected for
	// this time, runs a statement. It is false where that cannot be found out.
	Working(ctx context.Context, pid uint32, age time.Duration) bool
	// Connected tells whether that connection is open.
	Connected() bool
}

// Pool is safe for concurrent use. It must be closed with Close, and waited
// for with Shutdown.
type Pool struct {
	config    Config
	server    string // for messages: host:port/database as user
	observer  Observer
	formats   pgx.QueryResultFormatsByOID
	trouble   func() string // see Options.ServerTrouble
	watch     Watch         // nil: nobody can be asked
	hidden    string        // in errors of connecting; empty: nothing
	maxResult int           // bytes of the rows of one result
	created   time.Time
	// connConfig is how pgx opens a connection. It must not be changed.
	connConfig *pgx.ConnConfig
	shapes     shapeCache
	traffic    traffic
	uncached   pgx.QueryExecMode // for texts above maxCachedText
	notified   sync.Once         // the first notification is reported

	// catalog is what the server's types are, nil until the first connection.
	catalog  atomic.Pointer[catalog.Catalog]
	learning sync.Mutex      // held while the server is asked
	asked    map[uint32]bool // types that it was asked for; guarded by learning
	renewed  atomic.Uint64   // how often a cached description was found out of date

	ending   atomic.Bool  // Shutdown was called
	acquires atomic.Int64 // checkouts that succeeded

	// background counts goroutines that outlive the call which started them.
	background sync.WaitGroup
	// ended is closed when the pool is closed and its last connection too.
	ended chan struct{}

	// invalidBefore: connections opened before this moment (nanoseconds since
	// created) are replaced at checkout, because a later one was found dead.
	invalidBefore atomic.Int64

	mu       sync.Mutex // guards all below; never held across I/O
	closed   bool
	outlived bool // Shutdown closed it, and nobody before
	taken    int  // places taken, at most MaxConns together with the idle list
	opening  int  // of these: whose connection is being opened
	closing  int  // of these: whose connection is being closed for a caller
	draining int  // of these: whose connection Close is closing
	idle     idleList
	waiters  waiterQueue
	timer    *time.Timer // for the first in line
	timing   bool        // the timer is set
	counts   Stat        // Total, the peaks and the cumulative counts

	overflowSince time.Time // zero while no more than PoolSize places are taken

	connections map[*connection]struct{}
}

// New makes a pool from a valid Config; for any other the error is a
// *ConfigError. It connects nothing: the pool grows by one with each checkout
// that finds nothing idle.
func New(config Config, options Options) (*Pool, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if options.Observer == nil {
		options.Observer = NopObserver{}
	}
	connConfig, err := config.ConnConfig()
	if err != nil {
		return nil, err
	}
	hidden, shownUser := hiddenUser(connConfig, config.URL), connConfig.User
	if hidden != "" {
		shownUser = text.Mask
	}
	if options.ResultFormats == nil {
		options.ResultFormats = pgx.QueryResultFormatsByOID{} // all as text; nil would leave it to pgx
	}
	p := &Pool{
		config:      config,
		server:      describeServer(connConfig, shownUser),
		hidden:      hidden,
		observer:    options.Observer,
		formats:     options.ResultFormats,
		trouble:     options.ServerTrouble,
		watch:       options.Watch,
		maxResult:   cmp.Or(options.MaxResult, maxResult),
		created:     time.Now(),
		connConfig:  connConfig,
		ended:       make(chan struct{}),
		traffic:     trafficOf(&config),
		uncached:    uncachedMode(config.QueryExecMode),
		idle:        newIdleList(config.PoolSize),
		connections: make(map[*connection]struct{}),
		asked:       make(map[uint32]bool),
	}
	p.invalidBefore.Store(math.MinInt64)
	p.background.Go(p.interrupt)
	return p, nil
}

// Config returns the configuration the pool was made from.
func (p *Pool) Config() Config { return p.config }

func describeServer(c *pgx.ConnConfig, user string) string {
	return fmt.Sprintf("%s/%s as %s", net.JoinHostPort(c.Host, fmt.Sprint(c.Port)), c.Database, user)
}

// hiddenUser is the user of a URL that has no password and gets none from
// elsewhere: it may be both, with a forgotten colon. Else it is empty.
func hiddenUser(c *pgx.ConnConfig, address string) string {
	if u, err := url.Parse(address); err != nil || u.User == nil || c.Password != "" {
		return ""
	}
	return c.User
}
