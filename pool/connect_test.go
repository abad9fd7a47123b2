package pool_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// slowServer is a way to the server on which every connection takes a while to
// open. A delay of zero never answers. accepted hears of each.
func slowServer(t *testing.T, target string, delay time.Duration, accepted chan<- struct{}) string {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	quit := make(chan struct{})
	t.Cleanup(func() {
		close(quit)
		require.NoError(t, listener.Close())
		wg.Wait()
	})
	backend := u.Host
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			select {
			case accepted <- struct{}{}:
			default: // nobody wants to know
			}
			wg.Go(func() { forward(client, backend, delay, quit) })
		}
	})
	u.Host = listener.Addr().String()
	return u.String()
}

func forward(client net.Conn, backend string, delay time.Duration, quit chan struct{}) {
	defer client.Close() //nolint:errcheck // a test's proxy
	var after <-chan time.Time
	if delay > 0 {
		after = time.After(delay)
	}
	select {
	case <-after:
	case <-quit:
		return
	}
	server, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // a test's proxy
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}

// Point 7, the connecting: it has a limit of its own.
func TestConnectingIsNotBoundByPoolTimeout(t *testing.T) {
	accepted := make(chan struct{}, 10)
	h := newPool(t, 1, 0, func(c *pool.Config) {
		c.URL = slowServer(t, c.URL, 600*time.Millisecond, accepted)
		c.PoolTimeout = 200 * time.Millisecond
	})
	done := make(chan acquired, 1)
	go func() {
		c, err := h.Acquire(h.scope(), nil)
		done <- acquired{c, err}
	}()
	<-accepted // it connects
	require.Eventually(t, func() bool { _, err := h.Acquire(h.scope(), nil); return isTimeout(err) }, 5*time.Second, time.Millisecond,
		"a connection that is being opened holds its place")
	require.Zero(t, h.Stat().Active, "nobody has it yet")
	got := <-done
	require.NoError(t, got.err)
	require.Equal(t, 1, h.Stat().Active)
	got.conn.Release()
}

func isTimeout(err error) bool {
	_, ok := err.(*pool.TimeoutError) //nolint:errorlint // returned as it is
	return ok
}

func TestRefusedConnectGivesItsPlaceBackAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = "postgres://me:secret@" + address + "/db?sslmode=disable" })
	for range 3 {
		_, err := h.Acquire(h.scope(), nil)
		var connect *pool.ConnectError
		require.ErrorAs(t, err, &connect)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "\n")
		s := h.Stat()
		require.Equal(t, [3]int{0, 0, 0}, [3]int{s.Active, s.Total, s.Waiting})
	}
}

func TestSilentServerIsAConnectErrorWithinConnectTimeout(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) {
		c.URL = strings.Replace(slowServer(t, c.URL, 0, nil), "sslmode=disable", "sslmode=prefer", 1)
		c.ConnectTimeout = time.Second
	})
	start := time.Now()
	_, err := h.Acquire(h.scope(), nil)
	took := time.Since(start)
	var connect *pool.ConnectError
	require.ErrorAs(t, err, &connect)
	require.GreaterOrEqual(t, took, time.Second)
	require.Less(t, took, 1900*time.Millisecond, "the limit spans all that pgx tries, without and with TLS")
}

// An iteration that is cut off while it connects leaves the connection to the
// next in line.
func TestInterruptedConnectServesTheNext(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = slowServer(t, c.URL, 300*time.Millisecond, nil) })
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := h.Acquire(pool.NewScope(ctx, pool.NopObserver{}), nil)
		first <- err
	}()
	time.Sleep(50 * time.Millisecond)
	waiting := h.waitingConn(h.scope())
	cancel()
	require.ErrorIs(t, <-first, pool.ErrInterrupted)
	got := <-waiting
	require.NoError(t, got.err)
	require.EqualValues(t, 1, h.Stat().Connects)
	h.levels(1, 0, 1)
	got.conn.Release()
}

// A connection whose opener was cut off waits among the idle ones, and is
// tested like any of them when its time comes.
func TestConnectionOpenedForNobodyIsPingedAtCheckout(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = slowServer(t, c.URL, 300*time.Millisecond, nil) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := h.Acquire(pool.NewScope(ctx, pool.NopObserver{}), nil)
	require.ErrorIs(t, err, pool.ErrInterrupted)
	require.Eventually(t, func() bool { return h.Stat().Idle == 1 }, 10*time.Second, 5*time.Millisecond)
	h.terminateAll()
	_, err = h.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, h.Stat().Lost)
	h.levels(0, 1, 1)
}
