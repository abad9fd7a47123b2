package pool

import (
	"context"
	"errors"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// newUnit is a pool of one connection whose parts a test calls one by one.
func newUnit(t *testing.T) (*Pool, *Scope) {
	t.Helper()
	config := DefaultConfig()
	config.URL, config.PoolSize, config.MaxOverflow = pgtest.URL(t), 1, 0
	p, err := New(config, Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		p.Shutdown(ctx)
	})
	return p, NewScope(t.Context(), NopObserver{})
}

// A checkout that took its idle connection before Close has it, and Close
// leaves it alone; it is closed on return.
func TestCloseLeavesTheConnectionOfACheckoutUnderWay(t *testing.T) {
	p, s := newUnit(t)
	_, err := p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	g := p.place(s, time.Now(), nil)
	require.NotNil(t, g.connection)
	p.Close()
	require.False(t, g.connection.pgx.IsClosed())
	require.Equal(t, 1, p.Stat().Active)
	p.giveBack(g.connection, NopObserver{})
	require.True(t, g.connection.pgx.IsClosed())
	require.EqualValues(t, 1, p.Stat().Connects)
	require.Zero(t, p.Stat().Total)
	require.Zero(t, p.Stat().Active)
}

// Either end of the list can be taken, however the ring has turned, and a slot
// without a connection counts as one of its entries.
func TestIdleListGivesTheOldestOrTheNewest(t *testing.T) {
	l := newIdleList(3)
	take := func(newest bool) *connection {
		c, ok := l.take(newest)
		require.True(t, ok)
		return c
	}
	a, b := &connection{}, &connection{}
	for range 4 { // the ring turns each time
		for _, c := range []*connection{a, nil, b} {
			require.True(t, l.put(c))
		}
		require.False(t, l.put(&connection{}), "it is full")
		require.Equal(t, [2]int{3, 2}, [2]int{l.n, l.open})
		require.Same(t, a, take(false))
		require.Same(t, b, take(true))
		require.True(t, l.put(a))
		require.Nil(t, take(false))
		require.Same(t, a, take(true))
		require.Equal(t, [2]int{0, 0}, [2]int{l.n, l.open})
		_, ok := l.take(true)
		require.False(t, ok)
	}
	require.Equal(t, []*connection{nil, nil, nil}, l.ring, "what was taken is not kept from the collector")
}

// depthConn notes how far down the stack it is read from.
type depthConn struct {
	net.Conn
	at uintptr
}

func (c *depthConn) Read(b []byte) (int, error) {
	var here byte
	c.at = uintptr(unsafe.Pointer(&here))
	return c.Conn.Read(b)
}

// A user's stack is 8 KiB where k6 alone runs, of which 928 bytes are Go's own. k6 and
// the module need 3512 of them to come to Query, the network below Read 456. Beyond
// that it doubles for good: 10,000 users would take 80 MiB more.
func TestAStatementNeedsNoLargerStack(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	if !ok || runtime.GOARCH != "amd64" || testing.CoverMode() != "" || slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-race" || s.Key == "-gcflags"
	}) {
		t.Skip("frames have other sizes: another processor, or a build for tools")
	}
	p, s := newUnit(t)
	_, err := p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	c := p.openConnections(nil)[0]
	conn := &depthConn{Conn: c.transport.Conn}
	c.transport.Conn = conn
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would shrink the stack
	runtime.GC()                                     // ends one that is under way
	growStack(50)                                    // it must not move meanwhile
	var here byte
	_, err = p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	const room = 8192 - 928 - 3512 - 456
	require.Less(t, int(uintptr(unsafe.Pointer(&here))-conn.at), room)
}

//go:noinline
func growStack(n int) byte {
	var frame [1024]byte
	if n > 0 {
		frame[n] = growStack(n - 1)
	}
	return frame[n]
}

// The resolver's own patience is longer than connectTimeout.
func TestConnectTimeoutBoundsTheNameLookup(t *testing.T) {
	p, _ := newUnit(t)
	p.config.ConnectTimeout = 10 * time.Millisecond
	p.connConfig = p.connConfig.Copy()
	p.connConfig.LookupFunc = func(ctx context.Context, _ string) ([]string, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Second):
			return nil, errors.New("nobody stopped it")
		}
	}
	attempt, _ := p.attempt()
	_, err := attempt.LookupFunc(t.Context(), "nowhere.example")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// pgx sends a cancel request where a server hangs up before the pool has the connection,
