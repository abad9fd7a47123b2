package pool

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

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

// Begin opens a transaction, which Commit commits. Release ends it as
// Config.ResetOnReturn says. Neither Begin nor Commit is counted as a statement.
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

// opening is a transaction whose BEGIN goes to the server together with the first
// statement, which saves a round trip. Nothing runs outside of a transaction whose
// BEGIN has failed.
type opening struct {
	begin   string // still to be sent; "": none
	refused error  // why BEGIN failed, until the transaction has ended
	begun   bool   // the statement that runs has carried BEGIN, which has succeeded
}

// beginLater leaves BEGIN to the first statement of the transaction, with the driver
// pgx alone: the others have the round trips of their Python driver.
func (c *Conn) beginLater(s *Scope, o TransactionOptions) error {
	mode := c.pool.config.QueryExecMode
	if c.pool.config.Driver != DriverPgx || mode == pgx.QueryExecModeSimpleProtocol || c.connection.pgx.IsClosed() {
		return c.beginLocked(s, o)
	}
	if s.Interrupted() {
		return ErrInterrupted
	}
	c.connection.opening = opening{begin: o.statement(c.pool.traffic.begin)}
	c.begun.Store(true)
	return nil
}

// beginNow sends a BEGIN that is still to be sent, and waits for it. Before
// anything is sent to the server, somebody must have called it or carriesBegin.
func (c *Conn) beginNow(s *Scope) error {
	o := &c.connection.opening
	if o.refused == nil && o.begin != "" {
		sql := o.begin
		o.begin = ""
		o.refused = c.pool.control(s, c.connection, sql)
	}
	if o.refused != nil {
		c.begun.Store(false)
	}
	return o.refused
}

// carriesBegin tells whether a call's statement can take BEGIN along: in the simple
// protocol the server would run it though BEGIN has failed. pgx uses that for a
// string without arguments that gives no rows, and for an empty one.
func (c *call) carriesBegin() bool {
	return c.copy == nil && c.sql != "" && (c.rows != noRows || len(c.args) > 0)
}

// carryBegin has the statement that comes next take along a BEGIN that is still to be
// sent, and tells whether there is one. prepared is the error of what was done before
// the statement: where the connection is gone, BEGIN has failed, else the statement.
func (c *connection) carryBegin(prepared error) (carries bool) {
	switch {
	case c.opening.begin != "" && (prepared == nil || c.pgx.IsClosed()):
		c.transport.carry(c.opening.begin)
		return true
	case prepared != nil:
		c.gone = c.pgx.IsClosed()
	}
	return false
}

// carried tells what became of a BEGIN that a statement was to take along, when the
// statement has ended with err. The error is that of BEGIN: the statement was not run.
func (p *Pool) carried(c *connection, err error, how ending) error {
	sql := c.opening.begin
	c.opening.begin = ""
	switch c.transport.begin.Swap(beginNone) {
	case beginNone:
		c.opening.begun = true
		return nil
	case beginWaits:
		if !c.pgx.IsClosed() {
			c.opening.begin = sql // such as one with a wrong argument: nothing was sent
			return nil
		}
	}
	if err == nil {
		err = errNoResult
		c.distrust(err, func() {})
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		err = pg // pgx says beside it what it was doing for the statement
	}
	c.opening.refused = p.statementError(c, sql, err, how)
	return c.opening.refused
}

// inTransactionOrOpening reports whether the server is, or will be with the next
// statement, inside a transaction that a caller has opened.
func (c *connection) inTransactionOrOpening() bool {
	return c.opening.begin != "" || c.opening.refused != nil || c.inTransaction() && !c.implicit
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

// Transaction opens a transaction with these options, or a savepoint if a
// transaction is open. retries is how often the caller means to run it again. A
// savepoint takes neither options nor retries: they are a QueryError. With the
// driver pgx BEGIN goes to the server with the first statement: the error of a BEGIN
// is then that statement's, that of every one after it, and Commit's.
func (c *Conn) Transaction(s *Scope, o TransactionOptions, retries int) (*Transaction, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil, errConnReleased()
	}
	switch {
	case !c.connection.inTransactionOrOpening():
		return &c.outermost, c.beginLater(s, o)
	case o != TransactionOptions{} || retries > 0:
		return nil, &QueryError{Err: errSavepointOptions}
	}
	if err := c.beginNow(s); err != nil {
		return nil, err
	}
	return &Transaction{conn: c, savepoint: true}, c.pool.control(s, c.connection, savepoint)
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
	case c.connection.opening.refused != nil:
		return c.connection.opening.refused
	case !c.connection.inTransaction():
		return &QueryError{Err: errEnded}
	case c.connection.failed():
		return &QueryError{Err: errRolledBack}
	}
	return c.pool.control(s, c.connection, release)
}

// Rollback undoes what was done. It takes no scope, because a transaction has to end
// even if its user was cut off.
func (t *Transaction) Rollback() {
	c := t.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.savepoint && !c.released {
		c.connection.opening = opening{}
		c.begun.Store(false)
	}
	switch {
	case c.released || c.connection.pgx.IsClosed() || !c.connection.inTransaction():
	case t.savepoint:
		_ = c.connection.roundTrip(c.pool.config.ConnectTimeout, rollbackTo, release) // a lost connection is found by the next statement
	case !c.pool.endTransaction(c.connection, rollback):
		c.pool.invalidate(c.connection)
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
	if err := c.beginNow(s); err != nil {
		return err
	}
	c.begun.Store(false)
	if !c.connection.inTransaction() || c.connection.implicit {
		return &QueryError{Err: errEnded}
	}
	failed := c.connection.failed()
	if err := c.pool.control(s, c.connection, commit); err != nil {
		return err
	}
	if failed {
		return &QueryError{Err: errRolledBack}
	}
	return nil
}
