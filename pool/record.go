package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// record is one open connection and what the pool knows of it. It belongs to
// whoever has it checked out; while idle, to the pool's lock.
type record struct {
	conn      *pgx.Conn
	transport *transport
	opened    time.Duration // since the pool was created
	fresh     bool          // never handed out yet
	silent    bool          // the server did not answer in time
	gone      bool          // it was closed before the last statement
	unsure    bool          // it was lost during a statement whose effect is unknown

	flight flight
	args   []any // scratch for pgx's argument list
}

func newRecord(conn *pgx.Conn, opened time.Duration) (*record, error) {
	t, err := transportOf(conn.PgConn().Conn())
	if err != nil {
		return nil, err
	}
	if err := t.establish(); err != nil {
		return nil, fmt.Errorf("ending the connect phase: %w", err)
	}
	r := &record{conn: conn, transport: t, opened: opened, fresh: true}
	r.flight.cancel = cancelHandler(conn.PgConn())
	return r, nil
}

// transportOf finds the transport below TLS.
func transportOf(conn net.Conn) (*transport, error) {
	for {
		switch c := conn.(type) {
		case *transport:
			return c, nil
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil, fmt.Errorf("connection of type %T was not dialled by the pool", conn)
		}
	}
}

// ping is one real round trip, bounded by limit. The deadline is the
// connection's own: a context would cost a goroutine for each ping.
func (r *record) ping(s *Scope, limit time.Duration) error {
	return r.roundTrip(s, limit, "-- ping")
}

// rollback ends an open or failed transaction, bounded by limit. It runs in no
// scope: the connection has to be clean even if its user was cut off.
func (r *record) rollback(limit time.Duration) error {
	return r.roundTrip(nil, limit, rollback)
}

func (r *record) roundTrip(s *Scope, limit time.Duration, sql string) (err error) {
	if s != nil {
		if err := r.enter(s, ""); err != nil {
			return err
		}
		defer func() {
			if r.flight.leave() == interrupted && err != nil {
				err = ErrInterrupted
			}
		}()
	}
	pg := r.conn.PgConn()
	if err := r.transport.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if err := pg.Exec(context.Background(), sql).Close(); err != nil {
		r.silent = errors.Is(err, os.ErrDeadlineExceeded)
		return err
	}
	return r.transport.SetDeadline(time.Time{})
}

// dead looks without a round trip whether the server has already ended the
// connection.
func (r *record) dead() bool {
	// Ping, which CheckConn is deprecated for, is the round trip to be spared.
	return r.conn.IsClosed() || r.conn.PgConn().CheckConn() != nil //nolint:staticcheck // see above
}

// close ends the connection and returns when the server has ended its side
// or closeGrace is over. The place which the caller still holds keeps the
// ceiling meanwhile.
func (r *record) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	// An error here says that the connection was already broken.
	_ = r.conn.Close(ctx)
	select {
	case <-r.conn.PgConn().CleanupDone():
	case <-ctx.Done():
		// pgx would wait a quarter of a minute for a server that does not answer.
		r.transport.abort()
		_ = r.transport.Close()
	}
}

// enter notes that a statement is about to run in s.
func (r *record) enter(s *Scope, sql string) error {
	r.gone = r.conn.IsClosed()
	return r.flight.enter(s, sql)
}

// inTransaction reports whether the server is inside a transaction.
func (r *record) inTransaction() bool {
	return r.conn.PgConn().TxStatus() != 'I'
}

// lost reports whether err, which a statement returned, ended the connection.
func (r *record) lost(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Severity == "FATAL" {
		return true
	}
	return r.conn.IsClosed()
}
