package testrun_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
)

// segmented is a user on one of several runners.
func segmented(t testing.TB, options, segment, sequence string) *jstest.User {
	u := jstest.Running(t, options)
	u.VU.StateField.Options = testrun.RunnerOptions(t, segment, sequence)
	return u
}

func TestARunnerOpensItsShare(t *testing.T) {
	for _, sequence := range []string{"0,1/4,1/2,3/4,1", ""} {
		u := segmented(t, `{ poolSize: 8, maxOverflow: 4, poolTimeout: 0 }`, "1/4:1/2", sequence)
		require.Equal(t, `[2,1,2]`, u.Text(`[pool.stat().size, pool.stat().maxOverflow, pool.stat().available]`), "before the first use")
		u.JS(`const held = [pool.acquire(), pool.acquire(), pool.acquire()]`)
		require.Regexp(t, `^PoolTimeoutError: .*\(size=2, maxOverflow=1, overflow=1, active=3,`, u.Failure(`pool.acquire()`))
		require.Equal(t, `[2,1,3,3,1]`, u.Text(`(({ size, maxOverflow, active, total, overflow }) =>
			[size, maxOverflow, active, total, overflow])(pool.stat())`))
		require.Equal(t, 3, u.Backends())
		u.JS(`held.forEach((conn) => conn.release())`)
	}
}

// Utilization is of the runner's own base size.
func TestUtilizationIsOfTheShare(t *testing.T) {
	u := segmented(t, `{ poolSize: 8, maxOverflow: 0, sampleInterval: 10 }`, "0:1/4", "0,1/4,1/2,3/4,1")
	u.JS(`const conn = pool.acquire(); pool.query('SELECT pg_sleep(0.2)'); conn.release()`)
	highest := 0.0
	for _, sample := range u.Ended().Of("pgxpool_utilization") {
		highest = max(highest, sample.Value)
	}
	require.Equal(t, 100.0, highest, "2 of this runner's 2")
}

// setup() and teardown() run in no scenario and have the same share.
func TestSetupHasTheSameShare(t *testing.T) {
	u := segmented(t, `{ poolSize: 4, maxOverflow: 0, poolTimeout: 0 }`, "0:1/4", "0,1/4,1/2,3/4,1")
	u.VU.CtxField = t.Context()
	u.JS(`const conn = pool.acquire()`)
	require.Contains(t, u.Failure(`pool.acquire()`), "PoolTimeoutError: ")
	u.JS(`conn.release()`)
}

// Every runner refuses it, also those who would get a place.
func TestMoreRunnersThanPlaces(t *testing.T) {
	const sequence = "0,1/4,1/2,3/4,1"
	for _, segment := range testrun.Segments(t, sequence) {
		u := segmented(t, `{ poolSize: 2, maxOverflow: 40 }`, segment, sequence)
		message := u.Failure(`pool.query('SELECT 1')`)
		require.Equal(t, "ConfigError: option poolSize: 2 is not accepted: the runners share it, this one as execution segment "+
			segment+", and each needs at least one connection; use at least 4, or fewer runners", message)
		require.Zero(t, u.Backends())
		require.Equal(t, message, u.Failure(`pool.acquire()`), "the same answer for everybody")
	}
	u := segmented(t, `{ poolSize: 2 }`, "0:1/4", "")
	require.NotContains(t, u.Failure(`pool.query('SELECT 1'); throw new Error('it may')`), "ConfigError")
	u = segmented(t, `{ poolSize: 2 }`, "1/4:1/2", "")
	require.Contains(t, u.Failure(`pool.query('SELECT 1')`), "ConfigError: option poolSize: 2 ")
	u = segmented(t, `{ poolSize: 4 }`, "1/4:1/2", sequence)
	u.JS(`pool.query('SELECT 1')`)
}

