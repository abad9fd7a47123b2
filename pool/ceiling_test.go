package pool_test

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// The load of the tests for the ceiling: users per pool of ceilingSize +
// ceilingOverflow connections.
const (
	ceilingUsers    = 200
	ceilingSize     = 5
	ceilingOverflow = 5
)

// ceilingVariable is how long each of the tests for the ceiling puts its pool
// under load, such as "60s".
const ceilingVariable = "XK6_PGXPOOL_CEILING"

func ceilingDuration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(ceilingVariable)
	if text == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, ceilingVariable)
	return d
}

// ceiling is a server on which nobody is but the pools under test, and its own
// count of what they have there.
type ceiling struct {
	t      *testing.T
	server *embedded.Server
	now    atomic.Pointer[pool.Pool] // the pool that the users use

	most    int
	samples atomic.Int64
	done    atomic.Int64 // statements that succeeded
}

func newCeiling(t *testing.T) *ceiling {
	t.Helper()
	c := &ceiling{t: t, server: pgtest.Server(t, embedded.Config{})}
	pgtest.QuickLogins(t, c.server.URL())
	c.open()
	return c
}

// open makes the pool that the users use from now on.
func (c *ceiling) open() {
	c.t.Helper()
	h := newPool(c.t, ceilingSize, ceilingOverflow, func(config *pool.Config) {
		config.URL = c.server.URL()
		config.PoolTimeout = 200 * time.Millisecond
		config.StatementTimeout = 100 * time.Millisecond
	})
	c.now.Store(h.Pool)
}

// load has the users work, and counts on the server, while disturb is called
// again and again: twice at least, and until the time is over. Between calls
// some work gets done.
func (c *ceiling) load(disturb func()) {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	over := time.Now().Add(ceilingDuration(c.t))
	var wg sync.WaitGroup
	for range ceilingUsers {
		wg.Go(func() {
			for ctx.Err() == nil {
				c.use(ctx)
			}
		})
	}
	wg.Go(func() { c.sample(ctx) })
	for n := 0; n < 2 || time.Now().Before(over); n++ {
		done, samples := c.done.Load(), c.samples.Load()
		require.Eventually(c.t, func() bool {
			return c.done.Load() >= done+10 && c.samples.Load() >= samples+10
		}, 6*machine, 10*time.Millisecond)
		disturb()
	}
	stop()
	wg.Wait()
	c.t.Logf("%d samples, at most %d backends, %d statements succeeded", c.samples.Load(), c.most, c.done.Load())
	require.LessOrEqual(c.t, c.most, ceilingSize+ceilingOverflow)
	require.Greater(c.t, c.most, ceilingSize, "the load reached into the overflow")
}

// works wants the pool to serve again. What those who were cut off have left
// unfinished, such as a connect, may still have every place for poolTimeout.
func (c *ceiling) works() {
	c.t.Helper()
	s := pool.NewScope(c.t.Context(), pool.NopObserver{})
	require.EventuallyWithT(c.t, func(t *assert.CollectT) {
		_, err := c.now.Load().Query(s, "SELECT 1", nil)
		require.NoError(t, err)
	}, machine, 10*time.Millisecond)
}

// use is an iteration that k6 may cut off at any time, and whose statement may
// run into its timeout.
func (c *ceiling) use(ctx context.Context) {
	cut := time.Duration(1+rand.IntN(250)) * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, cut)
	defer cancel()
	// Whether it succeeds, times out or is cut off is all the same here.
	if _, err := c.now.Load().Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT pg_sleep(random() * 0.15)", nil); err == nil {
		c.done.Add(1)
		return
	}
	time.Sleep(time.Millisecond) // a pool that is closed says so at once
}

// sample counts every 10 ms, on a connection that it opens again when the
// server is back.
func (c *ceiling) sample(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var conn *pgx.Conn
	for ctx.Err() == nil {
		if conn == nil || conn.IsClosed() {
			conn, _ = pgx.Connect(ctx, c.server.URL()+"&application_name="+watcher) // nil while the server is down
		}
		if n, err := count(conn); err == nil {
			c.samples.Add(1)
			c.most = max(c.most, n)
		}
		<-tick.C
	}
	if conn != nil {
		_ = conn.Close(context.Background())
	}
}

