package module_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

var everyCall = []string{
	`query('SELECT 1')`, `queryRow('SELECT 1')`, `exec('SELECT 1')`, `acquire()`,
	`queryAsync('SELECT 1')`, `queryRowAsync('SELECT 1')`, `execAsync('SELECT 1')`, `acquireAsync()`,
	`transaction(() => {})`, `close()`,
}

func TestTheInitContextIsRefused(t *testing.T) {
	u := jstest.InInit(t)
	u.JS(`const pool = open(URL, {})`)
	for _, call := range everyCall {
		got := u.Failure("pool." + call)
		require.Regexp(t, `^QueryError: \w+\(\) in the init context: call it in the default function, setup\(\) or teardown\(\)$`, got, call)
	}
	require.Equal(t, `20`, u.Text(`pool.stat().size`), "stat() needs no connection")
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`const conn = pool.acquire()`)
	for script, want := range map[string]string{
		`pool.query()`:                       `query(sql, ...args): sql is undefined; use a string`,
		`pool.query(null)`:                   `query(sql, ...args): sql is null; use a string`,
		`pool.query('SELECT 1\0')`:           `query(sql, ...args): sql is a string with a NUL character`,
		`pool.exec("SELECT '\ud800'")`:       `exec(sql, ...args): sql is a string with half a surrogate pair`,
		`pool.copyFrom('a\0b', ['a'], [])`:   `copyFrom(table, columns, rows): table is a string with a NUL character`,
		`pool.copyFrom('t', ['a\0b'], [])`:   `copyFrom(table, columns, rows): a column is a string with a NUL character`,
		`pool.queryRow(1)`:                   `queryRow(sql, ...args): sql is number; use a string`,
		`pool.exec({})`:                      `exec(sql, ...args): sql is Object; use a string`,
		`pool.exec(['SELECT 1'])`:            `exec(sql, ...args): sql is Array; use a string`,
		`conn.query(Symbol('x'))`:            `query(sql, ...args): sql is Symbol; use a string`,
		`pool.query('SELECT $1', () => 1)`:   `argument $1: Function is not a value for PostgreSQL`,
		`pool.query('SELECT 1', Symbol())`:   `argument $1: Symbol is not a value for PostgreSQL`,
		`conn.exec('SELECT 1', 1, () => 1)`:  `argument $2: Function is not a value for PostgreSQL`,
		`pool.query('SELECT $1::int4', 1.5)`: `argument $1: 1.5 does not fit int4`,
		`pool.transaction()`:                 `transaction(fn): fn is undefined; use one function`,
		`pool.transaction(1)`:                `transaction(fn): fn is number; use one function`,
		`pool.transaction(() => {}, 1)`:      `transaction(fn): `,
		`pool.exec('SELECT $1::int4', 1, 2)`: `the statement has 1 parameter, the call gives it 2 arguments`,
		`pgxpool.observeResponse('5')`:       `observeResponse(ms): ms is string; use a number`,
		`pgxpool.observeResponse(null)`:      `observeResponse(ms): ms is null; use a number`,
		`pgxpool.observeResponse()`:          `observeResponse(ms): ms is undefined; use a number`,
		`pgxpool.observeResponse(-1)`:        `observeResponse(ms): `,
	} {
		got := u.Failure(script)
		require.Contains(t, got, "QueryError: "+want, script)
		requireOneLine(t, got)
	}
	require.Contains(t, u.Rejection(`pool.queryAsync(1)`), `QueryError: query(sql, ...args): sql is number`)
	require.Contains(t, u.Rejection(`pool.execAsync('SELECT 1', () => 1)`), `QueryError: argument $1: Function`)
	require.Contains(t, u.Failure(`pool.query('SELECT $1::int4')`), `QueryError: `, "an argument too few")
	require.Contains(t, u.Failure(`pool.query('SELECT 1', 2)`), `QueryError: `, "an argument too many")
	require.Contains(t, u.Failure(`pool.query('SELECT 1; SELECT 2')`), `QueryError 42601: `, "query takes one statement")
	require.Equal(t, `1`, u.Text(`pool.stat().active`), "only the one held")
}

// Who watches an application has read what is about it, also in variables that no script reads by name.
func TestWatchingReadsTheApplicationsSettings(t *testing.T) {
	settings := map[string]string{
		"DB_APPLICATION_NAME": "app", "APP_URL": "http://127.0.0.1:9/health/pool", "WORKERS": "2", "APP_ROLE": "app",
	}
	u := jstest.With(t, settings)
	require.Contains(t, u.Failure(`pgxpool.checkSettings()`), "this scenario does not read it")
	u = jstest.With(t, map[string]string{"BASE_URL": "http://127.0.0.1:9", "WORKERS": "2"})
	require.Contains(t, u.Failure(`(() => { pgxpool.setting('BASE_URL', { kind: 'string' }); pgxpool.monitor(); pgxpool.checkSettings(); })()`), "-e WORKERS: it has no effect without DATABASE_URL; use both, or neither")
	u = jstest.With(t, settings)
	require.Equal(t, "2", u.Text(`(() => { const app = pgxpool.monitor({ url: URL }); pgxpool.checkSettings(); return app.workers; })()`))
}

// What belongs into the init context says so elsewhere, as does all that a call
// wants of it.
func TestCallsOfTheInitContextSayWhereTheyBelong(t *testing.T) {
	u := jstest.Running(t, `{}`)
	require.Equal(t, "QueryError: checkSettings() outside the init context: call it at the top of the script, outside of functions",
		u.Failure(`pgxpool.checkSettings()`))
	for _, name := range strings.Split(u.JS(`Object.keys(pgxpool).join()`).String(), ",") {
		for _, arguments := range []string{``, `'x'`, `{}`, `() => {}`, `'select.sql@1', {}`} {
			script := `try { pgxpool.` + name + `(` + arguments + `) } catch (e) { String(e && e.message) }`
			require.NotContains(t, u.JS(script).String(), "internal error", script)
		}
	}
}

// Methods are native functions: they need no this, and the objects are ours.
func TestTheObjectsAreOurs(t *testing.T) {
	u := jstest.Running(t, `{}`)
	require.Equal(t, `[{"one":1}]`, u.Text(`const { query } = pool; query('SELECT 1 AS one')`))
	require.Equal(t, `["undefined",false,[],true]`, u.Text(
		`pool.extra = 1; [typeof pool.extra, 'qeury' in pool, Object.keys(pool), pool.query === pool.query]`))
	require.Equal(t, `["pid"]`, u.Text(`const conn = pool.acquire(); Object.keys(conn)`))
	require.Equal(t, `true`, u.Text(`const pid = conn.pid; conn.pid = 1; conn.pid === pid`))
}
