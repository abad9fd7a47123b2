//go:build unix

package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// k6's exit codes.
const (
	exitInvalidConfig   = 104
	exitScriptException = 107
)

// secret is a password that tests every way of writing one: it has to be
// quoted in URLs and in the keyword form.
const secret = `p@ss/w:rd#%'x`

// secretTraces are what no output may hold: the password as it is, in either
// quoted form, and pieces that a URL cut in the wrong place would show.
var secretTraces = []string{secret, `p%40ss`, `ss/w`, `ss%2Fw`, `w:rd`, `w%3Ard`, `rd#`, `rd%23`, `%27x`, `\'x`}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, trace := range secretTraces {
		require.NotContains(t, text, trace)
	}
}

func requireNoDump(t *testing.T, output string) {
	t.Helper()
	for _, trace := range []string{"goroutine ", "panic:", "runtime error", "GoError"} {
		require.NotContains(t, output, trace)
	}
}

// message is the text of an error in k6's log, up to the script's position.
var message = regexp.MustCompile(`level=error msg="((?:[^"\\]|\\[^n])*)(?:\\n|")`)

// messages are the errors in k6's log.
func messages(r k6test.Result) (all []string) {
	for _, found := range message.FindAllStringSubmatch(r.Stderr, -1) {
		all = append(all, strings.ReplaceAll(found[1], `\"`, `"`))
	}
	return all
}

// importing is a script of these lines before the default function.
func importing(t *testing.T, initCode string) string {
	return k6test.Script(t, "import { Pool, open } from 'k6/x/pgxpool';\n"+initCode+
		"\nexport default function () { throw new Error('must not run'); }")
}

// What is wrong is said before anything runs, in one line with its name, its
// value and what is accepted.
func TestWrongInputEndsTheInitContext(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		env    map[string]string
		args   []string
		dotEnv string
		want   []string
	}{
		"option":           {script: `new Pool({ poolSize: 0 })`, want: []string{"ConfigError: ", "poolSize", ": 0 ", "from 1"}},
		"type":             {script: `new Pool({ poolTimeout: {} })`, want: []string{"ConfigError: ", "poolTimeout", "an object", "30s"}},
		"unknown option":   {script: `new Pool({ poolSzie: 5 })`, want: []string{"ConfigError: ", "poolSzie", "use poolSize"}},
		"snake case":       {script: `open('postgres', 'postgres://127.0.0.1/x', { max_open_conns: 5 })`, want: []string{"ConfigError: ", "max_open_conns", "poolSize"}},
		"environment":      {script: `new Pool()`, env: map[string]string{"DB_POOL_SIZE": "lots"}, want: []string{"ConfigError: ", "poolSize", "DB_POOL_SIZE", `"lots"`, "from 1"}},
		"flag":             {script: `new Pool()`, args: []string{"-e", "DB_MAX_OVERFLOW=-1"}, env: map[string]string{"DB_MAX_OVERFLOW": "3"}, want: []string{"maxOverflow", "DB_MAX_OVERFLOW", `"-1"`, "from 0"}},
		".env":             {script: `new Pool()`, dotEnv: "DB_POOL_RECYCLE=hourly\n", want: []string{"poolRecycle", "DB_POOL_RECYCLE", `"hourly"`, "1h"}},
		"broken .env":      {script: `new Pool()`, dotEnv: "DB_POOL_SIZE=5\nDATABASE_URL\n", want: []string{".env", "line 2", "NAME=value"}},
		"scheme":           {script: `new Pool({ url: 'mysql://127.0.0.1/x' })`, want: []string{"ConfigError: ", "url", "mysql", "postgres"}},
		"driver":           {script: `new Pool()`, env: map[string]string{"DATABASE_URL": "postgresql+pg8000://127.0.0.1/x"}, want: []string{"ConfigError: ", "url", "DATABASE_URL", "pg8000", "asyncpg"}},
		"port":             {script: `new Pool({ url: 'postgres://127.0.0.1:99999/x' })`, want: []string{"ConfigError: ", "url", "postgres://", "invalid port"}},
		"driver name":      {script: `new Pool({ driver: 'psycopg2' })`, want: []string{"driver", "psycopg2", "asyncpg, psycopg or pgx"}},
		"mode":             {script: `new Pool({ queryExecMode: 'quick' })`, want: []string{"queryExecMode", `"quick"`, "simple_protocol"}},
		"other options":    {script: `new Pool({ poolSize: 5 }); new Pool({ poolSize: 6 })`, want: []string{"ConfigError: ", `"default"`, "poolSize 5, not 6"}},
		"query in init":    {script: `new Pool({ url: 'postgres://127.0.0.1:1/x' }).query('SELECT 1')`, want: []string{"QueryError: query()", "init context", "setup()"}},
		"acquire in init":  {script: `new Pool().acquire()`, want: []string{"QueryError: acquire()", "init context"}},
		"url for options":  {script: `new Pool('postgres://127.0.0.1/x')`, want: []string{"ConfigError: ", "options", "string", "poolSize"}},
		"driver for a url": {script: `open('postgres')`, want: []string{"ConfigError: ", "url", "postgres://"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if test.dotEnv != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(test.dotEnv), 0o600))
			}
			args := append([]string{"run", "--quiet"}, test.args...)
			r := k6test.K6(t, k6test.Run{Plain: true, Args: append(args, importing(t, test.script)), Env: test.env, Dir: dir})
			require.Equal(t, exitScriptException, r.Code, r.Output())
			said := messages(r)
			require.Len(t, said, 1, r.Output())
			for _, part := range test.want {
				require.Contains(t, said[0], part)
			}
			require.Contains(t, r.Stderr, "script.js:2:", "where it is")
			requireNoDump(t, r.Output())
		})
	}
}

