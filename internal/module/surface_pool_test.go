package module_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

func TestPoolTakesItsOptions(t *testing.T) {
	for script, want := range map[string]string{
		`new Pool()`:     `[20,40]`,
		`new Pool({})`:   `[20,40]`,
		`new Pool(null)`: `[20,40]`,
		`new Pool({ poolSize: undefined, maxOverflow: null })`:           `[20,40]`,
		`new Pool({ url: URL, poolSize: 3, maxOverflow: 0 })`:            `[3,0]`,
		`new pgxpool.Pool({ poolSize: 3 })`:                              `[3,40]`,
		`open()`:                                                         `[20,40]`,
		`open(URL)`:                                                      `[20,40]`,
		`open(URL, { poolSize: 3 })`:                                     `[3,40]`,
		`open(undefined, { poolSize: 3 })`:                               `[3,40]`,
		`open(URL, undefined)`:                                           `[20,40]`,
		`open('postgres', URL)`:                                          `[20,40]`,
		`open('pgx', URL, { poolSize: 3 })`:                              `[3,40]`,
		`open(Symbol('postgres'), URL, { maxOverflow: 1 })`:              `[20,1]`,
		`pgxpool.open('postgres', URL, null)`:                            `[20,40]`,
		`open('host=127.0.0.1 dbname=postgres')`:                         `[20,40]`,
		`new Pool({ name: 'a', poolTimeout: '3s', poolRecycle: -1 })`:    `[20,40]`,
		`open('postgresql+asyncpg://a:b@127.0.0.1/c', { poolSize: 12 })`: `[12,40]`,
	} {
		t.Run(script, func(t *testing.T) {
			u := jstest.InInit(t)
			require.Equal(t, want, u.Text(`const pool = `+script+`; [pool.stat().size, pool.stat().maxOverflow]`))
			require.Equal(t, "true", u.Text(`pool instanceof Pool`))
		})
	}
}

func TestPoolRefusesWrongOptions(t *testing.T) {
	for script, want := range map[string]string{
		`new Pool({ poolSize: 0 })`:                        `ConfigError: option poolSize: 0 is not accepted; use an integer from 1`,
		`new Pool({ poolSize: 'many' })`:                   `ConfigError: option poolSize: "many" is not accepted; use an integer from 1`,
		`new Pool({ maxOverflow: -1 })`:                    `ConfigError: option maxOverflow: -1 is not accepted; use an integer from 0`,
		`new Pool({ poolSize: 1.5 })`:                      `ConfigError: option poolSize: 1.5 is not accepted`,
		`new Pool({ poolSize: [1] })`:                      `ConfigError: option poolSize: an array is not accepted`,
		`new Pool({ poolTimeout: 'soon' })`:                `ConfigError: option poolTimeout: "soon" is not accepted`,
		`new Pool({ driver: 'psycopg2' })`:                 `ConfigError: option driver: "psycopg2" is not accepted`,
		`new Pool({ queryExecMode: 'fast' })`:              `ConfigError: option queryExecMode: "fast" is not accepted`,
		`new Pool({ poolsize: 1 })`:                        `ConfigError: option poolsize: there is no such option, 1 was given for it; use poolSize`,
		`new Pool({ pool_size: 1 })`:                       `ConfigError: option pool_size: there is no such option, 1 was given for it; use poolSize`,
		`new Pool({ color: 1 })`:                           `ConfigError: option color: there is no such option, 1 was given for it; use one of url, name, poolSize`,
		`new Pool(URL)`:                                    `ConfigError: the options: they are of type string; use an object such as { url, poolSize: 20 }`,
		`new Pool([])`:                                     `ConfigError: the options: they are of type Array; use`,
		`new Pool(() => 1)`:                                `ConfigError: the options: they are of type Function; use`,
		`new Pool(new Date())`:                             `ConfigError: the options: they are of type Date; use`,
		`new Pool(new Map([['poolSize', 5]]))`:             `ConfigError: the options: they are of type Map; use`,
		`open(URL, Promise.resolve({ poolSize: 5 }))`:      `ConfigError: the options: they are of type Promise; use`,
		`pgxpool.monitor({ appURL: 5 })`:                   `ConfigError: option appURL: it is of type number; use`,
		`pgxpool.monitor({ appURL: {} })`:                  `ConfigError: option appURL: it is of type Object; use`,
		`open(URL, [])`:                                    `ConfigError: the options: they are of type Array; use`,
		`open(URL, { url: URL })`:                          `ConfigError: option url: it is given twice, as an argument and in the options; use one of the two`,
		`new Pool({}, {})`:                                 `QueryError: new Pool(options): takes one object of options`,
		`open(URL, 'x')`:                                   `ConfigError: the options: they are of type string; use`,
		`open(URL, {}, {})`:                                `QueryError: open(url, options): takes a URL and one object of options`,
		`open('postgres', URL, {}, {})`:                    `QueryError: open(url, options): takes a URL and one object of options`,
		`open(12)`:                                         `ConfigError: option url: 12 is not accepted`,
		`open('mysql://localhost/x')`:                      `ConfigError: option url: `,
		`open('postgres', URL, { max_open_conns: 10 })`:    `ConfigError: option max_open_conns: there is no such option, 10 was given for it; use poolSize and maxOverflow`,
		`open('postgres', URL, { max_idle_conns: 10 })`:    `ConfigError: option max_idle_conns: there is no such option, 10 was given for it; use poolSize`,
		`open('postgres', URL, { conn_max_lifetime: 10 })`: `ConfigError: option conn_max_lifetime: there is no such option, 10 was given for it; use poolRecycle`,
	} {
		t.Run(script, func(t *testing.T) {
			got := jstest.InInit(t).Failure(script)
			require.True(t, strings.HasPrefix(got, want), got)
			requireOneLine(t, got)
		})
	}
}

