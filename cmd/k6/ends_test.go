//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// More of k6's exit codes.
const (
	exitInterrupted   = 105
	exitScriptAborted = 108
)

// openDir is a directory for temporary files, in which a server that root
// starts as another user can work too.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(pgtest.Temp(), "k6-ends-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	return dir
}

// serversOf are the processes of temporary servers below base. PostgreSQL's
// first process names its directory, and the others do not outlive it.
func serversOf(t *testing.T, base string) (found []string) {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-ww", "-o", "pid=,args=").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, base) {
			found = append(found, line)
		}
	}
	return found
}

// requireNothingLeft looks once: whatever a run started is gone when it ends.
func requireNothingLeft(t *testing.T, base string) {
	t.Helper()
	require.Empty(t, serversOf(t, base))
	left, err := os.ReadDir(base)
	require.NoError(t, err)
	require.Empty(t, left)
}

// temporary runs a script on a temporary PostgreSQL whose files are below base.
func temporary(t *testing.T, base, script string) k6test.Result {
	t.Helper()
	return k6test.K6(t, k6test.Run{Args: []string{"run", "--quiet", script}, Env: map[string]string{"TMPDIR": base}})
}

// withPool is a script with a pool and the time to print which server it has.
func withPool(t *testing.T, body string) string {
	return k6test.Script(t, `
import { Pool } from 'k6/x/pgxpool';
import { sleep, fail } from 'k6';
import exec from 'k6/execution';
const pool = new Pool({ poolSize: 2, maxOverflow: 2 });
const directory = () => pool.queryRow("SELECT current_setting('data_directory') AS d").d;
`+body)
}

// However a run ends, nothing of its temporary PostgreSQL is left.
func TestNothingIsLeftBehind(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		code int
	}{
		"normal end":        {`export default function () { console.log('IN ' + directory()) }`, 0},
		"connection held":   {`export default function () { console.log('IN ' + directory()); pool.acquire() }`, 0},
		"script exception":  {`export default function () { console.log('IN ' + directory()); throw new Error('mine') }`, 0},
		"test.abort":        {`export default function () { console.log('IN ' + directory()); exec.test.abort('enough') }`, exitScriptAborted},
		"abort, held":       {`export default function () { console.log('IN ' + directory()); pool.acquire(); exec.test.abort('enough') }`, exitScriptAborted},
		"failing setup":     {`export function setup() { console.log('IN ' + directory()); throw new Error('no') }; export default function () {}`, exitScriptException},
		"aborting setup":    {`export function setup() { console.log('IN ' + directory()); exec.test.abort('no') }; export default function () {}`, exitScriptAborted},
		"failing teardown":  {`export function teardown() { console.log('IN ' + directory()); throw new Error('no') }; export default function () {}`, exitScriptException},
		"crossed threshold": {`export const options = { thresholds: { pgxpool_samples: ['count<0'] } }; export default function () { console.log('IN ' + directory()) }`, exitThresholds},
		"failing summary":   {`export default function () { console.log('IN ' + directory()) }; export function handleSummary() { pool.query('SELECT 1') }`, 0},
		"handles, closed in teardown": {`import { open } from 'k6/x/pgxpool'; export const options = { vus: 3, iterations: 6 };
			const db = open('postgres', undefined, { poolSize: 2, maxOverflow: 2 });
			export function setup() { const own = open('postgres', undefined, { poolSize: 2, maxOverflow: 2 }); own.exec('SELECT 1'); own.close() }
			export default function () { console.log('IN ' + directory()); db.query('SELECT 1') }
			export function teardown() { db.close(); if (pool.stat().total) throw new Error('open') }`, 0},
		"closed in teardown": {`export default function () { console.log('IN ' + directory()) }; export function teardown() { pool.close() }`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := openDir(t)
			r := temporary(t, base, withPool(t, test.body))
			require.Equal(t, test.code, r.Code, r.Output())
			require.Contains(t, r.Stderr, "IN "+base, "the server was there: %s", r.Output())
			requireNothingLeft(t, base)
			requireNoDump(t, r.Output())
			if name == "failing summary" {
				require.Contains(t, r.Output(), "has ended with its test", "nobody closed it")
			}
		})
	}
}

// live is a run that goes on until it is sent a signal.
type live struct {
	cmd    *exec.Cmd
	base   string
	stdout bytes.Buffer
	stderr bytes.Buffer
	copied chan struct{} // closed when standard error has ended
}

