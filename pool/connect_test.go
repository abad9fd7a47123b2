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

// gate is a way to the server that connections pass when it is opened.
type gate struct {
	url     string
	arrived chan struct{} // hears of each connection, up to some
	opened  chan struct{}
}

func (g *gate) open() { close(g.opened) }

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{arrived: make(chan struct{}, 10), opened: make(chan struct{})}
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
			case g.arrived <- struct{}{}:
			default: // nobody wants to know
			}
			wg.Go(func() { g.forward(client, backend, quit) })
		}
	})
	u.Host = listener.Addr().String()
	g.url = u.String()
	return g
}

func (g *gate) forward(client net.Conn, backend string, quit chan struct{}) {
	defer client.Close() //nolint:errcheck // a test's proxy
	select {
	case <-g.opened:
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

// newGated is a pool of one connection behind a gate.
func newGated(t *testing.T, change func(*pool.Config)) (*harness, *gate) {
	t.Helper()
	var g *gate
	h := newPool(t, 1, 0, func(c *pool.Config) {
		g = newGate(t, c.URL)
		c.URL = g.url
		if change != nil {
			change(c)
		}
	})
	return h, g
}

// acquireSoon is an Acquire that is under way when it comes back.
func (g *gate) acquireSoon(h *harness, s *pool.Scope) <-chan acquired {
	done := make(chan acquired, 1)
	go func() {
		c, err := h.Acquire(s, nil)
		done <- acquired{c, err}
	}()
	<-g.arrived
	return done
}

// Point 7, the connecting: it has a limit of its own.
func TestConnectingIsNotBoundByPoolTimeout(t *testing.T) {
	h, g := newGated(t, func(c *pool.Config) { c.PoolTimeout = 100 * time.Millisecond })
	connecting := g.acquireSoon(h, h.scope())
	_, err := h.Acquire(h.scope(), nil)
	var timeout *pool.TimeoutError
	require.ErrorAs(t, err, &timeout, "a connection that is being opened holds its place")
	require.ErrorContains(t, err, "active=1, opening=1, idle=0, waiting=0, waited=")
	require.ErrorContains(t, err, "find out why the server is slow")
	require.Equal(t, 1, h.Stat().Active, "its place is taken")
	g.open()
	got := <-connecting
	require.NoError(t, got.err)
	require.Equal(t, 1, h.Stat().Active)
	got.conn.Release()
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
	t.Parallel()
	const limit = 2 * time.Second
	h, _ := newGated(t, func(c *pool.Config) {
		c.URL = strings.Replace(c.URL, "sslmode=disable", "sslmode=prefer", 1)
		c.ConnectTimeout = limit
	})
	start := time.Now()
	_, err := h.Acquire(h.scope(), nil)
	took := time.Since(start)
	var connect *pool.ConnectError
	require.ErrorAs(t, err, &connect)
	require.GreaterOrEqual(t, took, limit)
	require.Less(t, took, 2*limit, "the limit spans all that pgx tries, without and with TLS")
}

// Of several hosts the silent one leaves the others time to answer.
func TestASilentHostLeavesTimeForTheNext(t *testing.T) {
	t.Parallel()
	h := newPool(t, 1, 0, func(c *pool.Config) {
		silent, err := url.Parse(newGate(t, c.URL).url)
		require.NoError(t, err)
		c.URL = strings.Replace(c.URL, "@", "@"+silent.Host+",", 1)
		c.ConnectTimeout = 4 * time.Second
	})
	_, err := h.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err)
}

// An iteration that is cut off while it connects leaves the connection to the
// next in line.
func TestInterruptedConnectServesTheNext(t *testing.T) {
	h, g := newGated(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	first := g.acquireSoon(h, pool.NewScope(ctx, pool.NopObserver{}))
	waiting := h.waitingConn(h.scope())
	cancel()
	require.ErrorIs(t, (<-first).err, pool.ErrInterrupted)
	g.open()
	got := <-waiting
	require.NoError(t, got.err)
	require.EqualValues(t, 1, h.Stat().Connects)
	h.levels(1, 0, 1)
	got.conn.Release()
}

// A connection whose opener was cut off waits among the idle ones, and is
// tested like any of them when its time comes.
func TestConnectionOpenedForNobodyIsPingedAtCheckout(t *testing.T) {
	h, g := newGated(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	first := g.acquireSoon(h, pool.NewScope(ctx, pool.NopObserver{}))
	cancel()
	require.ErrorIs(t, (<-first).err, pool.ErrInterrupted)
	g.open()
	require.Eventually(t, func() bool { return h.Stat().Idle == 1 }, machine, 5*time.Millisecond)
	h.terminateAll()
	_, err := h.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, h.Stat().Lost)
	h.levels(0, 1, 1)
}

// onConnect is run once for each connection, before anybody else is, and what it
// refuses is no connection.
func TestOnConnect(t *testing.T) {
	t.Parallel()
	h := newPool(t, 1, 0, func(c *pool.Config) {
		c.OnConnect = "SET jit = off; SET search_path = pg_catalog, mine"
		c.PoolRecycle = 100 * time.Millisecond
	})
	path := func() string {
		res, err := h.Query(h.scope(), "SELECT current_setting('search_path'), current_setting('jit')", nil)
		require.NoError(t, err)
		return string(res.Value(0, 0)) + " " + string(res.Value(0, 1))
	}
	require.Equal(t, "pg_catalog, mine off", path())
	c := h.acquire()
	_, err := c.Exec(h.scope(), "SET jit = on", nil)
	require.NoError(t, err)
	c.Release()
	require.Equal(t, "pg_catalog, mine on", path(), "neither ping nor return repeats it")
	time.Sleep(150 * time.Millisecond)
	require.Equal(t, "pg_catalog, mine off", path(), "one that replaces another has it anew")
	require.EqualValues(t, 1, h.Stat().Recycled)

	for sql, want := range map[string]string{
		"SET nothing.like = 1; SELEKT":  "onConnect: ERROR: syntax error",
		"BEGIN":                         "onConnect: it leaves a transaction open",
		"SELECT pg_sleep(30)":           "onConnect: ",
		"SELECT 'secret' FROM no_table": "onConnect: ERROR: relation \"no_table\" does not exist",
	} {
		h := newPool(t, 1, 0, func(c *pool.Config) { c.OnConnect, c.ConnectTimeout = sql, 3*time.Second })
		_, err := h.Acquire(h.scope(), nil)
		var refused *pool.ConnectError
		require.ErrorAs(t, err, &refused, sql)
		require.Contains(t, err.Error(), want)
		require.Contains(t, err.Error(), "; every connection begins with onConnect (DB_ON_CONNECT): check its SQL")
		require.NotContains(t, err.Error()+h.Config().String(), "secret")
		h.levels(0, 0, 0)
		require.Eventually(t, func() bool { return h.backends() == 0 }, machine, 10*time.Millisecond)
	}
}
