package pool

import (
	"errors"
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
	scope      *Scope        // that holds it

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
	s.hold(c)
	if p.leaks != nil {
		p.leaks.add(c)
	}
	return c, nil
}

// PID is the process id of the server's backend, as in pg_stat_activity.
func (c *Conn) PID() uint32 { return c.pid }

// Query is Pool.Query on this connection.
func (c *Conn) Query(s *Scope, sql string, args []any) (*Result, error) {
	return c.run(s, call{sql: sql, args: args, rows: allRows, most: s.Limits.MaxRows})
}

// QueryRow is Pool.QueryRow on this connection.
func (c *Conn) QueryRow(s *Scope, sql string, args []any) (*Result, error) {
	return c.run(s, call{sql: sql, args: args, rows: firstRow})
}

// Exec is Pool.Exec on this connection.
func (c *Conn) Exec(s *Scope, sql string, args []any) (*Result, error) {
	return c.run(s, call{sql: sql, args: args, rows: noRows})
}

// CopyFrom is Pool.CopyFrom on this connection.
func (c *Conn) CopyFrom(s *Scope, rows *Copy) (*Result, error) { return c.run(s, rows.call()) }

func (c *Conn) run(s *Scope, what call) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil, errConnReleased()
	}
	return c.pool.run(s, c.connection, time.Now(), what, false)
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
	c.scope.drop(c)
	if c.pool.leaks != nil {
		c.pool.leaks.remove(c)
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

func (c *Conn) where() string { return position(c.origin) }

// position is where something was called.
func position(caller func() string) string {
	if caller == nil {
		return "an unknown place"
	}
	return caller()
}

// errEnded: COMMIT outside a transaction is only a warning to the server.
var errEnded = errors.New("the transaction ended before its COMMIT: do not run COMMIT or ROLLBACK inside transaction(fn)")

// errRolledBack is what COMMIT answers after a failed statement.
var errRolledBack = errors.New("the transaction was rolled back instead of committed: a statement in it had failed")

// TransactionOptions are those of one transaction. The zero value leaves all of
// them to the pool.
type TransactionOptions struct {
	Isolation            IsolationLevel // "": the pool's
	ReadOnly, Deferrable bool
}

// statement is the BEGIN with these options; without any it is the pool's own.
func (o TransactionOptions) statement(pools string) string {
	sql := pools
	if o.Isolation != "" {
		sql = begin + " ISOLATION LEVEL " + string(o.Isolation)
	}
	if o.ReadOnly {
		sql += " READ ONLY"
	}
	if o.Deferrable {
		sql += " DEFERRABLE"
	}
	return sql
}

// Begin opens a transaction, which Commit commits and Release rolls back.
// Neither it nor Commit is counted as a statement.
func (c *Conn) Begin(s *Scope) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.beginLocked(s, TransactionOptions{})
}

func (c *Conn) beginLocked(s *Scope, o TransactionOptions) error {
	if c.released {
		return errConnReleased()
	}
	if c.connection.inImplicit() {
		if err := c.pool.control(s, c.connection, commit); err != nil {
			return err
		}
	}
	c.connection.implicit = false
	err := c.pool.control(s, c.connection, o.statement(c.pool.traffic.begin))
	c.begun.Store(err == nil)
	return err
}

// Transaction is a transaction on a connection or, where one was open already, a
// savepoint in it. Savepoints end in the reverse order of their beginning.
type Transaction struct {
	conn      *Conn
	savepoint bool
}

// The statements around a savepoint. All have one name: the server takes the
// latest of them.
const (
	savepoint  = "SAVEPOINT pgxpool"
	release    = "RELEASE SAVEPOINT pgxpool"
	rollbackTo = "ROLLBACK TO SAVEPOINT pgxpool"
)

var errSavepointOptions = errors.New("a transaction is open on this connection, and a savepoint in it has no options: " +
	"give isolation, readOnly, deferrable and retries to the outermost transaction()")

// Transaction opens a transaction with these options, or without any a savepoint
// where a transaction is open.
func (c *Conn) Transaction(s *Scope, o TransactionOptions, retries int) (*Transaction, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil, errConnReleased()
	}
	t := &Transaction{conn: c, savepoint: c.connection.inTransaction() && !c.connection.implicit}
	switch {
	case !t.savepoint:
		return t, c.beginLocked(s, o)
	case o != TransactionOptions{} || retries > 0:
		return nil, &QueryError{Err: errSavepointOptions}
	}
	return t, c.pool.control(s, c.connection, savepoint)
}

// Commit keeps what was done, as Conn.Commit does.
func (t *Transaction) Commit(s *Scope) error {
	c := t.conn
	if !t.savepoint {
		return c.Commit(s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.released:
		return errConnReleased()
	case !c.connection.inTransaction():
		return &QueryError{Err: errEnded}
	case c.connection.failed():
		return &QueryError{Err: errRolledBack}
	}
	return c.pool.control(s, c.connection, release)
}

// Rollback undoes what was done, for no scope: a transaction has to end even if
// its user was cut off.
func (t *Transaction) Rollback() {
	c := t.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.released || c.connection.pgx.IsClosed() || !c.connection.inTransaction():
	case t.savepoint:
		_ = c.connection.roundTrip(nil, c.pool.config.ConnectTimeout, rollbackTo, release) // a lost connection is found by the next statement
	default:
		c.begun.Store(false)
		if !c.pool.endTransaction(c.connection, rollback) {
			c.pool.invalidate(c.connection)
		}
	}
}

// Commit commits the transaction. If a statement in it has failed the server
// rolls back instead, which is an error. If the connection is lost meanwhile it
// is unknown whether the transaction was committed.
func (c *Conn) Commit(s *Scope) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return errConnReleased()
	}
	if !c.connection.inTransaction() || c.connection.implicit {
		return &QueryError{Err: errEnded}
	}
	c.begun.Store(false)
	failed := c.connection.failed()
	if err := c.pool.control(s, c.connection, commit); err != nil {
		return err
	}
	if failed {
		return &QueryError{Err: errRolledBack}
	}
	return nil
}

// held is how long the connection has been checked out.
func (c *Conn) held() time.Duration { return time.Since(c.acquired) }
