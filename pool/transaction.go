package pool

import (
	"context"
	"errors"
	"time"
)

// errEnded: COMMIT outside a transaction is only a warning to the server.
var errEnded = errors.New("the transaction was ended before its end: no COMMIT or ROLLBACK inside transaction(fn)")

// errRolledBack is what COMMIT answers after a failed statement.
var errRolledBack = errors.New("the transaction was rolled back instead of committed: a statement in it had failed")

// Begin opens a transaction. Like Commit and Rollback it is not counted as a
// statement.
func (c *Conn) Begin(s *Scope) error { return c.control(s, "BEGIN", "BEGIN") }

// Commit ends the transaction. If a statement in it had failed the server
// rolls back, which is an error. If the connection is lost meanwhile, whether
// the transaction was committed is unknown.
func (c *Conn) Commit(s *Scope) error { return c.control(s, "COMMIT", "COMMIT") }

// Rollback undoes the transaction. It runs even in a scope that was cut off.
func (c *Conn) Rollback() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released || c.record.conn.IsClosed() || !c.record.inTransaction() {
		return nil
	}
	if err := c.record.rollback(c.pool.config.ConnectTimeout); err != nil {
		return c.pool.statementError(c.record, err)
	}
	return nil
}

func (c *Conn) control(s *Scope, sql, wanted string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return errConnReleased()
	}
	if err := c.record.flight.enter(s); err != nil {
		return err
	}
	if sql == "COMMIT" && !c.record.inTransaction() {
		c.record.flight.leave()
		return &QueryError{Err: errEnded}
	}
	tag, err := c.record.conn.Exec(context.Background(), sql)
	interrupted := c.record.flight.leave()
	switch {
	case err != nil && interrupted:
		return ErrInterrupted
	case err != nil:
		return c.pool.statementError(c.record, err)
	case tag.String() != wanted:
		return &QueryError{Err: errRolledBack}
	}
	return nil
}

// held is how long the connection has been checked out.
func (c *Conn) held() time.Duration { return time.Since(c.acquired) }
