package pool

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

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
	copyIn      atomic.Bool   // the server asked for rows, see copyInGuard
	copyOut     atomic.Bool   // the server sent rows of a COPY during this statement
	completed   atomic.Int32  // how many statements it completed during this one
	heard       atomic.Uint64 // how often something arrived
	broken      atomic.Pointer[error]
}

// guard is what pgx reads from instead of r, which is this connection or the
// TLS on it.
func (t *transport) guard(r io.Reader) io.Reader {
	return &copyInGuard{r: r, transport: t}
}

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

// errCopyIn: the server waits for rows that nobody sends, and pgx waits for the
// server. Without this error both would wait until the caller is cut off.
var errCopyIn = errors.New("COPY … FROM STDIN is not supported, and its connection was closed: " +
	"use INSERT … SELECT unnest($1::int[]) for many rows")

// copyInGuard makes a connection fail when the server asks for rows. It looks
// at the type of every message that passes: one byte, then the length of the
// rest, the length's own four bytes included.
type copyInGuard struct {
	r         io.Reader
	transport *transport
	header    [5]byte
	have      int // bytes of header
	skip      int // bytes of the message that are still to come
}

// Types of messages. By the first two a server asks for rows.
const (
	copyInResponse   = 'G'
	copyBothResponse = 'W'
	// Types of messages that readable asks about.
	copyOutResponse    = 'H'
	commandComplete    = 'C'
	emptyQueryResponse = 'I'
)

func (g *copyInGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if n > 0 {
		g.transport.heard.Add(1)
	}
	if err != nil {
		g.transport.note(err)
	}
	for rest := p[:n]; len(rest) > 0; {
		if g.skip > 0 {
			passed := min(g.skip, len(rest))
			g.skip -= passed
			rest = rest[passed:]
			continue
		}
		copied := copy(g.header[g.have:], rest)
		g.have += copied
		rest = rest[copied:]
		if g.have < len(g.header) {
			break
		}
		switch g.header[0] {
		case copyInResponse, copyBothResponse:
			g.transport.copyIn.Store(true)
			return 0, errCopyIn
		case copyOutResponse:
			g.transport.copyOut.Store(true)
		case commandComplete, emptyQueryResponse:
			g.transport.completed.Add(1)
		}
		g.have = 0
		g.skip = int(binary.BigEndian.Uint32(g.header[1:])) - 4
	}
	return n, err
}
