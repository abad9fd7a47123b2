// Package pool is SQLAlchemy's QueuePool on pgxpool: a base size, overflow
// under load, a timeout on the wait for a place, recycling and pre-ping at
// checkout, and waiters served in order of arrival.
//
// pgxpool holds the idle connections and opens new ones. What it cannot do
// stands in front of it: a queue of places, as many as poolSize + maxOverflow.
// Who has a place never waits inside pgxpool, so the wait, the number of those
// waiting and the handing over of a returned connection are the queue's to
// measure and to decide. pgxpool's own closing in the background (lifetime,
// idle time, health check) is off: QueuePool closes nothing in the background.
package pool

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// never is a duration that no test reaches.
const never = 10 * 365 * 24 * time.Hour

// Options are what a Pool needs beyond its Config.
type Options struct {
	// Observer is told of events that happen outside any Scope. Nil: nobody.
	Observer Observer
	// ResultFormats names the types whose values are to arrive in binary; all
	// others arrive as text. In the modes exec and simple_protocol all do.
	ResultFormats pgx.QueryResultFormatsByOID
}

// Pool is safe for concurrent use. It must be closed with Close, and waited
// for with Shutdown.
type Pool struct {
	config   Config
	server   string // for messages: host:port/database as user
	observer Observer
	formats  pgx.QueryResultFormatsByOID
	pgx      *pgxpool.Pool
	created  time.Time
	shapes   shapeCache
	leaks    *leakWatch // nil: off
	cutter   *interrupter

	ending   atomic.Bool  // Shutdown was called
	acquires atomic.Int64 // checkouts that succeeded

	// background counts goroutines that outlive the call which started them.
	background sync.WaitGroup

	// invalidBefore: connections opened before this moment (nanoseconds since
	// created) are replaced at checkout, since a younger one was found dead.
	invalidBefore atomic.Int64

	mu      sync.Mutex // guards all below; never held across I/O
	closed  bool
	taken   int // places taken, at most MaxConns
	opening int // of these: whose connection is being opened
	closing int // of these: whose connection is being closed
	idle    int // connections in pgxpool's hands that nobody has claimed
	waiters waiterQueue
	timer   *time.Timer // for the first in line
	timing  bool        // the timer is set
	counts  Stat        // Total, PeakActive and the cumulative counts
	records map[*record]struct{}
}

// New makes a pool from a resolved Config. It connects nothing: the pool grows
// by one with each checkout that finds nothing idle.
func New(config Config, options Options) (*Pool, error) {
	if options.Observer == nil {
		options.Observer = NopObserver{}
	}
	connConfig, err := config.ConnConfig()
	if err != nil {
		return nil, err
	}
	p := &Pool{
		config:   config,
		server:   describeServer(connConfig),
		observer: options.Observer,
		formats:  options.ResultFormats,
		created:  time.Now(),
		records:  make(map[*record]struct{}),
	}
	// Only a vessel for connConfig, and complete, so that PG* variables which
	// the URL overrides are not looked at again.
	pgxConfig, err := pgxpool.ParseConfig("host=127.0.0.1 port=5432 user=none dbname=none sslmode=disable")
	if err != nil {
		return nil, fmt.Errorf("making the pool %q: %w", config.Name, err)
	}
	pgxConfig.ConnConfig = connConfig
	pgxConfig.MaxConns = int32(config.MaxConns()) // #nosec G115 -- Validate bounds it
	pgxConfig.MinConns, pgxConfig.MinIdleConns = 0, 0
	pgxConfig.MaxConnLifetime = 0 // off: recycling is ours
	pgxConfig.MaxConnIdleTime, pgxConfig.HealthCheckPeriod = never, never
	pgxConfig.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	pgxConfig.BeforeConnect = p.beforeConnect
	pgxConfig.AfterConnect = p.afterConnect
	if p.pgx, err = pgxpool.NewWithConfig(context.Background(), pgxConfig); err != nil {
		return nil, fmt.Errorf("making the pool %q: %w", config.Name, err)
	}
	p.invalidBefore.Store(math.MinInt64)
	p.cutter = startInterrupter(p)
	if config.LeakDetectionThreshold > 0 {
		p.leaks = newLeakWatch(config.LeakDetectionThreshold, options.Observer)
	}
	return p, nil
}

// Config returns the configuration the pool was made from.
func (p *Pool) Config() Config { return p.config }

// Closed reports whether Close was called.
func (p *Pool) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// reuseOnly marks a context in which pgxpool may hand out an idle connection
// but must not open one.
type reuseOnly struct{}

// errNothingIdle: somebody was faster in taking the idle connection.
var errNothingIdle = fmt.Errorf("pool: nothing idle")

var (
	reuseContext   = context.WithValue(context.Background(), reuseOnly{}, true)
	connectContext = context.Background()
)

func (p *Pool) beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	if ctx.Value(reuseOnly{}) != nil {
		return errNothingIdle
	}
	d := &dialer{deadline: time.Now().Add(p.config.ConnectTimeout)}
	lookup, build := config.LookupFunc, config.BuildFrontend
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithDeadline(ctx, d.deadline)
		defer cancel()
		return lookup(ctx, host)
	}
	config.DialFunc = d.dial
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return build(d.current.guard(r), w)
	}
	return nil
}

func (p *Pool) afterConnect(_ context.Context, conn *pgx.Conn) error {
	r, err := newRecord(conn, time.Since(p.created))
	if err != nil {
		return err
	}
	conn.PgConn().CustomData()[recordKey] = r
	return nil
}

func describeServer(c *pgx.ConnConfig) string {
	return fmt.Sprintf("%s/%s as %s", net.JoinHostPort(c.Host, fmt.Sprint(c.Port)), c.Database, c.User)
}

// cancelHandler is set up per connection: a statement cut off is cancelled on
// the server at once, and its connection given up only if that did not help.
func cancelHandler(conn *pgconn.PgConn) pgconn.CancelRequestContextWatcherHandler {
	return pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: closeGrace}
}