// The scenarios' own settings are as strict as the pool's.
func TestWrongSettingsOfAScriptEndTheInitContext(t *testing.T) {
	script := filepath.Join(k6test.Root(t), "scripts", "100users.js")
	for setting, want := range map[string][]string{
		"CONCURRENT=many": {`"many"`, "an integer of at least 1"}, "CONCURRENT=0": {`"0"`, "at least 1"}, "CONCURRENT=1.5": {"1.5", "an integer"},
		"DURATION=-1": {`"-1"`, "at least 1"}, "DURATION=5 weeks": {`"5 weeks"`, "a number is seconds"},
		"THINK=-1": {`"-1"`, "at least 0"}, "INTERVAL=x": {`"x"`, "at least 0"}, "DB_POOL_SIZE=0": {`"0"`, "from 1"},
		"GATE=maybe": {"maybe", "pass"}, "WAIVE=everything": {"everything", "db_cpu"}, "BASE_URL=localhost": {"http://"}, // it may hold a password
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", "--quiet", "--duration", "1s", "--vus", "1", "-e", setting, script}})
			require.Equal(t, exitScriptException, r.Code, r.Output())
			said := messages(r)
			require.Len(t, said, 1, r.Output())
			name, _, _ := strings.Cut(setting, "=")
			for _, part := range append(want, name) {
				require.Contains(t, said[0], part)
			}
			requireNoDump(t, r.Output())
		})
	}
}

