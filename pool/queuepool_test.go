package pool_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

var appNumber atomic.Int64

// harness is a pool on a real server, under an application name of its own so
// that the server's side can be counted.
type harness struct {
	*pool.Pool
	t   *testing.T
	url string
	app string
}

var quickLogins sync.Once

// serverURL is the server that the tests share. To log in to it takes the
// client no time.
func serverURL(t *testing.T) string {
	t.Helper()
	url := pgtest.URL(t)
	quickLogins.Do(func() { pgtest.QuickLogins(t, url) })
	return url
}

// newPool makes a pool of size and overflow; change, which may be nil, sets
// what else a test needs.
func newPool(t *testing.T, size, overflow int, change func(*pool.Config)) *harness {
	t.Helper()
	config := pool.DefaultConfig()
	config.URL = serverURL(t)
	config.PoolSize, config.MaxOverflow = size, overflow
	config.PoolTimeout = 30 * time.Second // who waits longer waits in vain
	config.ApplicationName = fmt.Sprintf("queuepool-%d", appNumber.Add(1))
	if change != nil {
		change(&config)
	}
	require.NoError(t, config.Validate())
	p, err := pool.New(config, pool.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		p.Shutdown(ctx)
	})
	return &harness{Pool: p, t: t, url: config.URL, app: config.ApplicationName}
}

func (h *harness) scope() *pool.Scope {
	return pool.NewScope(h.t.Context(), pool.NopObserver{})
}

func (h *harness) acquire() *pool.Conn {
	h.t.Helper()
	c, err := h.Acquire(h.scope(), nil)
	require.NoError(h.t, err)
	return c
}

// backends is how many connections of the pool the server has.
func (h *harness) backends() int { return pgtest.Backends(h.t, h.url, h.app) }

// terminate ends one backend and waits until the server has none of that pid.
func (h *harness) terminate(pid uint32) {
	h.t.Helper()
	admin := pgtest.Conn(h.t, h.url)
	_, err := admin.Exec(h.t.Context(), "SELECT pg_terminate_backend($1)", int64(pid))
	require.NoError(h.t, err)
	require.Eventually(h.t, func() bool {
		var n int
		row := admin.QueryRow(h.t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", int64(pid))
		require.NoError(h.t, row.Scan(&n))
		return n == 0
	}, machine, 5*time.Millisecond)
}

// terminateAll ends all backends of the pool.
func (h *harness) terminateAll() {
	h.t.Helper()
	_, err := pgtest.Conn(h.t, h.url).Exec(h.t.Context(),
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1", h.app)
	require.NoError(h.t, err)
}

// levels checks active, idle and total, the last one on the server too.
func (h *harness) levels(active, idle, total int) {
	h.t.Helper()
	s := h.Stat()
	require.Equal(h.t, [3]int{active, idle, total}, [3]int{s.Active, s.Idle, s.Total}, "active, idle, total")
	require.Equal(h.t, total, h.backends(), "backends on the server")
}

func TestStartsEmptyAndGrowsByOne(t *testing.T) {
	h := newPool(t, 2, 2, nil)
	h.levels(0, 0, 0)
	var conns []*pool.Conn
	for i := range 4 {
		conns = append(conns, h.acquire())
		h.levels(i+1, 0, i+1)
	}
	conns[0].Release()
	h.levels(3, 1, 4)
	conns[1].Release()
	h.levels(2, 2, 4)
	conns[2].Release() // two are idle already: closed
	h.levels(1, 2, 3)
	conns[3].Release()
	h.levels(0, 2, 2)
	require.EqualValues(t, 2, h.Stat().Discarded)
	require.Equal(t, 4, h.Stat().PeakActive)
	h.acquire().Release()
	require.EqualValues(t, 4, h.Stat().Connects)
}

// Point 2: what counts is how many are idle, not how many are open.
func TestKeepsOnReturnWhileFewerThanSizeAreIdle(t *testing.T) {
	h := newPool(t, 1, 3, nil)
	a, b, c := h.acquire(), h.acquire(), h.acquire()
	a.Release() // none is idle: kept, although three are open and the size is one
	h.levels(2, 1, 3)
	b.Release()
	h.levels(1, 1, 2)
	pid := a.PID()
	d := h.acquire()
	require.Equal(t, pid, d.PID(), "the idle connection serves the next checkout")
	d.Release()
	c.Release()
	h.levels(0, 1, 1)
	require.EqualValues(t, 2, h.Stat().Discarded)
	require.EqualValues(t, 3, h.Stat().Connects)
}

// Point 3.
func TestReturnIsSynchronous(t *testing.T) {
	h := newPool(t, 5, 5, nil)
	pids := map[uint32]bool{}
	for range 200 {
		c := h.acquire()
		pids[c.PID()] = true
		c.Release()
	}
	require.Len(t, pids, 1)
	h.levels(0, 1, 1)
}

// waitingConn starts an acquire that has to wait and comes back when it does.
func (h *harness) waitingConn(scope *pool.Scope) <-chan acquired {
	h.t.Helper()
	before := h.Stat().Waiting
	done := make(chan acquired, 1)
	go func() {
		c, err := h.Acquire(scope, nil)
		done <- acquired{c, err}
	}()
	require.Eventually(h.t, func() bool { return h.Stat().Waiting == before+1 }, machine, time.Millisecond)
	return done
}

type acquired struct {
	conn *pool.Conn
	err  error
}

// Point 4.
func TestWaitersAreServedInOrderWithTheReturnedConnection(t *testing.T) {
	h := newPool(t, 1, 1, nil)
	held := []*pool.Conn{h.acquire(), h.acquire()}
	var waiting []<-chan acquired
	for range 5 {
		waiting = append(waiting, h.waitingConn(h.scope()))
	}
	quitter, quit := context.WithCancel(t.Context())
	gaveUp := h.waitingConn(pool.NewScope(quitter, pool.NopObserver{}))
	last := h.waitingConn(h.scope())
	quit()
	require.ErrorIs(t, (<-gaveUp).err, pool.ErrInterrupted)
	require.Equal(t, 6, h.Stat().Waiting)

	conn := held[0]
	for i, w := range append(waiting, last) {
		pid := conn.PID()
		conn.Release()
		got := <-w
		require.NoError(t, got.err)
		require.Equal(t, pid, got.conn.PID(), "waiter %d gets the returned connection itself", i)
		require.Equal(t, 5-i, h.Stat().Waiting)
		conn = got.conn
	}
	require.EqualValues(t, 2, h.Stat().Connects, "nothing was discarded and opened again")
	conn.Release()
	held[1].Release()
	h.levels(0, 1, 1)
}

// Point 5.
func TestHandedOverConnectionIsPingedFirst(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	held := h.acquire()
	w := h.waitingConn(h.scope())
	h.terminate(held.PID())
	held.Release()
	got := <-w
	require.NoError(t, got.err)
	require.NotEqual(t, held.PID(), got.conn.PID())
	_, err := got.conn.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, h.Stat().Lost)
	h.levels(1, 0, 1)
	got.conn.Release()
}

func TestHandedOverConnectionIsRecycledFirst(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.PoolRecycle = 50 * time.Millisecond })
	held := h.acquire()
	w := h.waitingConn(h.scope())
	time.Sleep(60 * time.Millisecond)
	held.Release()
	got := <-w
	require.NoError(t, got.err)
	require.NotEqual(t, held.PID(), got.conn.PID())
	require.EqualValues(t, 1, h.Stat().Recycled)
	h.levels(1, 0, 1)
	got.conn.Release()
}