// goesOn starts a run on a temporary PostgreSQL and waits until it prints the
// mark.
func goesOn(t *testing.T, script, mark string) *live {
	t.Helper()
	l := goesOnWith(t, script, mark, nil)
	require.NotEmpty(t, serversOf(t, l.base), "the server is up")
	return l
}

// goesOnWith is goesOn where the environment may name a server.
func goesOnWith(t *testing.T, script, mark string, env map[string]string) *live {
	t.Helper()
	l := &live{base: openDir(t), copied: make(chan struct{})}
	all := map[string]string{"TMPDIR": l.base, "WAIVE": k6test.Noisy}
	maps.Copy(all, env)
	l.cmd = k6test.Command(t.Context(), t, k6test.Run{Args: []string{"run", script}, Env: all})
	l.cmd.Stdout = &l.stdout
	stderr, err := l.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, l.cmd.Start())
	lines := bufio.NewReader(io.TeeReader(stderr, &l.stderr))
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, "k6 ended too early: %s%s", &l.stdout, &l.stderr)
		if strings.Contains(line, mark) {
			break
		}
	}
	go func() {
		defer close(l.copied)
		_, _ = io.Copy(io.Discard, lines)
	}()
	return l
}

// end sends the signal and gives the exit code, -1 for a process that was killed.
func (l *live) end(t *testing.T, signal os.Signal) int {
	t.Helper()
	require.NoError(t, l.cmd.Process.Signal(signal))
	select {
	case <-l.copied:
	case <-time.After(time.Minute):
		_ = l.cmd.Process.Kill()
		<-l.copied
		_ = l.cmd.Wait()
		require.FailNow(t, "k6 did not end", "%s%s", &l.stdout, &l.stderr)
	}
	_ = l.cmd.Wait() // the code tells
	return l.cmd.ProcessState.ExitCode()
}