// The report says what was configured, what this runner had of it, and that
// its values are its own.
func TestTheReportSaysWhoseShareItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	u := segmented(t, `{ poolSize: 7, maxOverflow: 2 }`, "3/4:1", "0,1/4,1/2,3/4,1")
	u.JS(`pool.query('SELECT 1')`)
	summary := reported(t, u)
	require.Equal(t, map[string]string{
		"executionSegment": "3/4:1", "executionSegmentSequence": "0,1/4,1/2,3/4,1",
		"poolSize": "1", "maxOverflow": "0", "configuredPoolSize": "7", "configuredMaxOverflow": "2",
	}, summary.Run.only("executionSegment", "executionSegmentSequence", "poolSize", "maxOverflow",
		"configuredPoolSize", "configuredMaxOverflow"))
	require.Contains(t, summary.Notes, "One runner of several (execution segment 3/4:1): it had 1+0 of the 7+2 connections "+
		"configured for pool default; its levels, utilization and verdict are for its own share.")

	u = jstest.Running(t, `{ poolSize: 7, maxOverflow: 2 }`)
	summary = reported(t, u)
	require.Empty(t, summary.Notes)
	require.Equal(t, map[string]string{"poolSize": "7", "maxOverflow": "2"},
		summary.Run.only("poolSize", "maxOverflow", "executionSegment", "configuredPoolSize"))
}

// A run knows its server: the same pool on another one is another configuration.
func TestTheConfigurationKnowsTheServer(t *testing.T) {
	t.Chdir(t.TempDir())
	u := jstest.Running(t, `{ poolSize: 2 }`)
	u.JS(`pool.query('SELECT 1')`)
	var run reportedRun
	require.Eventually(t, func() bool {
		run = reported(t, u).Run
		return run.Configuration["postgresql.shared_buffers"] != ""
	}, time.Minute, 20*time.Millisecond, "the CPU's reader asks for the settings")
	require.Equal(t, u.Text(`pool.queryRow("SELECT current_setting('server_version_num')::int / 10000 AS major").major`), run.Configuration["postgresql"])
	require.Regexp(t, `^[^@]+:\d+/pgtest_`, run.Configuration["server"])
}

// A role that may have no more connections than its pool has leaves no room for
// a larger one.
func TestNoLargerPoolIsAdvisedWithoutRoom(t *testing.T) {
	t.Chdir(t.TempDir())
	for limit, want := range map[int]string{3: "leaves no room for a larger pool", 9: "Increase DB_POOL_SIZE"} {
		address := pgtest.Database(t)
		u, err := url.Parse(address)
		require.NoError(t, err)
		role := "role_of_" + u.Path[len(u.Path)-12:]
		admin := pgtest.Conn(t, address)
		_, err = admin.Exec(t.Context(), fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'secret' CONNECTION LIMIT %d", role, limit))
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "DROP ROLE "+role) }) // with the server at the latest
		u.User = url.UserPassword(role, "secret")
		user := jstest.On(t, u.String())
		user.JS(`const pool = open(URL, { poolSize: 2, maxOverflow: 0, poolTimeout: '50ms' })`)
		user.Start()
		user.JS(`pool.query('SELECT 1')`)
		require.Eventually(t, func() bool { return len(user.Run.Limits()) == 1 }, time.Minute, 20*time.Millisecond)
		user.Rejection(`Promise.allSettled([1, 2, 3].map(() => pool.queryAsync('SELECT pg_sleep(0.3)'))).then(() => { throw new Error('all have ended'); })`)
		var said string
		for range 50 { // the last statement is recorded a moment later
			found := reported(t, user).Diagnoses
			require.Equal(t, "pool exhausted", found[0].Name)
			if said = found[0].Remedy; strings.Contains(said, want) {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		require.Contains(t, said, want)
	}
}

type reportedRun struct{ Configuration map[string]string }

// only picks the options named, where they are there.
func (r reportedRun) only(names ...string) map[string]string {
	picked := make(map[string]string)
	for _, name := range names {
		if value, ok := r.Configuration[name]; ok {
			picked[name] = value
		}
	}
	return picked
}

type reportedSummary struct {
	Run       reportedRun
	Notes     []string
	Diagnoses []struct{ Name, Remedy string }
}

// reported is summary.json as verdict() writes it.
func reported(t *testing.T, u *jstest.User) (s reportedSummary) {
	t.Helper()
	t.Chdir(t.TempDir())
	u.JS(`pgxpool.verdict({ metrics: {} }, { run: { script: 'x' }, criteria: [{
		name: 'success_rate', title: 'Success rate', metric: 'request_success', pass: 'rate>=0.95', warning: 'rate>=0.90',
		guard: { metric: 'request_duration', expression: 'max>0' }, unit: 'share', advice: { warning: 'w', fail: 'f' },
	}] })`)
	text, err := os.ReadFile("results/summary.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}
