package pool

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A peer of which nothing is heard for about half a minute, not even that its
// machine received something, is gone: 15 s of silence, then three probes.
const (
	silenceBeforeProbes = 15 * time.Second
	probeInterval       = 5 * time.Second
	probes              = 3
	peerLimit           = silenceBeforeProbes + probes*probeInterval
)

// dialer opens the sockets of one connection: those of every host and TLS
// fallback that pgx tries, and later those of its cancel requests.
type dialer struct {
	deadline  time.Time // to be connected, for all attempts together
	connected atomic.Bool
	current   *transport // of the attempt that is being made
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.connected.Load() {
		return dialUntil(ctx, network, address, time.Now().Add(closeGrace)) // a cancel request
	}
	conn, err := dialUntil(ctx, network, address, d.deadline)
	if err != nil {
		return nil, err
	}
	d.current = &transport{Conn: conn, dialer: d}
	return d.current, nil
}

// dialUntil opens a socket on which nothing takes longer than to the deadline.
func dialUntil(ctx context.Context, network, address string, deadline time.Time) (net.Conn, error) {
	d := net.Dialer{Deadline: deadline, Control: limitSilence, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: silenceBeforeProbes, Interval: probeInterval, Count: probes,
	}}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// closeGrace is how long a close waits for the server to end its side, and a
// cancel request for the server to take it.
const closeGrace = 2 * time.Second

// transport is a network connection that, once established, is gone only when
// the server has closed its end too. A client socket that is merely closed
// leaves a backend behind for a moment, in which the next connect would put
// the server above the pool's limit.
type transport struct {
	net.Conn
	dialer      *dialer
	established atomic.Bool
	copying     atomic.Bool   // CopyFrom has rows to send
	copyIn      atomic.Bool   // the server asked for rows, see messageGuard
	copyOut     atomic.Bool   // the server sent rows of a COPY during this statement
	completed   atomic.Int32  // how many statements it completed during this one
	heard       atomic.Uint64 // how often something arrived
	broken      atomic.Pointer[error]
}

// guard is what pgx reads from instead of r, which is this connection or the
// TLS on it.
func (t *transport) guard(r io.Reader) io.Reader { return newMessageGuard(r, t) }

// note keeps the first error of reading. pgx says only that the connection is
// closed.
func (t *transport) note(err error) { t.broken.CompareAndSwap(nil, &err) }

// cause is the reason behind err, which may be that the connection is closed.
func (t *transport) cause(err error) error {
	if broken := t.broken.Load(); broken != nil && errors.Is(err, pgconn.ErrConnClosed) {
		return *broken
	}
	return err
}

// establish ends the connect phase: no deadline any more, and an orderly close.
func (t *transport) establish() error {
	t.dialer.connected.Store(true)
	t.established.Store(true)
	return t.SetDeadline(time.Time{})
}

// Close ends our side, waits for the server to end its own, and closes. A
// connection that never got as far as a session has no backend to wait for.
func (t *transport) Close() error {
	half, ok := t.Conn.(interface{ CloseWrite() error })
	if ok && t.established.CompareAndSwap(true, false) && half.CloseWrite() == nil {
		if t.SetReadDeadline(time.Now().Add(closeGrace)) == nil {
			// Nobody wants what still arrives; only its end counts.
			_, _ = io.Copy(io.Discard, t.Conn)
		}
	}
	return t.Conn.Close()
}

// abort makes whatever is blocked on the connection fail now.
func (t *transport) abort() {
	t.established.Store(false)
	_ = t.SetDeadline(time.Unix(1, 0))
}
