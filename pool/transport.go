package pool

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// closeGrace is how long a close waits for the server to end its side.
const closeGrace = 2 * time.Second

// transport is a network connection that, once established, is gone only when
// the server has closed its end too. A client socket that is merely closed
// leaves a backend behind for a moment, in which the next connect would put
// the server above the pool's limit.
type transport struct {
	net.Conn
	established atomic.Bool
	copyIn      atomic.Bool // the server asked for rows, see copyInGuard
}

// dial opens a transport that must be established before the deadline, which
// spans every host and TLS fallback that pgx tries: connectTimeout is the
// limit for all of them together.
func dial(ctx context.Context, network, address string, deadline time.Time) (*transport, error) {
	d := net.Dialer{Deadline: deadline, KeepAlive: 30 * time.Second}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &transport{Conn: conn}, nil
}

// establish ends the connect phase: no deadline any more, and an orderly close.
func (t *transport) establish() error {
	t.established.Store(true)
	return t.SetDeadline(time.Time{})
}

// Close ends our side, waits for the server to end its own, and closes. A
// connection that never got as far as a session has no backend to wait for.
func (t *transport) Close() error {
	half, ok := t.Conn.(interface{ CloseWrite() error })
	if ok && t.established.CompareAndSwap(true, false) && half.CloseWrite() == nil {
		if t.SetReadDeadline(time.Now().Add(closeGrace)) == nil {
			// What still arrives belongs to nobody; its end is all that counts.
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
