package module_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// Every call, with its Promise form, on the pool and on a connection.
func TestEveryCallInEveryForm(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 2 }`)
	u.JS(`pool.exec('CREATE TABLE t (id int4, name text)');
		const conn = pool.acquire();`)
	for call, want := range map[string]string{
		`query('SELECT 1 AS a, $1::text AS b UNION ALL SELECT 2, NULL ORDER BY a', 'x')`: `[{"a":1,"b":"x"},{"a":2,"b":null}]`,
		`query('SELECT 1 AS a WHERE false')`:                                             `[]`,
		`queryRow('SELECT 1 AS a UNION ALL SELECT 2 ORDER BY a')`:                        `{"a":1}`,
		`queryRow('SELECT 1 AS a WHERE false')`:                                          `null`,
		`queryRow('SELECT $1::int4 + $2::int4 AS sum', 2, 3)`:                            `{"sum":5}`,
		`exec('SELECT 1')`: `{"command":"SELECT"}`,
	} {
		for _, on := range []string{"pool", "conn"} {
			require.Equal(t, want, u.Text(on+"."+call), "%s.%s", on, call)
			promise := on + "." + asynchronous(call)
			require.Equal(t, "true", u.Text(promise+" instanceof Promise"), promise)
			require.Equal(t, want, u.Text(promise), promise)
		}
	}
}

// asynchronous is the Promise form of a call.
func asynchronous(call string) string {
	for i := range call {
		if call[i] == '(' {
			return call[:i] + "Async" + call[i:]
		}
	}
	return call
}

func TestExecTellsCommandAndRows(t *testing.T) {
	u := jstest.Running(t, `{}`)
	for _, step := range []struct{ sql, want string }{
		{`CREATE TABLE t (id int4)`, `["CREATE",0]`},
		{`INSERT INTO t SELECT generate_series(1, 5)`, `["INSERT",5]`},
		{`UPDATE t SET id = id + 10 WHERE id > 2`, `["UPDATE",3]`},
		{`DELETE FROM t WHERE id < 10`, `["DELETE",2]`},
		{`SELECT id FROM t`, `["SELECT",3]`},
		{`DELETE FROM t; INSERT INTO t VALUES (1)`, `["INSERT",1]`}, // several: the last one tells
		{`TRUNCATE t`, `["TRUNCATE",0]`},
		{``, `["",0]`},
	} {
		require.Equal(t, step.want, u.Text("(() => { const r = pool.exec(`"+step.sql+"`); return [r.command, r.rowsAffected()] })()"), step.sql)
	}
}

func TestPromisesRunSideBySide(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 3, maxOverflow: 0 }`)
	got := u.Text(`Promise.all([1, 2, 3].map((n) => pool.queryRowAsync('SELECT pg_backend_pid() AS pid, pg_sleep(0.2)')))
		.then((rows) => new Set(rows.map((row) => row.pid)).size)`)
	require.Equal(t, `3`, got)
	require.Equal(t, `[3,3,0]`, u.Text(`[pool.stat().peakActive, pool.stat().connects, pool.stat().active]`))
}

// Arguments are what they were at the call, whatever the script does next.
func TestPromisesTakeTheirArgumentsAtTheCall(t *testing.T) {
	u := jstest.Running(t, `{}`)
	require.Equal(t, `{"v":[1,2]}`, u.Text(`(() => {
		const list = [1, 2], promise = pool.queryRowAsync('SELECT $1::int4[] AS v', list);
		list.push(3);
		return promise;
	})()`))
}