// Point 6.
func TestAgeIsLookedAtOnlyAtCheckout(t *testing.T) {
	h := newPool(t, 2, 0, func(c *pool.Config) { c.PoolRecycle = 50 * time.Millisecond })
	a := h.acquire()
	time.Sleep(60 * time.Millisecond)
	a.Release()
	h.levels(0, 1, 1) // held past its age, kept on return
	time.Sleep(60 * time.Millisecond)
	h.levels(0, 1, 1) // aged while idle, still open
	b := h.acquire()
	require.NotEqual(t, a.PID(), b.PID())
	h.levels(1, 0, 1)
	b.Release()
	require.EqualValues(t, 1, h.Stat().Recycled)
	require.EqualValues(t, 2, h.Stat().Connects)
}

func TestRecycleZeroReplacesAtEveryCheckoutButNotTheNewOne(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.PoolRecycle = 0 })
	for i := range 5 {
		h.acquire().Release()
		require.EqualValues(t, i+1, h.Stat().Connects)
		h.levels(0, 1, 1)
	}
	require.EqualValues(t, 4, h.Stat().Recycled)
}

func TestRecycleNever(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.PoolRecycle = -1 })
	a := h.acquire()
	a.Release()
	time.Sleep(20 * time.Millisecond)
	b := h.acquire()
	require.Equal(t, a.PID(), b.PID())
	b.Release()
}

// Point 7, the wait: bounded, counted, and with the pool's state in the error.
func TestTimeoutBoundsTheWaitForAPlace(t *testing.T) {
	h := newPool(t, 1, 1, func(c *pool.Config) { c.PoolTimeout = 100 * time.Millisecond })
	a, b := h.acquire(), h.acquire()
	start := time.Now()
	_, err := h.Acquire(h.scope(), nil)
	waited := time.Since(start)
	var timeout *pool.TimeoutError
	require.ErrorAs(t, err, &timeout)
	require.GreaterOrEqual(t, waited, 100*time.Millisecond)
	require.GreaterOrEqual(t, timeout.Waited, 100*time.Millisecond)
	require.Equal(t, 2, timeout.Stat.Active)
	require.Equal(t, 1, timeout.Stat.Overflow)
	for _, part := range []string{"size=1", "maxOverflow=1", "overflow=1", "active=2", "idle=0", "waiting=0", "waited="} {
		require.Contains(t, err.Error(), part)
	}
	require.EqualValues(t, 1, h.Stat().Timeouts)
	require.Zero(t, h.Stat().Waiting)
	a.Release()
	b.Release()
	h.acquire().Release()
	h.levels(0, 1, 1)
}

