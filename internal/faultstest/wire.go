package faultstest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Wire is a way to a server that counts round trips and lets everything take
// its time. It is safe for concurrent use.
type Wire struct {
	listener net.Listener
	target   *url.URL
	oneWay   time.Duration
	trips    atomic.Int64
	pumps    sync.WaitGroup
}

// NewWire puts a wire in front of the server of a postgres:// URL, on which each
// direction takes oneWay. It is gone with the test.
func NewWire(t testing.TB, target string, oneWay time.Duration) *Wire {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &Wire{listener: listener, target: u, oneWay: oneWay}
	ctx, cut := context.WithCancel(context.Background())
	w.pumps.Go(func() { w.accept(ctx) })
	t.Cleanup(func() {
		_ = listener.Close()
		cut()
		w.pumps.Wait()
	})
	return w
}

// URL is the server's URL by way of the wire.
func (w *Wire) URL() string {
	u := *w.target
	u.Host = w.listener.Addr().String()
	return u.String()
}

// RoundTrips is how often a client has sent something and the server answered.
func (w *Wire) RoundTrips() int { return int(w.trips.Load()) }

// accept connects clients to the server, up to the end of ctx.
func (w *Wire) accept(ctx context.Context) {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.target.Host)
		if err != nil {
			_ = client.Close()
			continue
		}
		context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
		var asked atomic.Bool
		w.pumps.Go(func() { w.pump(client, server, func() { asked.Store(true) }) })
		w.pumps.Go(func() {
			w.pump(server, client, func() {
				if asked.Swap(false) {
					w.trips.Add(1)
				}
			})
		})
	}
}

// chunk is what arrived at a time.
type chunk struct {
	due  time.Time
	data []byte
}

// pump carries everything from one end to the other, up to the end. seen is
// called for each piece before it is sent on.
func (w *Wire) pump(from, to net.Conn, seen func()) {
	onTheWay := make(chan chunk, 1024)
	w.pumps.Go(func() {
		for c := range onTheWay {
			time.Sleep(time.Until(c.due))
			if _, err := to.Write(c.data); err != nil {
				break
			}
		}
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
		for range onTheWay { //nolint:revive // what cannot be sent is dropped, so that the reader ends
		}
	})
	defer close(onTheWay)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			seen()
			onTheWay <- chunk{time.Now().Add(w.oneWay), append([]byte(nil), buffer[:n]...)}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = to.Close() // a reset is passed on as an end
			}
			return
		}
	}
}