func TestFailedStatementsTellTheirSQLSTATE(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.exec('CREATE TABLE t (id int4 PRIMARY KEY)'); pool.exec('INSERT INTO t VALUES (1)')`)
	for sql, want := range map[string]string{
		`SELEC 1`:                   `QueryError 42601: ERROR: syntax error at or near "SELEC" (SQLSTATE 42601)`,
		`SELECT 1/0`:                `QueryError 22012: ERROR: division by zero (SQLSTATE 22012)`,
		`SELECT * FROM nowhere`:     `QueryError 42P01: ERROR: relation "nowhere" does not exist (SQLSTATE 42P01)`,
		`INSERT INTO t VALUES (1)`:  `QueryError 23505: ERROR: duplicate key value violates unique constraint "t_pkey" (SQLSTATE 23505); Key (id)=(1) already exists.`,
		`SELECT pg_sleep('x' || 1)`: `QueryError 42883: `,
	} {
		for _, call := range []string{"query", "queryRow", "exec"} {
			got := u.Failure("pool." + call + "(`" + sql + "`)")
			require.Contains(t, got, want)
			requireOneLine(t, got)
			require.Equal(t, got, u.Rejection("pool."+call+"Async(`"+sql+"`)"))
		}
	}
	require.Equal(t, `[0,1]`, u.Text(`[pool.stat().active, pool.stat().connects]`), "a failed statement costs no connection")
}

// What a script can do with an error.
func TestErrorsAreErrors(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`let error; try { pool.query('SELECT 1/0') } catch (e) { error = e }`)
	require.Equal(t, `[true,"Error","QueryError","22012","string",["code"]]`, u.Text(
		`[error instanceof Error, error.constructor.name, error.name, error.code, typeof error.stack, Object.keys(error)]`))
	u.JS(`try { pool.query(1) } catch (e) { error = e }`)
	require.Equal(t, `["QueryError",false]`, u.Text(`[error.name, 'code' in error]`))
	u.JS(`error = undefined; pool.queryAsync('SELECT 1/0').catch((e) => { error = e })`)
	require.Equal(t, `[true,"QueryError","22012"]`, u.Text(`[error instanceof Error, error.name, error.code]`))
}

func TestAnUnreachableServerIsAConnectError(t *testing.T) {
	u := jstest.InInit(t)
	u.JS(`const pool = open(URL, {})`)
	u.Start()
	for _, call := range []string{`query('SELECT 1')`, `queryRow('SELECT 1')`, `exec('SELECT 1')`, `acquire()`} {
		got := u.Failure("pool." + call)
		require.Regexp(t, `^ConnectError: pool "default": cannot connect to 127.0.0.1:1/nowhere as someone: `, got)
		require.NotContains(t, got, "word@")
		requireOneLine(t, got)
		require.Equal(t, got, u.Rejection("pool."+asynchronous(call)))
	}
	require.Contains(t, u.Failure(`pool.transaction(() => {})`), "ConnectError: ")
	require.Equal(t, `[0,0,0,0]`, u.Text(`[pool.stat().active, pool.stat().total, pool.stat().acquires, pool.stat().connects]`))
}

func TestALostConnectionIsAConnectionLostError(t *testing.T) {
	u := jstest.Running(t, `{}`)
	got := u.Failure(`pool.query('SELECT pg_terminate_backend(pg_backend_pid())')`)
	require.Regexp(t, `^ConnectionLostError: connection lost during the statement`, got)
	requireOneLine(t, got)
	require.Equal(t, `[1,0]`, u.Text(`[pool.stat().lost, pool.stat().total]`))
	require.Regexp(t, `^ConnectionLostError: `, u.Rejection(`pool.execAsync('SELECT pg_terminate_backend(pg_backend_pid())')`))
}

func TestAFullPoolIsAPoolTimeoutError(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 1, poolTimeout: 20 }`)
	u.JS(`const held = [pool.acquire(), pool.acquire()]`)
	want := `^PoolTimeoutError: pool "default": no connection came free within poolTimeout 20ms ` +
		`\(size=1, maxOverflow=1, overflow=1, active=2, idle=0, waiting=\d, waited=\d+ms\); `
	for _, call := range []string{`query('SELECT 1')`, `queryRow('SELECT 1')`, `exec('SELECT 1')`, `acquire()`} {
		require.Regexp(t, want, u.Failure("pool."+call))
		require.Regexp(t, want, u.Rejection("pool."+asynchronous(call)))
	}
	require.Regexp(t, want, u.Failure(`pool.transaction(() => {})`))
	require.Equal(t, `9`, u.Text(`pool.stat().timeouts`))
	u.JS(`held[0].release()`)
	require.Equal(t, `[{"one":1}]`, u.Text(`pool.query('SELECT 1 AS one')`))
}

