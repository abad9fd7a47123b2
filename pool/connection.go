package pool

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/catalog"
)

// connection is one open connection and what the pool knows of it. It belongs to
// the caller that has it checked out; while idle, to the pool's lock.
type connection struct {
	pgx       *pgx.Conn
	transport *transport
	opened    time.Duration // since the pool was created
	fresh     bool          // never handed out yet
	doubted   bool          // a write was refused: the server may be read-only now
	implicit  bool          // its transaction was opened by runImplicit
	gone      bool          // it was closed before the last statement
	unsure    bool          // it was lost during a statement whose effect is unknown

	digits  bool             // a statement on it named extra_float_digits, which it may have changed
	catalog *catalog.Catalog // whose types pgx knows
	renewed uint64           // the pool's when its descriptions were renewed last

	sql   string // the last statement, unless it is long: mostly the next one too
	shape *Shape // of its last result, nil before one

	statements statements

	opening opening // of a transaction whose BEGIN is still to be sent
	flight  flight
	args    []any // scratch for pgx's argument list
}

// newConnection ends the connect phase of conn, which is open on t.
func newConnection(conn *pgx.Conn, t *transport, opened time.Duration, capacity int) *connection {
	t.establish()
	c := &connection{pgx: conn, transport: t, opened: opened, fresh: true}
	c.flight.conn = conn.PgConn()
	c.statements.capacity = max(1, capacity)
	return c
}

// ping asks the server whether it still answers, as the driver does, within limit.
func (c *connection) ping(s *Scope, now time.Time, limit time.Duration, t *traffic) error {
	ping := t.ping
	if c.inTransaction() {
		ping = t.pingOpen
	}
	c.gone = c.pgx.IsClosed()
	if err := c.flight.enterRoundTrip(s, now.Add(limit)); err != nil {
		return err
	}
	err := c.simple(ping...)
	if c.flight.leave() == interrupted && err != nil {
		err = ErrInterrupted
	}
	return err
}

// roundTrip runs statements for no scope, each a round trip, within limit together.
// Nothing interrupts them.
func (c *connection) roundTrip(limit time.Duration, statements ...string) error {
	if err := c.transport.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	err := c.simple(statements...)
	if reset := c.transport.SetDeadline(time.Time{}); err == nil {
		err = reset
	}
	return err
}

// meetsAttributes asks the server whether it still is what the URL's
// target_session_attrs wants, such as read-write after a failover. Without that
// parameter it always is.
func (c *connection) meetsAttributes(config *pgx.ConnConfig, limit time.Duration) bool {
	c.doubted = false
	if config.ValidateConnect == nil || c.inTransaction() {
		return true
	}
	if c.transport.SetDeadline(time.Now().Add(limit)) != nil {
		return false
	}
	err := config.ValidateConnect(context.Background(), c.pgx.PgConn())
	return errors.Join(err, c.transport.SetDeadline(time.Time{})) == nil
}

// close ends the connection and returns when the server has ended its side
// or closeGrace is over. The place which the caller still holds keeps the
// ceiling meanwhile.
func (c *connection) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	// An error here says that the connection was already broken.
	_ = c.pgx.Close(ctx)
	select {
	case <-c.pgx.PgConn().CleanupDone():
	case <-ctx.Done():
		// pgx would wait a quarter of a minute for a server that does not answer.
		c.transport.abort()
		_ = c.transport.Close()
	}
}

// enter notes that a statement is about to run in s.
func (c *connection) enter(s *Scope, sql string) error {
	c.gone = c.pgx.IsClosed()
	c.opening.begun = false
	return c.flight.enter(s, sql)
}

// inImplicit reports whether the server is inside a transaction that runImplicit
// opened.
func (c *connection) inImplicit() bool { return c.implicit && c.inTransaction() }

// failed reports whether the server is inside a transaction that has failed.
func (c *connection) failed() bool { return c.pgx.PgConn().TxStatus() == 'E' }

// inTransaction reports whether the server is inside a transaction.
func (c *connection) inTransaction() bool {
	return c.pgx.PgConn().TxStatus() != 'I'
}

// lost reports whether err, which a statement returned, ended the connection.
func (c *connection) lost(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Severity == "FATAL" {
		return true
	}
	return c.pgx.IsClosed()
}
