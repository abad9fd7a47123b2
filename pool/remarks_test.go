package pool_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// remarks keeps what a pool says once.
type remarks struct {
	pool.NopObserver
	mu       sync.Mutex
	notified int
	nested   []string
	leaked   []string
	heldLong chan string // where it was taken; nil: nobody wants to know
}

func (o *remarks) Notified(time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notified++
}

func (o *remarks) Nested(_ time.Time, held, second string, waits bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if waits {
		second += ", which waits"
	}
	o.nested = append(o.nested, held+" then "+second)
}

func (o *remarks) Leaked(_ time.Time, origin string, held time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if held > 0 {
		o.leaked = append(o.leaked, origin)
	}
}

func (o *remarks) HeldLong(_ time.Time, origin string, held time.Duration) {
	if held > 0 && o.heldLong != nil {
		o.heldLong <- origin
	}
}

// A connection that is held for long is reported while it is held, and one that its
// owner forgot when it is taken from him: once, and before it is back.
func TestLeaksAreReportedWithTheirPlace(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.LeakDetectionThreshold = time.Millisecond })
	seen := remarks{heldLong: make(chan string, 10)}
	s := pool.NewScope(t.Context(), &seen)
	for _, test := range []struct {
		origin func() string
		place  string
	}{{func() string { return "script.js:7" }, "script.js:7"}, {nil, "an unknown place"}} {
		seen.leaked = nil
		c, err := h.Acquire(s, test.origin)
		require.NoError(t, err)
		require.Equal(t, test.place, <-seen.heldLong)
		before := h.Stat().Leaks
		for range 2 {
			c.Leak()
			c.Release()
			require.Equal(t, []string{test.place}, seen.leaked)
			require.Equal(t, before+1, h.Stat().Leaks)
		}
		h.levels(0, 1, 1)
	}
	c, err := h.Acquire(s, nil)
	require.NoError(t, err)
	c.Release()
	c.Leak()
	require.EqualValues(t, 2, h.Stat().Leaks, "what was returned is no leak")
}

func TestNotificationsAreDroppedAndReportedOnce(t *testing.T) {
	config := pool.DefaultConfig()
	config.URL, config.PoolSize, config.MaxOverflow = serverURL(t), 1, 0
	var seen remarks
	p, err := pool.New(config, pool.Options{Observer: &seen})
	require.NoError(t, err)
	defer p.Shutdown(t.Context())
	s := pool.NewScope(t.Context(), pool.NopObserver{})
	_, err = p.Exec(s, "LISTEN dropped", nil)
	require.NoError(t, err)
	require.Zero(t, seen.notified)
	for range 3 {
		_, err = p.Exec(s, "NOTIFY dropped, 'x'", nil)
		require.NoError(t, err)
	}
	require.Equal(t, 1, seen.notified)
}

// A scope that holds a connection with a transaction and asks for a second one
// is reported with both places, and so is one that has to wait for it.
func TestNestedCheckoutIsReportedWithBothPlaces(t *testing.T) {
	h := newPool(t, 2, 0, func(c *pool.Config) { c.PoolTimeout = 50 * time.Millisecond })
	var seen remarks
	s := pool.NewScope(t.Context(), &seen)
	s.Caller = func() string { return "query" }
	at := func(place string) func() string { return func() string { return place } }

	_, err := h.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	first, err := h.Acquire(s, at("first"))
	require.NoError(t, err)
	_, err = h.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	require.Empty(t, seen.nested, "neither waits nor is a transaction open")
	for _, sql := range []string{"", "ROLLBACK"} { // a BEGIN that was never sent, and a script's own end
		tx, err := first.Transaction(s, pool.TransactionOptions{}, 0)
		require.NoError(t, err)
		if sql != "" {
			_, err = first.Exec(s, sql, nil)
			require.NoError(t, err)
		}
		tx.Rollback()
		_, err = h.Query(s, "SELECT 1", nil)
		require.NoError(t, err)
		require.Empty(t, seen.nested, "the transaction is over")
	}
	require.NoError(t, first.Begin(s))
	for range 2 {
		_, err = h.Query(s, "SELECT 1", nil)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"first then query"}, seen.nested)
	second := h.acquire() // by another scope
	_, err = h.Acquire(s, at("second"))
	var timeout *pool.TimeoutError
	require.ErrorAs(t, err, &timeout)
	require.Equal(t, []string{"first then query", "first then second, which waits"}, seen.nested)
	first.Release()
	second.Release()
	_, err = h.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	require.Len(t, seen.nested, 2)

	other := newPool(t, 1, 0, nil)
	first, err = h.Acquire(s, at("first"))
	require.NoError(t, err)
	_, err = other.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	require.Len(t, seen.nested, 2, "another pool has places of its own")
	first.Release()
}

// After a failed write a server that has become read-only is left for one that
// takes writes, where the URL asks for that.
func TestFailedWriteLeavesAReadOnlyServer(t *testing.T) {
	for attributes, leaves := range map[string]bool{"": false, "&target_session_attrs=read-write": true, "&target_session_attrs=any": false} {
		database := pgtest.Database(t)
		h := newPool(t, 3, 0, func(c *pool.Config) { c.URL = database + attributes })
		_, err := h.Exec(h.scope(), "CREATE TABLE written (n int)", nil)
		require.NoError(t, err)
		conns := []*pool.Conn{h.acquire(), h.acquire(), h.acquire()}
		for _, c := range conns { // each believes to be on a standby
			_, err := c.Exec(h.scope(), "SET default_transaction_read_only = on", nil)
			require.NoError(t, err)
			c.Release()
		}
		_, err = h.Exec(h.scope(), "INSERT INTO written VALUES (1)", nil)
		var failed *pool.QueryError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "25006", failed.Code)

		works := 0
		for range 9 {
			if _, err := h.Exec(h.scope(), "INSERT INTO written VALUES (1)", nil); err == nil {
				works++
			}
		}
		if !leaves {
			require.Zero(t, works, attributes)
			continue
		}
		require.GreaterOrEqual(t, works, 7, "two others are handed out before the first is looked at")
		require.EqualValues(t, 3, h.Stat().Recycled)
	}
}

// A transaction that the script itself made read-only says nothing of the server.
func TestReadOnlyTransactionIsNoReadOnlyServer(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = pgtest.Database(t) + "&target_session_attrs=read-write" })
	c := h.acquire()
	_, err := c.Exec(h.scope(), "BEGIN READ ONLY; CREATE TABLE x (n int)", nil)
	require.ErrorContains(t, err, "25006")
	c.Release()
	again := h.acquire()
	require.Equal(t, c.PID(), again.PID())
	again.Release()
	require.Zero(t, h.Stat().Recycled)
}
