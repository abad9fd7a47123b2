package pool

import (
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection checked out by Acquire. Its methods may be called from
// several goroutines; statements run one after the other.
type Conn struct {
	pool       *Pool
	connection *connection
	placed     time.Time // since when its place is taken
	acquired   time.Time
	pid        uint32
	origin     func() string // where it was taken, for leak reports
	long       *time.Timer   // reports that it is held for long; nil: off
	scope      *Scope        // that holds it
	outermost  Transaction   // what Transaction gives, but for savepoints: it never changes

	// A second checkout of the same scope was reported, and one that waits.
	// Guarded by the scope's lock.
	nested, nestedWaits bool
	begun               atomic.Bool // Begin has opened a transaction

	mu       sync.Mutex // held while a statement runs or the return is under way
	released bool
}

// Acquire checks out a connection, to be returned with Release. origin, which
// may be nil, says where that was, should the connection be held too long.
func (p *Pool) Acquire(s *Scope, origin func() string) (*Conn, error) {
	got, err := p.acquire(s, origin)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		pool: p, connection: got.connection, placed: got.placed, acquired: got.at,
		pid: got.pgx.PgConn().PID(), origin: origin, scope: s,
	}
	c.outermost.conn = c
	s.hold(c)
	if threshold := p.config.LeakDetectionThreshold; threshold > 0 {
		c.long = time.AfterFunc(threshold, c.heldLong)
	}
	return c, nil
}

// PID is the process id of the server's backend, as in pg_stat_activity.
func (c *Conn) PID() uint32 { return c.pid }

// Query is Pool.Query on this connection.
func (c *Conn) Query(s *Scope, sql string, args []any) (*Result, error) {
	return c.run(s, &call{sql: sql, args: args, rows: allRows, most: s.Limits.MaxRows})
}

// QueryRow is Pool.QueryRow on this connection.
func (c *Conn) QueryRow(s *Scope, sql string, args []any) (*Result, error) {
	return c.run(s, &call{sql: sql, args: args, rows: firstRow})
}

// Exec is Pool.Exec on this connection.
func (c *Conn) Exec(s *Scope, sql string, args []any) (*Result, error) {
	return c.run(s, &call{sql: sql, args: args, rows: noRows})
}

// CopyFrom is Pool.CopyFrom on this connection.
func (c *Conn) CopyFrom(s *Scope, rows *Copy) (*Result, error) { return c.run(s, rows.call()) }

func (c *Conn) run(s *Scope, what *call) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil, errConnReleased()
	}
	if c.connection.opening.refused != nil || !what.carriesBegin() {
		if err := c.beginNow(s); err != nil {
			return nil, err
		}
	}
	return c.pool.run(s, c.connection, time.Now(), what, false)
}

// Release returns the connection to the pool, and returns when that is done. To an
// open or failed transaction it does what Config.ResetOnReturn says. A second call
// does nothing; any other call after it is a QueryError.
func (c *Conn) Release() { c.release(false) }

// Leak returns a connection that its owner forgot, and counts it as leaked. The
// leak is counted before the connection is back.
func (c *Conn) Leak() { c.release(true) }

func (c *Conn) release(leaked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return
	}
	c.released = true
	c.scope.drop(c)
	if c.long != nil {
		c.long.Stop()
	}
	if leaked {
		c.noteLeak()
	}
	c.pool.giveBack(c.connection, c.scope.observer)
	now := time.Now()
	c.scope.observer.Released(now, now.Sub(c.placed))
}

func (c *Conn) noteLeak() {
	c.pool.mu.Lock()
	c.pool.counts.Leaks++
	c.pool.mu.Unlock()
	c.scope.observer.Leaked(time.Now(), c.where(), c.held())
}

// heldLong runs once, when leakDetectionThreshold is over. A pool that has ended has cut
// its last users off.
func (c *Conn) heldLong() {
	select {
	case <-c.pool.ended:
	default:
		c.scope.observer.HeldLong(time.Now(), c.where(), c.held())
	}
}

func (c *Conn) where() string { return position(c.origin) }

// position is where something was called.
func position(caller func() string) string {
	if caller == nil {
		return "an unknown place"
	}
	return caller()
}

// held is how long the connection has been checked out.
func (c *Conn) held() time.Duration { return time.Since(c.acquired) }
