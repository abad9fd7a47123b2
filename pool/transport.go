package pool

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
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
// fallback that pgx tries, and those of its cancel requests.
type dialer struct {
	deadline time.Time  // to be connected, for all attempts together
	current  *transport // of the attempt that is being made; in the end of the one that succeeded
}

// connecting is in the context in which pgx connects. Its cancel requests have another
// one, and some are sent meanwhile: where a server hangs up during the first query, pgx
// sends one beside the attempt at the next host.
type connecting struct{}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx.Value(connecting{}) == nil {
		return dialUntil(ctx, network, address, time.Now().Add(closeGrace)) // a cancel request
	}
	conn, err := dialUntil(ctx, network, address, d.deadline)
	if err != nil {
		return nil, err
	}
	d.current = &transport{Conn: conn}
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
	established atomic.Bool
	copying     atomic.Bool   // CopyFrom has rows to send
	copyIn      atomic.Bool   // the server asked for rows, see messageGuard
	copyOut     atomic.Bool   // the server sent rows of a COPY during this statement
	completed   atomic.Int32  // how many statements it completed during this one
	heard       atomic.Uint64 // how often something arrived
	broken      atomic.Pointer[error]

	messages *messageGuard    // what pgx reads
	behind   backgroundReader // what messages reads from

	begin   atomic.Int32 // where a BEGIN is that a statement takes along, see carry
	opening []byte       // its messages; written while begin is beginNone
	opens   string       // the BEGIN of which they are
}

// What has become of a BEGIN that is to be sent with the next write.
const (
	beginNone    int32 = iota // there is none, or it has succeeded
	beginWaits                // to be sent
	beginSent                 // the server has answered none of its three messages
	beginParsed               // it has answered the first
	beginBound                // and the second
	beginRefused              // it has answered with an error
)

// carry has a BEGIN sent in front of what is written next. It is one of the extended
// protocol, without an end of its own: where it fails, the server runs nothing up to
// the end of the statement behind it. pgx does not see its answers.
func (t *transport) carry(sql string) {
	if t.opens == sql {
		t.begin.Store(beginWaits)
		return
	}
	t.opening, t.opens = t.opening[:0], sql
	for _, m := range []pgproto3.FrontendMessage{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}} {
		t.opening, _ = m.Encode(t.opening) // fails for messages of gigabytes alone
	}
	t.begin.Store(beginWaits)
}

// carrier is what pgx writes to instead of w, which is this connection or the TLS on it.
func (t *transport) carrier(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if t.begin.Load() != beginWaits || !t.begin.CompareAndSwap(beginWaits, beginSent) {
			return w.Write(p)
		}
		both := append(t.opening, p...)
		n, err := w.Write(both)
		own := len(t.opening)
		if cap(both) <= longestText {
			t.opening = both[:own]
		}
		return max(0, n-own), err
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// guard is what pgx reads from instead of r, which is this connection or the
// TLS on it.
func (t *transport) guard(r io.Reader) io.Reader {
	t.behind, _ = r.(backgroundReader)
	t.messages = newMessageGuard(r, t)
	return t.messages
}

// backgroundReader is what pgx reads from. Between Start and Stop it reads on its own.
type backgroundReader interface {
	Start()
	Stop()
}

// whileWriting reads what comes while much is written, and gives it when it is asked for:
// a server that has much to say, such as notifications, reads nothing before it is said.
func (t *transport) whileWriting(write func() error) error {
	if t.behind != nil {
		t.behind.Start()
		defer t.behind.Stop()
	}
	return write()
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
func (t *transport) establish() {
	t.established.Store(true)
	_ = t.SetDeadline(time.Time{}) // an error says that it is closed
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
	t.fail()
}

// fail makes every read and write fail.
func (t *transport) fail() { _ = t.SetDeadline(time.Unix(1, 0)) } // an error says that it is closed
