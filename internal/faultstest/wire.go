package faultstest

import (
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

	mu   sync.Mutex
	open map[net.Conn]struct{} // both ends of every connection
}

// NewWire puts a wire in front of the server of a postgres:// URL, on which each
// direction takes oneWay. It is gone with the test.
func NewWire(t testing.TB, target string, oneWay time.Duration) *Wire {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &Wire{listener: listener, target: u, oneWay: oneWay, open: make(map[net.Conn]struct{})}
	w.pumps.Go(w.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		w.mu.Lock()
		for conn := range w.open {
			_ = conn.Close()
		}
		w.open = nil
		w.mu.Unlock()
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

func (w *Wire) accept() {
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
		if !w.keep(client, server) {
			return
		}
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

// keep notes what has to be closed at the end. It is false when the end is over.
func (w *Wire) keep(ends ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range ends {
		if w.open == nil {
			_ = conn.Close()
			continue
		}
		w.open[conn] = struct{}{}
	}
	return w.open != nil
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
