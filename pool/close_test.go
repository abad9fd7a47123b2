package pool_test

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Nothing is left of closed pools: neither of one that was never used, nor of
// one that was in use when it was closed, after the last return.
func TestClosedPoolsLeaveNoGoroutine(t *testing.T) {
	const pools = 200
	config := pool.DefaultConfig()
	config.URL, config.LeakDetectionThreshold = serverURL(t), time.Minute
	before := runtime.NumGoroutine() // the server's own are among them
	held := make([]*pool.Conn, 0, pools)
	for i := range 2 * pools {
		p, err := pool.New(config, pool.Options{})
		require.NoError(t, err)
		if i%(2*pools/10) == 0 { // a few of them connect
			c, err := p.Acquire(pool.NewScope(t.Context(), pool.NopObserver{}), nil)
			require.NoError(t, err)
			held = append(held, c)
		}
		p.Close()
	}
	require.Greater(t, runtime.NumGoroutine(), before, "pools in use still have what ends statements")
	for _, c := range held {
		_, err := c.Query(pool.NewScope(t.Context(), pool.NopObserver{}), "SELECT 1", nil)
		require.NoError(t, err, "a connection in use works after Close")
		c.Release()
	}
	deadline := time.Now().Add(machine)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// Who waits for a place or for a connection learns at once that the pool is closed,
// and by whom: a script, or the end of its test.
func TestCloseEndsTheWaits(t *testing.T) {
	for want, end := range map[string]func(*harness){
		"is closed: create it before the test":       func(h *harness) { h.Close() },
		"has ended with its test: use it in the def": func(h *harness) { h.Shutdown(context.Background()) },
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = "postgres://u:p@" + listener.Addr().String() + "/d?sslmode=disable" })
		connecting := make(chan error, 1)
		go func() {
			_, err := h.Query(h.scope(), "SELECT 1", nil)
			connecting <- err
		}()
		server, err := listener.Accept()
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		waiting := h.waitingConn(h.scope())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			end(h)
		}()
		require.ErrorContains(t, (<-waiting).err, want)
		require.NoError(t, server.Close())
		require.ErrorContains(t, <-connecting, want, "that the server hung up is of no interest any more")
		<-ended
		_, err = h.Exec(h.scope(), "SELECT 1", nil)
		var misuse *pool.QueryError
		require.ErrorAs(t, err, &misuse)
		require.Empty(t, misuse.Code)
		require.ErrorContains(t, err, want)
		require.Zero(t, h.Stat().Active)
	}
}

// What runs is canceled on the server, and what is idle is left alone.
func TestCancelStatementsEndsWhatRuns(t *testing.T) {
	h := newPool(t, 3, 0, nil)
	idle := h.acquire()
	failed := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := h.Query(h.scope(), "SELECT pg_sleep(600)", nil)
			failed <- err
		}()
	}
	watcher := pgtest.Conn(t, h.url)
	require.Eventually(t, func() bool {
		var n int
		row := watcher.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'", h.app)
		return row.Scan(&n) == nil && n == 2
	}, machine, 5*time.Millisecond)
	h.CancelStatements(t.Context())
	for range 2 {
		var canceled *pool.QueryError
		require.ErrorAs(t, <-failed, &canceled)
		require.Equal(t, "57014", canceled.Code)
	}
	_, err := idle.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err)
	idle.Release()
	h.levels(0, 3, 3)
}
