package testrun_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

func TestAHeldConnectionIsALeak(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	u.JS(`pool.exec('CREATE TABLE t (id int4)')`)
	end := u.Iteration()
	u.JS("\n\nconst conn =\n   pool.acquire(); conn.exec('BEGIN'); conn.exec('INSERT INTO t VALUES (1)')")
	u.Ends(end)
	u.Iteration()
	require.Equal(t, `[1,0,1]`, u.Text(`[pool.stat().leaks, pool.stat().active, pool.stat().idle]`))
	require.Equal(t, `[true,0]`, u.Text(`(() => {
		const row = pool.queryRow('SELECT pg_backend_pid() AS pid, (SELECT count(*) FROM t) AS n');
		return [row.pid === conn.pid, row.n]; // rolled back, and the backend kept
	})()`))
	require.Contains(t, u.Failure(`conn.query('SELECT 1')`), "connection is released")
	require.Len(t, u.Warnings(), 1)
	require.Regexp(t, `^connection leak: the connection taken at \S*:4:\d+ \(pool "default"\) was still held when the iteration ended `+
		`\(.+\); it is rolled back and returned: call release\(\)$`, u.Warnings()[0])
	require.Equal(t, 1.0, u.Ended().Count("pgxpool_leaks"))
}

func TestEveryLeakIsCounted(t *testing.T) {
	u := jstest.Running(t, `{}`)
	for range 3 {
		end := u.Iteration()
		u.JS(`pool.acquire(); pool.acquire(); pool.acquire().release()`)
		u.Ends(end)
	}
	u.Iteration()
	require.Equal(t, `[6,0]`, u.Text(`[pool.stat().leaks, pool.stat().active]`))
	require.Len(t, u.Warnings(), 2, "once for each place")
	u.Ended()
	require.Contains(t, u.Warnings()[2], "3 times in all: connection leak: ")
}

// The connection of a Promise that settled is the script's to release.
func TestAcquireAsyncLeaks(t *testing.T) {
	u := jstest.Running(t, `{}`)
	end := u.Iteration()
	u.JS("pool.acquireAsync().then(() => {})")
	u.Ends(end)
	u.Iteration()
	require.Equal(t, `1`, u.Text(`pool.stat().leaks`))
	require.Contains(t, u.Warnings()[0], ":1:")
}

func TestWhatIsReturnedIsNoLeak(t *testing.T) {
	u := jstest.Running(t, `{}`)
	end := u.Iteration()
	u.JS(`pool.acquire().release(); pool.transaction((conn) => conn.query('SELECT 1'));
		try { pool.transaction(() => { throw 1 }) } catch (e) { /* meant */ }
		pool.query('SELECT 1')`)
	u.Ends(end)
	u.Iteration()
	require.Equal(t, `0`, u.Text(`pool.stat().leaks`))
	require.Empty(t, u.Warnings())
	require.Empty(t, u.Ended().Of("pgxpool_leaks"))
}

// An iteration that throws while a Promise is pending never gets to see the
// connection.
func TestAcquireAsyncLeaksWhenNobodyWaits(t *testing.T) {
	u := jstest.Running(t, `{}`)
	end := u.Iteration()
	_, err := u.RunOnEventLoop(`pool.acquireAsync(); throw new Error('meanwhile')`)
	require.ErrorContains(t, err, "meanwhile")
	u.Ends(end)
	u.Iteration()
	require.Equal(t, `[1,0,1]`, u.Text(`[pool.stat().acquires, pool.stat().active, pool.stat().leaks]`))
}

// What k6 cuts off shows in the context that the iteration's was derived from.
func TestWhatIsCutOffIsNoLeak(t *testing.T) {
	for name, derive := range map[string]func() (context.Context, context.CancelFunc){
		"scenario over": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(jstest.InScenario(context.Background()), 500*time.Millisecond)
			return ctx, func() { <-ctx.Done(); cancel() }
		},
		"run aborted": func() (context.Context, context.CancelFunc) {
			return context.WithCancel(jstest.InScenario(context.Background()))
		},
		"value on top": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			return jstest.InScenario(ctx), cancel
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := jstest.Running(t, `{}`)
			parent, cutOff := derive()
			ctx, end := context.WithCancel(parent)
			defer end()
			u.VU.CtxField = ctx
			u.JS(`const conn = pool.acquire()`)
			u.Ends(cutOff)
			u.Iteration()
			require.Equal(t, `[1,0,0]`, u.Text(`[pool.stat().acquires, pool.stat().active, pool.stat().leaks]`))
			require.Empty(t, u.Warnings())
		})
	}
}

// setup() and teardown() have no events and no scenario. Both contexts of
// theirs end with them; their limit tells that they were cut off, or the end of
// the run that their limit was set in.
func TestSetupLeaksUnlessItWasCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration
		stop  func(stopRun context.CancelFunc, ctx context.Context)
		leaks string
	}{
		"ended":         {time.Hour, func(context.CancelFunc, context.Context) {}, "1"},
		"limit reached": {500 * time.Millisecond, func(_ context.CancelFunc, ctx context.Context) { <-ctx.Done() }, "0"},
		"run stopped":   {time.Hour, func(stopRun context.CancelFunc, _ context.Context) { stopRun() }, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			u := jstest.Running(t, `{}`)
			run, stopRun := context.WithCancel(context.Background())
			defer stopRun()
			limited, cancel := context.WithTimeout(run, c.limit)
			ctx, end := context.WithCancel(limited)
			u.VU.CtxField = ctx
			u.JS(`const conn = pool.acquire()`)
			u.Ends(func() { c.stop(stopRun, ctx); end(); cancel() })
			u.Iteration()
			require.Equal(t, c.leaks, u.Text(`pool.stat().leaks`))
		})
	}
}

func TestALongHeldConnectionIsReported(t *testing.T) {
	u := jstest.Running(t, `{ leakDetectionThreshold: 200 }`)
	u.JS("const quick = pool.acquire(); quick.release()")
	u.JS("\nconst slow = pool.acquire(); slow.query('SELECT pg_sleep(0.6)')")
	require.Len(t, u.Warnings(), 1, "once, while it is still held")
	require.Regexp(t, `^the connection taken at \S*:2:\d+ \(pool "default"\) has been held for \d+ms, longer than leakDetectionThreshold$`, u.Warnings()[0])
	u.JS(`slow.release()`)
	require.Equal(t, `0`, u.Text(`pool.stat().leaks`), "it is not one yet")
}
