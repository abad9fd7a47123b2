package testrun_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// A request that has not ended when its iteration is cut off took at least as
// long as it is old, and has failed if that is longer than others took.
func TestRequestsThatNeverEndCount(t *testing.T) {
	for name, test := range map[string]struct {
		age     time.Duration
		success float64
	}{
		"for longer than all others": {1200 * time.Millisecond, 0},
		"for a moment":               {10 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			u := jstest.Running(t, `{}`)
			u.JS(`for (let i = 0; i < 50; i++) { pgxpool.observeRequest(); pgxpool.observeResponse(20); }`)
			end := u.Iteration()
			began := time.Now()
			u.JS(`pgxpool.observeRequest()`)
			time.Sleep(test.age)
			end()
			time.Sleep(time.Second) // teardown() takes its time
			untilTheEnd := metrics.D(time.Since(began))
			pushed := u.Ended()

			whole := u.Run.Timeline().Snapshot().Whole().Requests
			require.EqualValues(t, 51, whole.Duration.Count())
			require.EqualValues(t, 1, whole.Interrupted)
			require.EqualValues(t, 1-test.success, whole.Failed)
			require.EqualValues(t, 50, whole.Cycle.Count())
			require.Len(t, pushed.Of("request_success"), 1, "the others are the script's to tell")
			require.Equal(t, test.success, pushed.Of("request_success")[0].Value)
			age := pushed.Of("request_duration")[0].Value
			require.GreaterOrEqual(t, age, metrics.D(test.age))
			require.Less(t, age, untilTheEnd-100, "not until the end of teardown()")
			require.Equal(t, 1.0, pushed.Count("request_interrupted"))

			var run verdict.Run
			notes := u.Run.Describe(&run, &lib.State{})
			require.Contains(t, strings.Join(notes, " "), "its limit of 1 s")
			require.Regexp(t, `1 request still open when the test ended .* more than 1 s \([01] of them\)`, notes)
		})
	}
}

// An application that stops answering stalls until users are cut off.
func TestAStallLastsUntilUsersAreCutOff(t *testing.T) {
	u := jstest.Running(t, `{}`)
	var answered time.Time
	for range 20 {
		answered = time.Now()
		u.JS(`pgxpool.observeRequest(); pgxpool.observeResponse(1)`)
		time.Sleep(10 * time.Millisecond)
	}
	end := u.Iteration()
	u.JS(`pgxpool.observeRequest()`)
	const silent = 1500 * time.Millisecond
	time.Sleep(silent)
	end()
	atMost := time.Since(answered).Seconds()
	time.Sleep(20 * time.Millisecond)
	stalls := u.Ended().Of("longest_stall")
	require.Len(t, stalls, 1)
	require.GreaterOrEqual(t, stalls[0].Value, silent.Seconds()-0.3, "in units of a second")
	require.LessOrEqual(t, stalls[0].Value, atMost+1)
}

// What setup() does is in no value; the connections that it leaves are there.
func TestSetupIsInNoValue(t *testing.T) {
	u := jstest.Running(t, `{ sampleInterval: 10 }`)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	u.VU.CtxField = ctx // no scenario's
	u.JS(`
		pool.query('SELECT pg_sleep(0.1)');
		failure(() => pool.query('SELECT 1/0'));
		pgxpool.observeRequest(); pgxpool.observeResponse(2000);
	`)
	require.Empty(t, u.Run.Timeline().Snapshot().Whole().Pools)
	u.Iteration()
	u.JS(`pool.query('SELECT 1'); pgxpool.observeRequest(); pgxpool.observeResponse(3)`)
	u.VU.CtxField = ctx // teardown()
	u.JS(`pool.query('SELECT 2')`)
	u.Run.End(true)
	whole := u.Run.Timeline().Snapshot().Whole()
	p := whole.Pools["default"]
	require.EqualValues(t, 1, p.Query.Count())
	require.Empty(t, p.Errors)
	require.EqualValues(t, 1, p.Opened, "the users have setup()'s connection")
	require.EqualValues(t, 1, whole.Requests.Duration.Count())
	require.Less(t, u.Run.Timeline().Snapshot().Windows[0].From, time.Second)
}

// A connection that is being opened takes its place: the slower a server lets
// connections in, the longer the pool is in overflow, and not the shorter.
func TestAPlaceIsTakenWhileItsConnectionIsOpened(t *testing.T) {
	u := jstest.New(t)
	// A second for each connection.
	u.JS(`const pool = open(URL + (URL.includes('?') ? '&' : '?') + 'options=-c%20post_auth_delay%3D1',
		{ poolSize: 1, maxOverflow: 2, sampleInterval: 100 })`)
	u.Start()
	u.JS(`
		const start = Date.now();
		const held = pool.acquire();
		const began = Date.now();
		pool.query('SELECT 1');
		const took = Date.now() - began;
		held.query('SELECT pg_sleep(0.5)');
		held.release();
		const all = Date.now() - start;
	`)
	u.Run.End(true)
	p := u.Run.Timeline().Snapshot().Whole().Pools["default"]
	took := u.JS(`took`).ToFloat()
	require.GreaterOrEqual(t, took, 1000.0)
	require.InDelta(t, took/u.JS(`all`).ToFloat(), float64(p.InOverflow)/float64(p.Active.Count()), 0.12, "share of the time in overflow")
	require.Equal(t, 2.0, p.Active.Max())
}

// A pool that is in overflow for a third of each sample's interval is so for a
// third of the time, and its peak is the exact one, however short.
func TestLevelsAreIntegrated(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 5, sampleInterval: 200 }`)
	u.JS(`
		const held = pool.acquire();
		const over = () => { const more = pool.acquire(); more.query('SELECT pg_sleep(0.1)'); more.release(); };
		const start = Date.now(), until = start + 3000;
		let inOverflow = 0;
		while (Date.now() < until) { const t = Date.now(); over(); inOverflow += Date.now() - t; held.query('SELECT pg_sleep(0.2)'); }
		const expected = inOverflow / (Date.now() - start);
		const all = [1, 2, 3, 4].map(() => pool.acquire());
		all.forEach((c) => c.release());
		held.release();
	`)
	u.Run.End(true)
	p := u.Run.Timeline().Snapshot().Whole().Pools["default"]
	share := float64(p.InOverflow) / float64(p.Active.Count())
	require.InDelta(t, u.JS(`expected`).ToFloat(), share, 0.1)
	require.Equal(t, 5.0, p.Active.Max(), "between two samples")
}