// A URL given as an argument of the wrong kind must not show its password.
func TestRefusedOptionsKeepThePassword(t *testing.T) {
	for _, script := range []string{
		`new Pool('postgres://u:s3cr%t@127.0.0.1/x')`,
		`new Pool(['postgres://u:s3cr%t@127.0.0.1/x'])`,
		`open({ url: 'x' }, 'postgres://u:s3cr%t@127.0.0.1/x')`,
		`open(URL, 'host=x password=s3cr%t')`,
		`open('mysql://u:s3cr%t@127.0.0.1/x')`,
		`open('postgres://u:s3cr%t@127.0.0.1/x')`,
		`open('postgres', 'postgres://u:s3cr%t@127.0.0.1:port/x')`,
		`new Pool({ name: 'postgres://u:s3cr%t@127.0.0.1/x' })`,
		`new Pool({ 'postgres://u:s3cr%t@127.0.0.1/x': 1 })`,
		`open(URL, { password: 's3cr%t' })`,
	} {
		t.Run(script, func(t *testing.T) {
			require.NotContains(t, jstest.InInit(t).Failure(script), "s3cr")
		})
	}
}

func TestTheSameNameAndOptionsJoin(t *testing.T) {
	u := jstest.New(t)
	u.JS(`const a = open(URL, { name: 'shared', poolTimeout: 300, poolRecycle: 3600000 });
		const b = new Pool({ url: URL, name: 'shared', poolTimeout: '300ms', poolRecycle: '1h', maxOverflow: 40 });
		const other = open(URL, { name: 'other' });`)
	u.Start()
	u.JS(`a.query('SELECT 1'); b.query('SELECT 1')`)
	require.Equal(t, `[1,2,0]`, u.Text(`[a.stat().connects, b.stat().acquires, other.stat().acquires]`))
}

func TestUsersShareThePool(t *testing.T) {
	first := jstest.Running(t, `{ poolSize: 2 }`)
	second := first.Another()
	second.JS(`const pool = open(URL, { poolSize: 2 })`)
	second.Start()
	first.JS(`pool.query('SELECT 1')`)
	second.JS(`pool.query('SELECT 1')`)
	require.Equal(t, `[1,2]`, second.Text(`[pool.stat().connects, pool.stat().acquires]`))
	require.Equal(t, 1, first.Backends())
}

func TestJoiningNamesTheFirstDifference(t *testing.T) {
	u := jstest.InInit(t)
	u.JS(`open(URL, { poolSize: 3, poolTimeout: 300 })`)
	for script, want := range map[string]string{
		`open(URL, { poolSize: 4, poolTimeout: 400 })`:                 `poolSize 3, not 4`,
		`open(URL, { poolSize: 3, poolTimeout: '301ms' })`:             `poolTimeout 300ms, not 301ms`,
		`open(URL, { poolSize: 3 })`:                                   `poolTimeout 300ms, not 30s`,
		`open(URL, { poolSize: 3, poolTimeout: 300, maxOverflow: 0 })`: `maxOverflow 40, not 0`,
	} {
		require.Equal(t, `ConfigError: pool "default" exists with other options: `+want+
			`; give this one another name or the same options`, u.Failure(script))
	}
	got := u.Failure(`open(URL.replace(/:[^:@]*@/, ':another@'), { poolSize: 3, poolTimeout: 300 })`)
	require.Contains(t, got, "ConfigError: ")
	require.Contains(t, got, "url")
	require.NotContains(t, got, "another@")
}

// handleSummary runs the init code again, with the pool closed.
func TestJoiningAClosedPoolGivesTheClosedPool(t *testing.T) {
	first := jstest.Running(t, `{}`)
	first.JS(`pool.query('SELECT 1'); pool.close()`)
	second := first.Another()
	second.JS(`const pool = open(URL, {})`)
	second.Start()
	require.Contains(t, second.Failure(`pool.query('SELECT 1')`), `QueryError: pool "default" is closed`)
	require.Equal(t, `1`, second.Text(`pool.stat().connects`))
}

