package pool

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Conn is a connection checked out by Acquire. Its methods may be called from
// several goroutines; statements run one after the other.
type Conn struct {
	pool     *Pool
	record   *record
	observer Observer
	acquired time.Time
	pid      uint32
	origin   func() string // where it was taken, for leak reports

	mu       sync.Mutex // held while a statement runs or the return is under way
	released bool
}

// Acquire checks out a connection, to be returned with Release. origin, which
// may be nil, says where that was, should the connection be held too long.
func (p *Pool) Acquire(s *Scope, origin func() string) (*Conn, error) {
	r, now, err := p.acquire(s)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		pool: p, record: r, observer: s.observer, acquired: now, pid: r.conn.PgConn().PID(), origin: origin,
	}
	if p.leaks != nil {
		p.leaks.add(c)
	}
	return c, nil
}

// PID is the process id of the server's backend, as in pg_stat_activity.
func (c *Conn) PID() uint32 { return c.pid }

// Query is Pool.Query on this connection.
func (c *Conn) Query(s *Scope, sql string, args []any) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil, errConnReleased()
	}
	return c.pool.query(s, c.record, time.Now(), sql, args)
}

// Exec is Pool.Exec on this connection.
func (c *Conn) Exec(s *Scope, sql string, args []any) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil, errConnReleased()
	}
	return c.pool.exec(s, c.record, time.Now(), sql, args)
}

// Release returns the connection to the pool, and returns when that is done. An
// open or failed transaction is rolled back. A second call does nothing.
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
	if c.pool.leaks != nil {
		c.pool.leaks.remove(c)
	}
	if leaked {
		c.noteLeak()
	}
	c.pool.giveBack(c.record, c.observer)
	now := time.Now()
	c.observer.Released(now, now.Sub(c.acquired))
}

func (c *Conn) noteLeak() {
	c.pool.mu.Lock()
	c.pool.counts.Leaks++
	c.pool.mu.Unlock()
	c.observer.Leaked(time.Now(), c.where(), c.held())
}

func (c *Conn) where() string {
	if c.origin == nil {
		return "an unknown place"
	}
	return c.origin()
}

// The statements around a transaction; the first two are their own command tags.
const (
	begin    = "BEGIN"
	commit   = "COMMIT"
	rollback = "ROLLBACK"
)

// errEnded: COMMIT outside a transaction is only a warning to the server.
var errEnded = errors.New("the transaction ended before its COMMIT: do not run COMMIT or ROLLBACK inside transaction(fn)")

// errRolledBack is what COMMIT answers after a failed statement.
var errRolledBack = errors.New("the transaction was rolled back instead of committed: a statement in it had failed")

// Begin opens a transaction, which Commit commits and Release rolls back.
// Neither it nor Commit is counted as a statement.
func (c *Conn) Begin(s *Scope) error { return c.control(s, begin) }

// Commit commits the transaction. If a statement in it has failed the server
// rolls back instead, which is an error. If the connection is lost meanwhile it
// is unknown whether the transaction was committed.
func (c *Conn) Commit(s *Scope) error { return c.control(s, commit) }

func (c *Conn) control(s *Scope, sql string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return errConnReleased()
	}
	if err := c.record.enter(s, sql); err != nil {
		return err
	}
	if sql == commit && !c.record.inTransaction() {
		c.record.flight.leave()
		return &QueryError{Err: errEnded}
	}
	tag, err := c.record.conn.Exec(context.Background(), sql)
	if err = c.pool.statementError(c.record, sql, err, c.record.flight.leave()); err != nil {
		return err
	}
	if tag.String() != sql {
		return &QueryError{Err: errRolledBack}
	}
	return nil
}

// held is how long the connection has been checked out.
func (c *Conn) held() time.Duration { return time.Since(c.acquired) }