// busy is judged like a scenario, with users who are in the middle of a
// statement, of a wait and of a transaction when the run is cut off.
func busy(t *testing.T) string {
	root := k6test.Root(t)
	return k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import '%[1]s/scripts/lib/request.js'; // its metrics
import { poolCriteria } from '%[1]s/thresholds/criteria.js';
const pool = new Pool({ poolSize: 1, maxOverflow: 1 });
const verdict = judge({ script: 'busy', criteria: poolCriteria });
export const options = { vus: 3, duration: '10m', ...verdict.options };
export const handleSummary = verdict.handleSummary;
export default function () {
	pool.transaction((conn) => {
		if (pool.stat().active === 2) console.log('READY');
		conn.query('SELECT pg_sleep(600)');
	});
}`, root))
}

func TestCtrlCEndsTheRunAndItsServer(t *testing.T) {
	t.Parallel()
	l := goesOn(t, busy(t), "READY")
	require.Equal(t, exitInterrupted, l.end(t, os.Interrupt), "%s%s", &l.stdout, &l.stderr)
	requireNothingLeft(t, l.base)
	output := l.stdout.String() + l.stderr.String()
	requireNoDump(t, output)
	require.NotContains(t, output, "connection leak", "k6 cut them off")
	require.Contains(t, l.stdout.String(), "FAIL", "the verdict says what is missing")
	require.Contains(t, l.stdout.String(), "the run was cut short")
	summary, err := os.ReadFile(filepath.Join(l.cmd.Dir, "results", "summary.json"))
	require.NoError(t, err)
	require.Contains(t, string(summary), `"cut_short": true`)
	for _, report := range []string{"summary.json", "summary.md", "junit.xml", "report.html"} {
		require.FileExists(t, filepath.Join(l.cmd.Dir, "results", report))
	}
}

func TestCtrlCInSetupIsNoLeak(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]string{"in a statement": `conn.query('SELECT pg_sleep(600)')`, "between two": `sleep(600)`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := goesOn(t, withPool(t, `
export function setup() { const conn = pool.acquire(); console.log('READY'); `+hold+` }
export default function () {}`), "READY")
			require.Equal(t, exitInterrupted, l.end(t, os.Interrupt), "%s%s", &l.stdout, &l.stderr)
			requireNothingLeft(t, l.base)
			require.NotContains(t, l.stdout.String()+l.stderr.String(), "connection leak", "k6 cut it off")
		})
	}
}

// A second Ctrl-C ends k6 at once, before it could tidy up.
func TestCtrlCTwiceEndsTheServerToo(t *testing.T) {
	t.Parallel()
	l := goesOn(t, busy(t), "READY")
	require.NoError(t, l.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, exitInterrupted, l.end(t, os.Interrupt), "%s%s", &l.stdout, &l.stderr)
	requireSoonNothingLeft(t, l.base)
}

func TestSIGTERMEndsTheRunAndItsServer(t *testing.T) {
	t.Parallel()
	l := goesOn(t, busy(t), "READY")
	require.Equal(t, exitInterrupted, l.end(t, syscall.SIGTERM), "%s%s", &l.stdout, &l.stderr)
	requireNothingLeft(t, l.base)
}

func TestSIGKILLEndsTheServerToo(t *testing.T) {
	t.Parallel()
	l := goesOn(t, busy(t), "READY")
	l.end(t, os.Kill)
	requireSoonNothingLeft(t, l.base)
}

// requireSoonNothingLeft is for ends after which only the server's watchdog is
// there to tidy up.
func requireSoonNothingLeft(t *testing.T, base string) {
	t.Helper()
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(base)
		return err == nil && len(left) == 0 && len(serversOf(t, base)) == 0
	}, soon, 50*time.Millisecond)
}

// What k6's own events say of the end of an iteration.
func TestLeaksAreCountedAtTheEndOfTheIteration(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	r := run(t, withPool(t, `
export const options = { iterations: 4, thresholds: { pgxpool_leaks: ['count==4'], pgxpool_connections_opened: ['count==1'] } };
export default function () {
	const conn = pool.acquire(); // line 9
	conn.exec('BEGIN');
	if (pool.stat().leaks !== exec.vu.iterationInScenario) fail('leaks: ' + pool.stat().leaks);
	throw new TypeError('user ' + exec.vu.iterationInScenario);
}
export function teardown() {
	if (pool.stat().leaks !== 4 || pool.stat().active !== 0) throw new Error(JSON.stringify(pool.stat()));
}`), map[string]string{"DATABASE_URL": url, "DB_APPLICATION_NAME": "leaky"})
	require.Zero(t, r.Code, r.Output())
	require.Equal(t, 2, strings.Count(r.Stderr, "connection leak: "), "once, and how often: %s", r.Output())
	require.Contains(t, r.Stderr, "4 times in all: connection leak: ")
	require.Equal(t, 2, strings.Count(r.Stderr, "TypeError: user "), "so are errors that nobody catches: %s", r.Output())
	require.Contains(t, r.Stderr, `msg="4 times in all: TypeError: user 0"`)
	require.Regexp(t, `level=warning msg="connection leak: the connection taken at \S+script\.js:9:\d+ \(pool \\"default\\"\)`, r.Stderr)
	require.Zero(t, pgtest.Backends(t, url, "leaky"))
}

// setup() and teardown() leak like iterations do; what k6 cuts off at the end
// of a scenario is not a leak.
func TestWhatK6CutsOffIsNoLeak(t *testing.T) {
	t.Parallel()
	r := run(t, withPool(t, `
export const options = { scenarios: { cut: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '0s' } } };
export default function () {
	const conn = pool.acquire();
	if (exec.vu.idInTest === 1) conn.query('SELECT pg_sleep(600)'); else sleep(600);
}
export function teardown() {
	while (pool.stat().active > 0) sleep(0.01); // k6 does not wait for the end of what it cuts off
	console.log('LEAKS ' + pool.stat().leaks + ' ACQUIRES ' + pool.stat().acquires);
}`), nil)
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stderr, "LEAKS 0 ACQUIRES 2", r.Output())
	require.NotContains(t, r.Stderr, "connection leak")
	require.NotContains(t, r.Stderr, "IterEnd", "none of k6's warnings either")

	r = run(t, withPool(t, `
export function setup() { const conn = pool.acquire(); conn.exec('BEGIN') }
export default function () {
	console.log('AFTER SETUP ' + pool.stat().leaks + ' ' + pool.stat().active);
}
export function teardown() { pool.acquire() }`), nil)
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stderr, "AFTER SETUP 1 0")
	require.Equal(t, 2, strings.Count(r.Stderr, "connection leak: "), r.Output())
}