func TestQueryValueIsTheFirstColumnOfTheFirstRow(t *testing.T) {
	u := jstest.Running(t, `{}`)
	require.Equal(t, `[1,null,null,"a",{"x":1},[1,2]]`, u.Text(`[pool.queryValue('SELECT 1 AS n, 2 AS n UNION SELECT 3, 4 ORDER BY 1'),
		pool.queryValue('SELECT 1 WHERE false'), pool.queryValue('SELECT NULL'), pool.queryValue('SELECT $1::text', 'a'),
		pool.queryValue("SELECT jsonb '{\"x\": 1}'"), pool.queryValue('SELECT ARRAY[1, 2]')]`))
	require.Equal(t, `7`, u.Text(`pool.queryValueAsync('SELECT 7')`))
	require.Equal(t, `8`, u.Text(`pool.transaction((conn) => conn.queryValue('SELECT 8'))`))
	require.Contains(t, u.Failure(`pool.queryValue(1)`), "QueryError: queryValue(sql, ...args): sql is number")
}

func TestAnErrorTellsWhatTheServerSaid(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.exec('CREATE TABLE t (id int4 PRIMARY KEY, name text NOT NULL)'); pool.exec("INSERT INTO t VALUES (1, 'a')");
		const caught = (fn) => { try { fn() } catch (e) { const { code, detail, hint, table, column, constraint, position } = e; return { code, detail, hint, table, column, constraint, position } } }`)
	require.JSONEq(t, `{"code":"23505","detail":"Key (id)=(1) already exists.","table":"t","constraint":"t_pkey"}`, u.Text(`caught(() => pool.exec("INSERT INTO t VALUES (1, 'b')"))`))
	require.Equal(t, `"name"`, u.Text(`caught(() => pool.exec('INSERT INTO t VALUES (2)')).column`))
	require.JSONEq(t, `{"code":"42P01","position":15}`, u.Text(`caught(() => pool.query('SELECT * FROM none'))`))
}

func TestCopyFrom(t *testing.T) {
	for _, options := range []string{`{}`, `{ queryExecMode: 'simple_protocol' }`, `{ driver: 'asyncpg' }`} {
		u := jstest.Running(t, options)
		u.JS(`pool.exec('CREATE TABLE t (id int4 PRIMARY KEY, big int8, n numeric, name text, at timestamptz, ok bool, data jsonb, list int4[], bytes bytea)');
			const columns = ['id', 'big', 'n', 'name', 'at', 'ok', 'data', 'list', 'bytes'];
			const row = (id) => [id, 2n ** 60n, '1.50', 'x' + id, new Date(0), true, { a: [1] }, [1, null], new Uint8Array([1, 2])];
			const conn = pool.acquire();
			const rows = Array.from({ length: 1000 }, (_, n) => row(n));`)
		require.Equal(t, `[1000,1,0]`, u.Text(`[pool.copyFrom('public.t', columns, rows), conn.copyFrom('t', columns, [row(1000)]), pool.copyFrom('t', columns, [])]`))
		require.Equal(t, `2`, u.Text(`pool.copyFromAsync('t', ['id', 'name'], [[2000, null], [2001, '']])`))
		require.Equal(t, `1003`, u.Text(`pool.queryValue('SELECT count(*) FROM t')`))
		require.Equal(t, `["1152921504606846976","1.50","x7","1970-01-01T00:00:00.000Z",true,{"a":[1]},[1,null],2]`, u.Text(
			`(() => { const r = pool.queryRow('SELECT * FROM t WHERE id = 7'); return [String(r.big), r.n, r.name, r.at, r.ok, r.data, r.list, r.bytes.byteLength]; })()`))
		for call, want := range map[string]string{
			`'t', ['id'], [[3000], [1]]`:    `QueryError 23505: `,
			`'t', ['id'], [[3000], [1.5]]`:  `QueryError`,
			`'nowhere', ['id'], [[1]]`:      `QueryError 42P01: `,
			`'t', ['id'], [[1, 2]]`:         `QueryError: copyFrom(table, columns, rows): rows[0] has 2 values for 1 columns`,
			`'t', ['id'], [{ id: 1 }]`:      `rows[0] is Object; use an array`,
			`'t', [], [[]]`:                 `columns is empty`,
			`1, ['id'], []`:                 `table is number`,
			`'t', ['id'], [[1], [() => 1]]`: `rows[1]: `,
		} {
			require.Contains(t, u.Failure(`pool.copyFrom(`+call+`)`), want, call)
			require.Contains(t, u.Rejection(`pool.copyFromAsync(`+call+`)`), want, call)
		}
		require.Equal(t, `[1003,1,0]`, u.Text(`[pool.queryValue('SELECT count(*) FROM t'), pool.stat().active, pool.stat().lost]`), "all or none")
		require.Contains(t, u.Failure(`pool.exec('COPY t FROM STDIN')`), "use copyFrom(table, columns, rows)")
	}
}

func TestATransactionOfThePoolIsWarnedOf(t *testing.T) {
	for _, driver := range []string{"pgx", "asyncpg"} {
		u := jstest.Running(t, `{ driver: '`+driver+`' }`)
		u.JS(`pool.exec('BEGIN; SELECT 1; COMMIT'); pool.query('SELECT 1'); pool.exec('CREATE TABLE t (n int4)');
			pool.transaction((conn) => { conn.exec('SELECT 1') });
			const conn = pool.acquire(); conn.exec('BEGIN'); conn.release();`)
		require.Empty(t, u.Warnings())
		u.JS(`for (let n = 0; n < 3; n++) { pool.exec('BEGIN') }`)
		require.Len(t, u.Warnings(), 1)
		require.Contains(t, u.Warnings()[0], "the next statement runs elsewhere; use transaction(fn)")
	}
}

// Every int8 is of the kind that is asked for, and one that a number does not hold is refused before anybody reads it.
func TestInt8AsAsked(t *testing.T) {
	const small = `SELECT 5::int8 AS n, '{1,NULL}'::int8[] AS a, 7::int4 AS i, count(*) AS c`
	for kind, want := range map[string]string{
		"number": `["number:5","number:1","number:7","number:1"]`,
		"string": `["string:5","string:1","number:7","string:1"]`,
		"bigint": `["bigint:5","bigint:1","number:7","bigint:1"]`,
	} {
		for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
			u := jstest.Running(t, `{ poolSize: 1, int8: '`+kind+`', queryExecMode: '`+mode+`' }`)
			require.Equal(t, want, u.Text(`(() => {
				const row = pool.queryRow("`+small+`");
				return [row.n, row.a[0], row.i, row.c].map((v) => typeof v + ':' + v);
			})()`), mode)
			require.Equal(t, want[1:len(want)-1], strings.Trim(u.Text(`(() => {
				const [row] = pool.with({ rowMode: 'array' }).query("`+small+`");
				return [row[0], row[1][0], row[2], row[3]].map((v) => typeof v + ':' + v);
			})()`), "[]"))
			for _, large := range []string{`SELECT 9007199254740993 AS n`, `SELECT '{1,-9007199254740993}'::int8[] AS n`} {
				if kind == "number" {
					require.Contains(t, u.Failure(`pool.query("`+large+`")`), `9007199254740993, which a JavaScript number cannot hold: set int8 to bigint or string`)
				} else {
					require.Contains(t, u.JS(`String(pool.queryValue("`+large+`"))`).String(), `9007199254740993`)
				}
			}
			require.Equal(t, `"number"`, u.Text(`typeof pool.queryValue('SELECT $1::int4', 7)`))
		}
	}
}
