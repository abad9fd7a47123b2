package pool

import (
	"context"
	"errors"
	"time"
)

// The statements around a transaction; the first two are their own command tags.
const (
	begin    = "BEGIN"
	commit   = "COMMIT"
	rollback = "ROLLBACK"
)

// errEnded: COMMIT outside a transaction is only a warning to the server.
var errEnded = errors.New("the transaction was ended before its end: no COMMIT or ROLLBACK inside transaction(fn)")

// errRolledBack is what COMMIT answers after a failed statement.
var errRolledBack = errors.New("the transaction was rolled back instead of committed: a statement in it had failed")

// Begin opens a transaction, which Commit makes last and Release rolls back.
// Neither it nor Commit is counted as a statement.
func (c *Conn) Begin(s *Scope) error { return c.control(s, begin) }

// Commit ends the transaction. If a statement in it had failed the server
// rolls back, which is an error. If the connection is lost meanwhile, whether
// the transaction was committed is unknown.
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