// and may be at the next host already: the request is no attempt to connect.
func TestACancelRequestIsNoAttemptToConnect(t *testing.T) {
	p, _ := newUnit(t)
	config, dialer := p.attempt()
	conn, err := pgx.ConnectConfig(context.WithValue(t.Context(), connecting{}, true), config)
	require.NoError(t, err)
	attempt := dialer.current
	require.NoError(t, conn.PgConn().CancelRequest(t.Context()))
	require.Same(t, attempt, dialer.current)
	require.Same(t, attempt, conn.PgConn().Conn())
	require.NoError(t, conn.Close(t.Context()))
}

// With poolRecycle 0 nobody gets a connection of another's, not even one that was opened
// and returned between the beginning of a checkout and its turn.
func TestRecycleZeroReplacesWhatIsNewerThanTheCheckout(t *testing.T) {
	p, s := newUnit(t)
	began := time.Now()
	_, err := p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	c := p.openConnections(nil)[0]
	for limit, want := range map[time.Duration]CloseReason{0: CloseRecycle, time.Hour: "", -1: ""} {
		p.config.PoolRecycle = limit
		reason, err := p.check(s, c, began)
		require.NoError(t, err)
		require.Equal(t, want, reason, limit)
	}
}

// A checkout that is cut off during its ping leaves the connection, which is as good
// as before, and its place to the next.
func TestInterruptedPingKeepsTheConnection(t *testing.T) {
	p, s := newUnit(t)
	_, err := p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	quick := p.traffic.ping
	p.traffic.ping = []string{"SELECT pg_sleep(600)"}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := p.Query(NewScope(ctx, NopObserver{}), "SELECT 1", nil)
		failed <- err
	}()
	server, pid := pgtest.Conn(t, p.config.URL), p.openConnections(nil)[0].pgx.PgConn().PID()
	require.Eventually(t, func() bool {
		var pinging bool
		row := server.QueryRow(t.Context(), "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1", int64(pid))
		return row.Scan(&pinging) == nil && pinging
	}, 20*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, ErrInterrupted)
	p.traffic.ping = quick
	_, err = p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	stat := p.Stat()
	require.Equal(t, [3]int64{1, 0, 0}, [3]int64{stat.Connects, stat.Lost, int64(stat.Active)})
}

// A statement that the pool gave up says which limit it was, where the server has
// ended it without a word of its own.
func TestCanceledForSilenceSaysSo(t *testing.T) {
	p, s := newUnit(t)
	c, err := p.Acquire(s, nil)
	require.NoError(t, err)
	p.config.StatementTimeout, p.config.ConnectTimeout = 100*time.Millisecond, 200*time.Millisecond // the server knows of none
	_, err = c.Exec(s, "SELECT pg_sleep(600)", nil)
	p.config.ConnectTimeout = 10 * time.Second
	var canceled *QueryError
	require.ErrorAs(t, err, &canceled)
	require.Equal(t, queryCanceled, canceled.Code)
	require.ErrorContains(t, err, "; the pool canceled it after 300ms without an answer (statementTimeout + connectTimeout)")
	c.Release()
	require.Equal(t, 1, p.Stat().Idle)
}

// waiting is a server that is asked in vain.
type waiting struct{ err chan error }

func (w waiting) Working(ctx context.Context, _ uint32, _ time.Duration) bool {
	<-ctx.Done()
	w.err <- ctx.Err()
	return true
}

func (w waiting) Connected() bool { return true }

// Whoever asks the server about a silent statement stops when the pool has ended.
func TestTheEndOfThePoolEndsAQuestion(t *testing.T) {
	w := waiting{make(chan error, 1)}
	config := DefaultConfig()
	config.URL = pgtest.URL(t)
	p, err := New(config, Options{Watch: w})
	require.NoError(t, err)
	c, err := p.Acquire(NewScope(t.Context(), NopObserver{}), nil)
	require.NoError(t, err)
	asked := make(chan bool, 1)
	go func() { asked <- p.isWorking(c.connection) }()
	p.Close()
	c.Release()
	require.True(t, <-asked)
	require.ErrorIs(t, <-w.err, context.Canceled, "and not when connectTimeout is over")
	p.Shutdown(t.Context())
}