// The password is in none of these errors, however wrong the rest is.
func TestNoErrorTellsThePassword(t *testing.T) {
	const quoted = `p%40ss%2Fw%3Ard%23%25%27x`
	const keyword = `p@ss/w:rd#%\'x`
	closed := closedPort(t)
	for name, env := range map[string]map[string]string{
		"URL":              {"DATABASE_URL": "postgres://user:" + quoted + "@" + closed + "/db"},
		"SQLAlchemy's URL": {"DATABASE_URL": "postgresql+asyncpg://user:" + quoted + "@" + closed + "/db"},
		"query":            {"DATABASE_URL": "postgres://user@" + closed + "/db?password=" + quoted},
		"keywords":         {"DATABASE_URL": "host=127.0.0.1 port=1 user=user dbname=db password='" + keyword + "'"},
		"PGPASSWORD":       {"DATABASE_URL": "postgres://user@" + closed + "/db", "PGPASSWORD": secret},
		"unquoted":         {"DATABASE_URL": "postgres://user:" + secret + "@" + closed + "/db"},
		"half quoted":      {"DATABASE_URL": "postgres://user:p%40ss/w:rd@" + closed + "/db"},
		"wrong scheme":     {"DATABASE_URL": "mysql://user:" + quoted + "@" + closed + "/db"},
		"wrong port":       {"DATABASE_URL": "postgres://user:" + quoted + "@127.0.0.1:port/db"},
		"wrong parameter":  {"DATABASE_URL": "postgres://user:" + quoted + "@" + closed + "/db?sslmode=perhaps"},
		"unquoted keyword": {"DATABASE_URL": "host=127.0.0.1 password=" + secret},
		"wrong keyword":    {"DATABASE_URL": "host=127.0.0.1 passwort='" + keyword + "'"},
		"as a name":        {"DB_APPLICATION_NAME": "postgres://user:" + quoted + "@" + closed + "/db"},
		"as a number":      {"DB_POOL_SIZE": "postgres://user:" + quoted + "@" + closed + "/db"},
		"joining":          {"DATABASE_URL": "postgres://user:" + quoted + "@" + closed + "/db", "OTHER": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", "-v", k6test.Script(t, `
import { Pool } from 'k6/x/pgxpool';
const pool = new Pool();
if (__ENV.OTHER) new Pool({ url: 'postgres://127.0.0.1/other' });
export default function () {
	console.log(JSON.stringify(pool.stat()));
	try { pool.query('SELECT 1') } catch (e) { console.log(e, e.message, e.stack, JSON.stringify(e)) }
	throw new Error('the end');
}`)}, Env: env})
			require.NotContains(t, messages(r), "", r.Output())
			require.Contains(t, r.Stderr, "level=error", r.Output())
			requireNoSecret(t, r.Output())
			requireNoDump(t, r.Output())
		})
	}
}

// Statements that fail end their iteration, not the run: k6's own rule.
func TestWrongStatementsEndTheIteration(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`pool.query('SELEC 1')`:                                      `QueryError: ERROR: syntax error at or near "SELEC" (SQLSTATE 42601)`,
		`pool.exec('INSERT INTO nowhere VALUES(1)')`:                 `SQLSTATE 42P01`,
		`pool.query(['SELECT 1'])`:                                   `QueryError: query(sql, ...args): sql is Array; use a string`,
		`pool.query('SELECT $1::int4', 1.5)`:                         `QueryError: argument $1: 1.5 does not fit int4`,
		`const c = pool.acquire(); c.release(); c.query('SELECT 1')`: `QueryError: connection is released`,
		`pool.close(); pool.query('SELECT 1')`:                       `QueryError: pool "default" is closed`,
		`pool.transaction(async () => {})`:                           `QueryError: transaction(fn) takes a plain function, not an async one`,
	} {
		r := run(t, k6test.Script(t, "import { Pool } from 'k6/x/pgxpool';\nconst pool = new Pool();\nexport default function () { "+body+" }"),
			map[string]string{"DATABASE_URL": pgtest.URL(t)}, "--quiet")
		require.Zero(t, r.Code, r.Output())
		said := messages(r)
		require.Len(t, said, 1, r.Output())
		require.Contains(t, said[0], want)
		requireNoDump(t, r.Output())
	}
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// silentPort is an address that takes connections and never says a word. It
// counts them.
func silentPort(t *testing.T) (address string, taken *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	taken = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var held []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				for _, c := range held {
					_ = c.Close()
				}
				return
			}
			taken.Add(1)
			held = append(held, conn)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String(), taken
}

// connectTimeout is the limit, not poolTimeout and not the iteration's.
func TestAnUnreachableServerIsAConnectErrorInTime(t *testing.T) {
	silent, taken := silentPort(t)
	for name, address := range map[string]string{"closed": closedPort(t), "silent": silent} {
		t.Run(name, func(t *testing.T) {
			r := run(t, k6test.Script(t, `
import { Pool } from 'k6/x/pgxpool';
const pool = new Pool({ connectTimeout: '1s', poolTimeout: '10m' });
export default function () {
	const start = Date.now();
	try { pool.query('SELECT 1') } catch (e) { console.log('CAUGHT ' + e.name + ' ' + (Date.now() - start)); throw e }
}`), map[string]string{"DATABASE_URL": "postgres://user:word@" + address + "/db"})
			require.Zero(t, r.Code, r.Output())
			found := regexp.MustCompile(`CAUGHT ConnectError (\d+)`).FindStringSubmatch(r.Stderr)
			require.NotNil(t, found, r.Output())
			var took int
			_, err := fmt.Sscan(found[1], &took)
			require.NoError(t, err)
			require.Less(t, took, 30_000, "not a hang")
			if name == "silent" {
				require.GreaterOrEqual(t, took, 1000, "not earlier")
				require.Positive(t, taken.Load())
			}
			require.Contains(t, messages(r)[0], "cannot connect to "+address+"/db as user")
			require.NotContains(t, r.Output(), "word@")
			requireNoDump(t, r.Output())
		})
	}
}

func TestThresholdsKnowTheMetrics(t *testing.T) {
	t.Parallel()
	threshold := func(metric string) k6test.Result {
		return run(t, k6test.Script(t, fmt.Sprintf(`
import 'k6/x/pgxpool';
export const options = { thresholds: { '%s': ['count<1'] } };
export default function () {}`, metric)), map[string]string{"DATABASE_URL": ""}, "--quiet")
	}
	r := threshold("pgxpool_leaks")
	require.Zero(t, r.Code, r.Output())
	r = threshold("pgxpool_leeks")
	require.Equal(t, exitInvalidConfig, r.Code, r.Output())
	require.Contains(t, r.Stderr, "pgxpool_leeks")
}

// What only looks at a script touches no database and starts none.
func TestInspectAndArchiveConnectNothing(t *testing.T) {
	address, taken := silentPort(t)
	script := k6test.Script(t, `
import { Pool, open } from 'k6/x/pgxpool';
const pool = new Pool(), other = open(undefined, { name: 'other' });
export const options = { vus: 3 };
export default function () { pool.query('SELECT 1'); other.query('SELECT 1') }`)
	for _, command := range []string{"inspect", "archive"} {
		for name, url := range map[string]string{"a server": "postgres://" + address + "/db", "a temporary one": ""} {
			t.Run(command+" with "+name, func(t *testing.T) {
				base := openDir(t)
				r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{command, script}, Env: map[string]string{"DATABASE_URL": url, "TMPDIR": base}})
				require.Zero(t, r.Code, r.Output())
				require.NotContains(t, r.Output(), "PostgreSQL")
				requireNothingLeft(t, base)
			})
		}
	}
	require.Zero(t, taken.Load())
}

// Wherever a person mistypes a URL into, its password is not said again. A user
// without a password is what a forgotten colon looks like.
func TestNoMistypedSecretIsShown(t *testing.T) {
	t.Parallel()
	const secret = "geh3im"
	root := k6test.Root(t)
	for name, url := range map[string]string{"password": "postgres://ann:" + secret + "@db/x", "forgotten colon": "postgres://ann" + secret + "@db/x"} {
		var runs [][]string
		for _, flags := range [][]string{
			{"monitor", "--interval", url}, {"monitor", "--duration", url}, {"monitor", "--format", url}, {"monitor", "--app-url", url},
			{"monitor", "--url", url, "--interval", "1x"}, {"monitor", url}, {"plan", "--hold", url}, {"plan", "--users", url},
			{"plan", "--hold", "5ms", "--url", url}, {"plan", url}, {"plan", "--" + url}, {"compare", url, url}, {"compare", "a", "b", "--tolerance", url},
			{"compare", "a", "b", "--history", url}, {"merge", url}, {"merge", "--output", url, "x"}, {"init", url}, {url},
		} {
			runs = append(runs, append([]string{"x", "pgxpool"}, flags...))
		}
		for _, name := range []string{"CONCURRENT", "DURATION", "THINK", "HOLD", "GATE", "WAIVE", "INTERVAL", "SPREAD", "STEP_WAIVE", "STEPS", "OUT", "DB_POOL_SIZE", "METRICS"} {
			for _, script := range []string{"100users.js", "capacity.js"} {
				runs = append(runs, []string{"run", "--quiet", "-e", name + "=" + url, filepath.Join(root, "scripts", script)})
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, args := range runs {
				r := k6test.K6(t, k6test.Run{Plain: true, Args: args, Env: map[string]string{"DATABASE_URL": "postgres://127.0.0.1:1/x"}})
				require.NotContains(t, r.Output(), secret, args)
			}
		})
	}
}

// A value of megabytes is not repeated whole.
func TestALongValueIsCutWithItsLength(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 100_000) // what the system takes as one argument
	for _, name := range []string{"GATE", "WAIVE", "CONCURRENT"} {
		r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", "--quiet", "-e", name + "=x" + long, filepath.Join(k6test.Root(t), "scripts", "100users.js")}})
		require.NotZero(t, r.Code)
		require.Less(t, len(r.Output()), 3000, name)
	}
	r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"x", "pgxpool", "plan", "--hold", "x" + long}})
	require.Less(t, len(r.Output()), 1500)
	require.Contains(t, r.Output(), "characters)")
}