func TestTimeoutZeroFailsAtOnce(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.PoolTimeout = 0 })
	a := h.acquire()
	_, err := h.Acquire(h.scope(), nil)
	var timeout *pool.TimeoutError
	require.ErrorAs(t, err, &timeout)
	a.Release()
	h.acquire().Release()
}

// Point 8.
func TestReturnRollsBackAndKeepsTheBackend(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	for _, breakIt := range []bool{false, true} {
		a := h.acquire()
		_, err := a.Exec(h.scope(), "BEGIN; CREATE TABLE rolled_back (n int)", nil)
		require.NoError(t, err)
		if breakIt {
			_, err = a.Exec(h.scope(), "SELECT 1/0", nil)
			require.Error(t, err)
		}
		a.Release()
		h.levels(0, 1, 1)
		b := h.acquire()
		require.Equal(t, a.PID(), b.PID())
		res, err := b.Query(h.scope(), "SELECT to_regclass('rolled_back')::text", nil)
		require.NoError(t, err)
		require.Nil(t, res.Value(0, 0))
		b.Release()
	}
	require.EqualValues(t, 1, h.Stat().Connects)
}

// Point 9.
func TestWithoutPrePingTheDeadConnectionIsHandedOut(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.PoolPrePing = false })
	a := h.acquire()
	a.Release()
	h.terminate(a.PID())
	b := h.acquire()
	require.Equal(t, a.PID(), b.PID())
	_, err := b.Query(h.scope(), "SELECT 1", nil)
	var lost *pool.ConnectionLostError
	require.ErrorAs(t, err, &lost)
	b.Release()
	require.EqualValues(t, 1, h.Stat().Lost)
	h.levels(0, 0, 0)
	c := h.acquire()
	_, err = c.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err)
	c.Release()
	require.EqualValues(t, 1, h.Stat().Lost)
}

// A failed ping says that whatever was opened before may be dead too. Each of
// those is replaced when it is checked out.
func TestFailedPingInvalidatesEverythingOlder(t *testing.T) {
	h := newPool(t, 3, 0, nil)
	conns := []*pool.Conn{h.acquire(), h.acquire(), h.acquire()}
	for _, c := range conns {
		c.Release()
	}
	h.levels(0, 3, 3)
	h.terminate(conns[0].PID()) // the one that comes first
	fresh := h.acquire()
	h.levels(1, 2, 3)
	require.EqualValues(t, 1, h.Stat().Lost)
	require.Zero(t, h.Stat().Recycled, "nobody has asked for the others yet")
	others := []*pool.Conn{h.acquire(), h.acquire()}
	s := h.Stat()
	require.EqualValues(t, 1, s.Lost, "only one was found dead")
	require.EqualValues(t, 2, s.Recycled, "the others were replaced on suspicion")
	require.EqualValues(t, 6, s.Connects)
	fresh.Release()
	for _, c := range others {
		c.Release()
	}
	h.levels(0, 3, 3)
	next := h.acquire()
	require.Equal(t, fresh.PID(), next.PID(), "younger than the suspicion")
	next.Release() // a pool waits at its end for who holds a connection
}

func TestIdleConnectionsAreHandedOutInOrder(t *testing.T) {
	for _, lifo := range []bool{false, true} {
		h := newPool(t, 3, 0, func(c *pool.Config) { c.PoolUseLIFO = lifo })
		conns := []*pool.Conn{h.acquire(), h.acquire(), h.acquire()}
		var returned []uint32
		for _, c := range conns {
			returned = append(returned, c.PID())
			c.Release()
		}
		if lifo {
			slices.Reverse(returned)
		}
		var handedOut []uint32
		for i := range conns {
			conns[i] = h.acquire()
			handedOut = append(handedOut, conns[i].PID())
		}
		require.Equal(t, returned, handedOut, "lifo %v", lifo)
		for _, c := range conns {
			c.Release()
		}
	}
}

// The place of a lost connection is an idle one after its return, as in
// QueuePool: it counts towards poolSize, and whoever gets it connects.
func TestTheSlotOfALostConnectionIsKept(t *testing.T) {
	h := newPool(t, 1, 1, nil)
	lost, other := h.acquire(), h.acquire()
	h.terminate(lost.PID())
	_, err := lost.Query(h.scope(), "SELECT 1", nil)
	require.Error(t, err)
	lost.Release()
	h.levels(1, 0, 1)
	other.Release() // the slot is the one that poolSize keeps
	h.levels(0, 0, 0)
	require.EqualValues(t, 1, h.Stat().Discarded)
	h.acquire().Release()
	h.levels(0, 1, 1)
	require.EqualValues(t, 3, h.Stat().Connects)
}