func TestTheInitContextConnectsNothing(t *testing.T) {
	u := jstest.New(t)
	u.JS(`const pool = open(URL, {}); pool.stat()`)
	require.Zero(t, u.Backends())
	u.Start()
	require.Zero(t, u.Backends())
	u.JS(`pool.query('SELECT 1')`)
	require.Equal(t, 1, u.Backends())
}

// A pool must outlive the iteration, and the VU, that made it.
func TestThePoolOutlivesTheIteration(t *testing.T) {
	u := jstest.New(t)
	u.JS(`const pool = open(URL, {})`)
	u.Start()
	for range 3 {
		end := u.Iteration()
		u.JS(`pool.query('SELECT 1')`)
		end()
	}
	require.Equal(t, `[1,3]`, u.Text(`[pool.stat().connects, pool.stat().acquires]`))
	require.ErrorIs(t, u.VU.CtxField.Err(), context.Canceled)
}

func requireOneLine(t testing.TB, text string) {
	t.Helper()
	require.NotContains(t, text, "\n")
	require.NotContains(t, text, "goroutine")
	require.NotContains(t, text, "GoError")
}

func TestAPoolCanBeExtended(t *testing.T) {
	u := jstest.New(t)
	u.JS(`class Db extends Pool {
			constructor(options) { super({ url: URL, ...options }); this.calls = 0; }
			one() { this.calls++; return this.queryRow('SELECT 1 AS n').n; }
			query(sql, ...args) { this.calls++; return super.query(sql, ...args); }
		}
		class Twice extends Db { one() { return 2 * super.one(); } }
		const db = new Db({ poolSize: 2 }), twice = new Twice({ poolSize: 2 });`)
	u.Start()
	require.Equal(t, `[1,2,[{"n":3}],2,1,true,true,4]`, u.Text(
		`[db.one(), twice.one(), db.query('SELECT $1::int AS n', 3), db.calls, twice.calls, db instanceof Pool, twice instanceof Db, db.stat().acquires + 1]`))
	require.Equal(t, `7`, u.Text(`db.transaction((conn) => conn.queryRow('SELECT 7 AS n').n)`))
	require.Equal(t, `QueryError: query() is called on something that is not a Pool`, u.Failure(`Pool.prototype.query.call({}, 'SELECT 1')`))
	require.Contains(t, u.Failure(`new Db({ poolSize: 3 })`), `ConfigError: pool "default" exists with other options`)
}

// As in xk6-sql each open(driver, url) has its own close(), and the pool ends with the last of them. The next
// open() begins it anew.
func TestHandlesCloseThePoolTogether(t *testing.T) {
	u := jstest.New(t)
	u.JS(`const db = open('postgres', URL, { poolSize: 1 })`)
	other := u.Another()
	other.JS(`const db = open('postgres', URL, { poolSize: 1 })`)
	u.Start()
	other.Start()
	const one = `db.queryValue('SELECT 1')`
	require.Equal(t, "1 1", u.JS(one).String()+" "+other.JS(one).String())
	other.JS(`db.close(); db.close()`)
	for _, call := range []string{`db.query('SELECT 1')`, `db.acquire()`, `db.transaction(() => 1)`, `db.with({ maxRows: 1 }).query('SELECT 1')`} {
		require.Equal(t, `QueryError: this handle of pool "default" is closed: open() another one`, other.Failure(call), call)
	}
	require.Contains(t, other.Rejection(`db.queryAsync('SELECT 1')`)+other.Rejection(`db.acquireAsync()`), "is closed: open() another one")
	require.Equal(t, "1", u.JS(one).String(), "the other one is open")
	u.JS(`{ const mine = open('postgres', URL, { poolSize: 1 }); mine.exec('SELECT 1'); mine.close() }`)
	require.Equal(t, "1", u.JS(one).String())
	require.Equal(t, 1, u.Backends())
	u.JS(`db.close()`)
	require.Zero(t, u.Backends(), "the last one")
	require.Equal(t, "2", u.JS(`{ const again = open('postgres', URL, { poolSize: 1 }); again.queryValue('SELECT 2') }`).String())

	u.JS(`const kept = open(URL, { poolSize: 1 }), handle = open('postgres', URL, { poolSize: 1 }); handle.close()`)
	require.Equal(t, "1", u.JS(`kept.queryValue('SELECT 1')`).String(), "who has a pool without a driver closes it for all")
	u.JS(`kept.close()`)
	require.Contains(t, u.Failure(`kept.query('SELECT 1')`), `pool "default" is closed`)
}
