package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// The snapshot after every step of a script, field by field.
func TestStatTellsEveryStep(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 2, maxOverflow: 1, poolTimeout: 20 }`)
	for _, step := range []struct{ script, want string }{
		{`0`, `{"size":2,"maxOverflow":1,"active":0,"idle":0,"total":0,"overflow":0,"waiting":0,"peakActive":0,"available":2,"utilization":0,` +
			`"acquires":0,"timeouts":0,"connects":0,"recycled":0,"lost":0,"discarded":0,"leaks":0}`},
		{`const a = pool.acquire()`, `{"size":2,"maxOverflow":1,"active":1,"idle":0,"total":1,"overflow":0,"waiting":0,"peakActive":1,"available":1,"utilization":0.5,` +
			`"acquires":1,"timeouts":0,"connects":1,"recycled":0,"lost":0,"discarded":0,"leaks":0}`},
		{`const b = pool.acquire(), c = pool.acquire()`, `{"size":2,"maxOverflow":1,"active":3,"idle":0,"total":3,"overflow":1,"waiting":0,"peakActive":3,"available":0,"utilization":1,` +
			`"acquires":3,"timeouts":0,"connects":3,"recycled":0,"lost":0,"discarded":0,"leaks":0}`},
		{`failure(() => pool.acquire())`, `{"size":2,"maxOverflow":1,"active":3,"idle":0,"total":3,"overflow":1,"waiting":0,"peakActive":3,"available":0,"utilization":1,` +
			`"acquires":3,"timeouts":1,"connects":3,"recycled":0,"lost":0,"discarded":0,"leaks":0}`},
		{`a.release(); b.release()`, `{"size":2,"maxOverflow":1,"active":1,"idle":2,"total":3,"overflow":1,"waiting":0,"peakActive":3,"available":1,"utilization":0.5,` +
			`"acquires":3,"timeouts":1,"connects":3,"recycled":0,"lost":0,"discarded":0,"leaks":0}`},
		{`c.release()`, `{"size":2,"maxOverflow":1,"active":0,"idle":2,"total":2,"overflow":0,"waiting":0,"peakActive":3,"available":2,"utilization":0,` +
			`"acquires":3,"timeouts":1,"connects":3,"recycled":0,"lost":0,"discarded":1,"leaks":0}`},
		{`pool.close()`, `{"size":2,"maxOverflow":1,"active":0,"idle":0,"total":0,"overflow":0,"waiting":0,"peakActive":3,"available":2,"utilization":0,` +
			`"acquires":3,"timeouts":1,"connects":3,"recycled":0,"lost":0,"discarded":1,"leaks":0}`},
	} {
		u.JS(step.script)
		require.Equal(t, step.want, u.Text(`pool.stat()`), step.script)
	}
}

func TestStatIsASnapshot(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`const before = pool.stat(); pool.query('SELECT 1')`)
	require.Equal(t, `[0,1]`, u.Text(`[before.acquires, pool.stat().acquires]`))
}

func TestStatCountsReplacedConnections(t *testing.T) {
	u := jstest.Running(t, `{ name: 'aged', poolRecycle: 0 }`)
	u.JS(`pool.query('SELECT 1'); pool.query('SELECT 1')`)
	require.Equal(t, `[2,1,0,1]`, u.Text(`[pool.stat().connects, pool.stat().recycled, pool.stat().lost, pool.stat().total]`))

	u = jstest.Running(t, `{}`)
	u.JS(`const killer = open(URL, { name: 'killer' });
		const victim = pool.acquire(); victim.release();
		killer.query('SELECT pg_terminate_backend($1, 5000)', victim.pid); // waits for its end
		pool.query('SELECT 1')`)
	require.Equal(t, `[2,0,1,1]`, u.Text(`[pool.stat().connects, pool.stat().recycled, pool.stat().lost, pool.stat().total]`))
}

func TestStatCountsWhoWaits(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	require.Equal(t, `[2,0,[[{"n":1}],[{"n":2}]]]`, u.Text(`(async () => {
		const conn = pool.acquire();
		const queued = [pool.queryAsync('SELECT 1 AS n'), pool.queryAsync('SELECT 2 AS n')];
		while (pool.stat().waiting < 2) await new Promise((resolve) => setTimeout(resolve, 1));
		const waiting = pool.stat().waiting;
		conn.release();
		const rows = await Promise.all(queued);
		return [waiting, pool.stat().waiting, rows];
	})()`))
}

func TestCloseIsForEverybodyAndOnceIsEnough(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 2 }`)
	u.JS(`const held = pool.acquire(); pool.query('SELECT 1'); pool.close(); pool.close()`)
	require.Equal(t, 1, u.Backends(), "idle ones are gone, the one in use is not")
	require.Equal(t, `[{"one":1}]`, u.Text(`held.query('SELECT 1 AS one')`), "it may be finished with")
	u.JS(`held.release()`)
	require.Zero(t, u.Backends())
	for _, call := range []string{`query('SELECT 1')`, `queryRow('SELECT 1')`, `exec('SELECT 1')`, `acquire()`} {
		want := `QueryError: pool "default" is closed: create it before the test and close it once, in teardown()`
		require.Equal(t, want, u.Failure("pool."+call))
		require.Equal(t, want, u.Rejection("pool."+asynchronous(call)))
	}
	require.Contains(t, u.Failure(`pool.transaction(() => {})`), "is closed")
	require.Equal(t, `0`, u.Text(`pool.stat().total`))
}

func TestCloseEndsTheWait(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	require.Contains(t, u.JS(`(async () => {
		const conn = pool.acquire(), queued = pool.queryAsync('SELECT 1');
		while (pool.stat().waiting < 1) await new Promise((resolve) => setTimeout(resolve, 1));
		pool.close();
		conn.release();
		return rejection(queued);
	})()`).String(), `QueryError: pool "default" is closed`)
}

// A pool that was closed before it was ever used connects nothing any more.
func TestAPoolMayBeClosedUnused(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.close()`)
	require.Contains(t, u.Failure(`pool.query('SELECT 1')`), `QueryError: pool "default" is closed`)
	require.Zero(t, u.Backends())
}