// watcher is the name of connections that do not count.
const watcher = "pgtest"

// count is how many client connections the server has beside those that watch,
// whatever their names: those that are still being opened have none.
func count(conn *pgx.Conn) (n int, err error) {
	if conn == nil {
		return 0, pgx.ErrNoRows
	}
	err = conn.QueryRow(context.Background(),
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> $1", watcher).Scan(&n)
	return n, err
}

// The ceiling is the server's count, at every moment, whatever is cut off or
// killed meanwhile.
func TestServerNeverHoldsMoreThanTheCeiling(t *testing.T) {
	c := newCeiling(t)
	admin := pgtest.Conn(t, c.server.URL())
	c.load(func() {
		_, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name LIKE 'queuepool-%' LIMIT 1`)
		require.NoError(t, err)
	})
	p := c.now.Load()
	require.Eventually(t, func() bool { s := p.Stat(); return s.Active == 0 && s.Waiting == 0 && s.Total == s.Idle }, machine, 10*time.Millisecond)
	n, err := count(pgtest.Conn(t, c.server.URL()))
	require.NoError(t, err)
	require.LessOrEqual(t, n, p.Stat().Total, "some may have been killed while idle, which is found out at checkout")
	c.works()
}

func TestCeilingHoldsWhileTheServerRestarts(t *testing.T) {
	c := newCeiling(t)
	restarts := 0
	c.load(func() {
		require.NoError(t, c.server.Restart(t.Context(), []string{"fast", "immediate"}[restarts%2]))
		restarts++
	})
	t.Logf("%d restarts", restarts)
	c.works()
}

// A pool that has been shut down leaves the server to the next one.
func TestCeilingHoldsWhilePoolsAreClosed(t *testing.T) {
	c := newCeiling(t)
	admin := pgtest.Conn(t, c.server.URL())
	closed := 0
	c.load(func() {
		limit, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20))*time.Millisecond)
		c.now.Load().Shutdown(limit)
		cancel()
		closed++
		n, err := count(admin)
		require.NoError(t, err)
		require.Zero(t, n, "after %d pools", closed)
		c.open()
	})
	t.Logf("%d pools closed", closed)
}

// What is in the middle of something when its time is up is ended on the
// server too before Shutdown comes back: a statement, a connection that is
// held, one that nobody uses.
func TestShutdownLeavesNothingOnTheServer(t *testing.T) {
	t.Parallel()
	for range 2 {
		h := newPool(t, 15, 0, nil)
		var conns []*pool.Conn
		for range 15 {
			conns = append(conns, h.acquire())
		}
		var wg sync.WaitGroup
		for i, c := range conns {
			switch i % 3 {
			case 0:
				wg.Go(func() {
					_, err := c.Query(h.scope(), "SELECT pg_sleep(600)", nil)
					require.Error(t, err)
					c.Release()
				})
			case 1: // held until after the end
				defer c.Release()
			case 2:
				c.Release()
			}
		}
		limit, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		admin := pgtest.Conn(t, h.url)
		h.Shutdown(limit)
		cancel()
		var left int
		require.NoError(t, admin.QueryRow(t.Context(),
			"SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", h.app).Scan(&left))
		require.Zero(t, left)
		wg.Wait()
	}
}

// Users who all arrive at once open what the pool may have and nothing more, however
// many they are: who waits is handed a connection that another returns.
func TestManyUsersAtOnceOpenThePoolOnce(t *testing.T) {
	const users = 1000
	h := newPool(t, 2, 4, func(c *pool.Config) { c.PoolTimeout, c.PoolPrePing = 2*time.Minute, false })
	var held []*pool.Conn
	for range 6 {
		held = append(held, h.acquire())
	}
	var failed atomic.Int64
	var wg sync.WaitGroup
	for range users {
		wg.Go(func() {
			if _, err := h.Query(h.scope(), "SELECT 1", nil); err != nil {
				failed.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return h.Stat().Waiting == users }, time.Minute, 5*time.Millisecond)
	for _, c := range held {
		c.Release()
	}
	wg.Wait()
	require.Zero(t, failed.Load())
	require.EqualValues(t, 6, h.Stat().Connects)
	require.EqualValues(t, 6+users, h.Stat().Acquires)
	require.LessOrEqual(t, h.Stat().Discarded, int64(4))
}
