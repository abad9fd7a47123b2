//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// soon is how long after its end nothing of a run may be left: much less than the
// statements that run then would take, and enough for a busy machine.
const soon = 30 * time.Second

// everyMoment is judged like a scenario, with users who are in a statement, in
// a transaction without one, and waiting for a place when the run is cut off.
func everyMoment(t *testing.T) string {
	return k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import { sleep } from 'k6';
import exec from 'k6/execution';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import '%[1]s/scripts/lib/request.js'; // its metrics
import { poolCriteria } from '%[1]s/thresholds/criteria.js';
const pool = new Pool({ poolSize: 2, maxOverflow: 2, poolTimeout: '10m' });
const verdict = judge({ script: 'moments', criteria: poolCriteria });
export const options = { vus: 6, duration: '10m', ...verdict.options };
export const handleSummary = verdict.handleSummary;
export default function () {
	pool.transaction((conn) => {
		if (pool.stat().active === 4) console.log('READY');
		if (exec.vu.idInTest %% 2) conn.query('SELECT pg_sleep(600)'); else sleep(600);
	});
}
export function teardown() { if (__ENV.TEARDOWN) pool.query('SELECT pg_sleep(599)') }`, k6test.Root(t)))
}

// A server that was there before the run is rid of it soon after its end. A
// process that is killed cannot tell the server so: a statement that runs then
// ends by statementTimeout, or when the server looks whether anybody is there.
func TestNoBackendIsLeftOnAGivenServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		signals    []os.Signal
		timeout    string
		parameters string // of the URL
		code       int
		results    bool
	}{
		"Ctrl-C":                    {[]os.Signal{os.Interrupt}, "", "", exitInterrupted, true},
		"Ctrl-C twice":              {[]os.Signal{os.Interrupt, os.Interrupt}, "", "", exitInterrupted, false},
		"SIGTERM":                   {[]os.Signal{syscall.SIGTERM}, "", "", exitInterrupted, true},
		"SIGKILL":                   {[]os.Signal{os.Kill}, "2s", "", -1, false},
		"SIGKILL, the server looks": {[]os.Signal{os.Kill}, "", "&client_connection_check_interval=1s", -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			application := "ends-" + name
			l := goesOnWith(t, everyMoment(t), "READY", map[string]string{
				"DATABASE_URL": url + test.parameters, "DB_APPLICATION_NAME": application, "DB_STATEMENT_TIMEOUT": test.timeout,
				"TEARDOWN": strings.Repeat("x", len(test.signals)-1),
			})
			// The connection that reads the CPU may come a moment later.
			require.Eventually(t, func() bool { return pgtest.Backends(t, url, application) == 4 }, soon, 20*time.Millisecond)
			start := time.Now()
			for _, signal := range test.signals[1:] {
				require.NoError(t, l.cmd.Process.Signal(signal))
				conn, running := pgtest.Conn(t, url), 0
				require.Eventually(t, func() bool {
					err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(599)'").Scan(&running)
					return err == nil && running == 1
				}, soon, 20*time.Millisecond, "in teardown()")
				start = time.Now()
			}
			require.Equal(t, test.code, l.end(t, test.signals[0]), "%s%s", &l.stdout, &l.stderr)
			require.Eventually(t, func() bool { return pgtest.Backends(t, url, application) == 0 }, soon-time.Since(start), 20*time.Millisecond)
			for _, report := range []string{"summary.json", "summary.md", "junit.xml", "report.html"} {
				if test.results {
					require.FileExists(t, filepath.Join(l.cmd.Dir, "results", report))
				}
			}
		})
	}
}

// However a script ends its run, what there is to judge is judged and written
// down, if k6 gets as far as that.
func TestResultsAreWrittenHoweverTheScriptEnds(t *testing.T) {
	t.Parallel()
	const ok = `export default function () { request(() => pool.query('SELECT 1')) };`
	for name, test := range map[string]struct {
		body    string
		code    int
		results bool
	}{
		"script exception": {`export default function () { pool.acquire(); throw new Error('mine') }`, exitThresholds, true},
		"test.abort":       {`export default function () { pool.acquire(); exec.test.abort('enough') }`, exitScriptAborted, true},
		"failing setup":    {ok + `export function setup() { pool.acquire(); throw new Error('no') }`, exitScriptException, true},
		"aborting setup":   {ok + `export function setup() { pool.acquire(); exec.test.abort('no') }`, exitScriptAborted, true},
		"failing teardown": {ok + `export function teardown() { pool.acquire(); throw new Error('no') }`, exitScriptException, true},
		"init exception":   {ok + `throw new Error('no')`, exitScriptException, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, application := pgtest.Database(t), "results-"+name
			r := run(t, k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import exec from 'k6/execution';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';
const pool = new Pool({ poolSize: 2 });
const verdict = judge({ script: 'ends', criteria: poolCriteria });
export const options = { ...verdict.options };
export const handleSummary = verdict.handleSummary;
%[2]s`, k6test.Root(t), test.body)), map[string]string{"DATABASE_URL": url, "DB_APPLICATION_NAME": application, "WAIVE": k6test.Noisy}, "--quiet")
			require.Equal(t, test.code, r.Code, r.Output())
			require.Zero(t, pgtest.Backends(t, url, application))
			for _, report := range []string{"summary.json", "summary.md", "junit.xml", "report.html"} {
				if test.results {
					require.FileExists(t, filepath.Join(r.Dir, "results", report))
				} else {
					require.NoFileExists(t, filepath.Join(r.Dir, "results", report))
				}
			}
		})
	}
}
