package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

func TestAConnectionIsTheScriptsUntilItIsReleased(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 2 }`)
	u.JS(`const conn = pool.acquire()`)
	require.Equal(t, `true`, u.Text(`conn.pid === conn.queryRow('SELECT pg_backend_pid() AS pid').pid && conn.pid > 0`))
	require.Equal(t, `"number"`, u.Text(`typeof conn.pid`))
	u.JS(`conn.exec('CREATE TEMPORARY TABLE mine (id int4)')`)
	require.Equal(t, `[{"n":0}]`, u.Text(`conn.query('SELECT count(*) AS n FROM mine')`))
	require.Contains(t, u.Failure(`pool.query('SELECT * FROM mine')`), "42P01", "another connection")
	require.Equal(t, `[1,1]`, u.Text(`[pool.stat().active, pool.stat().idle]`))
	u.JS(`conn.release()`)
	require.Equal(t, `[0,2]`, u.Text(`[pool.stat().active, pool.stat().idle]`), "back before release() is")
}

func TestASecondReleaseDoesNothing(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 2 }`)
	u.JS(`const first = pool.acquire(); first.release();
		const second = pool.acquire(); // the same backend
		first.release(); first.release()`)
	require.Equal(t, `[true,1]`, u.Text(`[first.pid === second.pid, pool.stat().active]`))
	u.JS(`second.query('SELECT 1'); second.release()`)
	require.Equal(t, `0`, u.Text(`pool.stat().active`))
}

func TestAReleasedConnectionIsRefused(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`const conn = pool.acquire(); conn.release()`)
	for _, call := range []string{`query('SELECT 1')`, `queryRow('SELECT 1')`, `exec('SELECT 1')`} {
		require.Equal(t, `QueryError: connection is released: acquire() another one`, u.Failure("conn."+call))
		require.Equal(t, `QueryError: connection is released: acquire() another one`, u.Rejection("conn."+asynchronous(call)))
	}
	require.Equal(t, `true`, u.Text(`conn.pid > 0`), "still tells which one it was")
}

// A return rolls back and keeps the backend.
func TestReleaseRollsBack(t *testing.T) {
	for name, statements := range map[string]string{
		"open":   `conn.exec('BEGIN'); conn.exec('INSERT INTO t VALUES (1)')`,
		"failed": `conn.exec('BEGIN'); conn.exec('INSERT INTO t VALUES (1)'); failure(() => conn.exec('SELECT 1/0'))`,
	} {
		t.Run(name, func(t *testing.T) {
			u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
			u.JS(`pool.exec('CREATE TABLE t (id int4)'); const conn = pool.acquire(); ` + statements + `; conn.release()`)
			require.Equal(t, `[true,0]`, u.Text(`(() => {
				const row = pool.queryRow('SELECT pg_backend_pid() AS pid, (SELECT count(*) FROM t) AS n');
				return [row.pid === conn.pid, row.n];
			})()`))
			require.Equal(t, `[1,0]`, u.Text(`[pool.stat().connects, pool.stat().lost]`))
		})
	}
}

func TestAcquireAsyncGivesAConnection(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 1 }`)
	require.Equal(t, `[true,[{"one":1}],1,0]`, u.Text(`(async () => {
		const conn = await pool.acquireAsync();
		const known = conn.pid === (await conn.queryRowAsync('SELECT pg_backend_pid() AS pid')).pid;
		const rows = await conn.queryAsync('SELECT 1 AS one'), active = pool.stat().active;
		conn.release();
		return [known, rows, active, pool.stat().active];
	})()`))
}

// Statements of one connection run in the order of their calls, also as
// Promises, and its return comes after them.
func TestPromisesOnOneConnectionTakeTurns(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	u.JS(`pool.exec('CREATE TABLE t (place serial, n int4)')`)
	require.Equal(t, `["0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20",20,"QueryError 22012"]`, u.Text(`(async () => {
		const conn = pool.acquire(), all = [];
		for (let n = 0; n < 20; n++) {
			all.push(conn.execAsync('INSERT INTO t (n) VALUES ($1)', n));
			all.push(conn.execAsync('SELECT 1', () => 1).catch((e) => e.name)); // keeps the order too
		}
		const failed = conn.execAsync('SELECT 1/0');
		conn.exec('INSERT INTO t (n) VALUES (20)'); // a blocking call
		conn.release();
		const done = await Promise.all(all);
		const error = await failed.catch((e) => e.name + ' ' + e.code);
		const inserted = pool.query('SELECT n FROM t ORDER BY place').map((row) => row.n).join();
		return [inserted, done.filter((result) => result.command === 'INSERT').length, error];
	})()`))
}

// A script that awaits one after the other finds a rejection only after all before
// it: one that came early would be a rejection that nobody handles, which ends an
// iteration.
func TestPromisesOnOneConnectionSettleInTheirOrder(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	require.Equal(t, `[true,"QueryError 22012"]`, u.Text(`(async () => {
		const conn = pool.acquire(), settled = [], all = [];
		for (let n = 0; n < 500; n++) {
			all.push(conn.execAsync('SELECT 1').then(() => settled.push(n)));
		}
		const failed = conn.execAsync('SELECT 1/0');
		conn.release();
		for (const one of all) await one;
		const error = await failed.catch((e) => e.name + ' ' + e.code);
		return [settled.every((n, at) => n === at), error];
	})()`))
}

// COMMIT comes after the Promises that fn left behind.
func TestATransactionCommitsItsPromises(t *testing.T) {
	u := jstest.Running(t, `{}`)
	require.Equal(t, `20`, u.Text(`(() => {
		pool.exec('CREATE TABLE t (n int4)');
		pool.transaction((conn) => {
			for (let n = 0; n < 20; n++) {
				conn.execAsync('INSERT INTO t VALUES ($1)', n);
			}
		});
		return pool.queryRow('SELECT count(*) AS n FROM t').n;
	})()`))
}

func TestATransactionCommits(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 1 }`)
	u.JS(`pool.exec('CREATE TABLE t (id int4)')`)
	require.Equal(t, `["given",0,1]`, u.Text(`(() => {
		let seen;
		const result = pool.transaction((conn) => {
			conn.exec('INSERT INTO t VALUES (1)');
			seen = pool.queryRow('SELECT count(*) AS n FROM t').n; // from outside
			return 'given';
		});
		return [result, seen, pool.queryRow('SELECT count(*) AS n FROM t').n];
	})()`))
	require.Equal(t, `0`, u.Text(`pool.stat().active`))
}

// The very object that was thrown comes out, whatever it is.
func TestAThrowRollsBackAndIsThrownOn(t *testing.T) {
	for _, thrown := range []string{`new Error('mine')`, `{ any: 'object' }`, `'text'`, `undefined`, `null`, `0`} {
		t.Run(thrown, func(t *testing.T) {
			u := jstest.Running(t, `{}`)
			u.JS(`pool.exec('CREATE TABLE t (id int4)')`)
			require.Equal(t, `[true,0,0]`, u.Text(`(() => {
				const mine = `+thrown+`;
				let caught = 'nothing';
				try {
					pool.transaction((conn) => { conn.exec('INSERT INTO t VALUES (1)'); throw mine; });
				} catch (e) { caught = e; }
				return [caught === mine, pool.queryRow('SELECT count(*) AS n FROM t').n, pool.stat().active];
			})()`))
		})
	}
}

func TestAFailedStatementFailsTheTransaction(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.exec('CREATE TABLE t (id int4)')`)
	require.Contains(t, u.Failure(`pool.transaction((conn) => {
		conn.exec('INSERT INTO t VALUES (1)');
		conn.exec('SELECT 1/0');
	})`), "QueryError 22012: ")
	// Swallowed inside fn, it must not look committed.
	require.Equal(t, `QueryError: the transaction was rolled back instead of committed: a statement in it had failed`,
		u.Failure(`pool.transaction((conn) => {
			conn.exec('INSERT INTO t VALUES (1)');
			try { conn.exec('SELECT 1/0') } catch (e) { /* swallowed */ }
		})`))
	// A deferred constraint fails at COMMIT.
	u.JS(`pool.exec('CREATE TABLE d (id int4 UNIQUE DEFERRABLE INITIALLY DEFERRED)')`)
	require.Contains(t, u.Failure(`pool.transaction((conn) => { conn.exec('INSERT INTO d VALUES (1), (1)') })`), "QueryError 23505: ")
	require.Equal(t, `[0,0,0,1]`, u.Text(`[pool.queryRow('SELECT count(*) AS n FROM t').n,
		pool.queryRow('SELECT count(*) AS n FROM d').n, pool.stat().active, pool.stat().connects]`))
}

func TestATransactionsConnectionEndsWithIt(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`let kept; pool.transaction((conn) => { kept = conn })`)
	require.Contains(t, u.Failure(`kept.query('SELECT 1')`), "released")
	require.Contains(t, u.Failure(`pool.transaction((conn) => { conn.release() })`), "released", "nothing is left to commit")
	require.Equal(t, `0`, u.Text(`pool.stat().active`))
}

func TestTransactionsNest(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.exec('CREATE TABLE t (id int4)')`)
	require.Equal(t, `[2,1]`, u.Text(`(() => {
		let active;
		pool.transaction((outer) => {
			outer.exec('INSERT INTO t VALUES (1)');
			try {
				pool.transaction((inner) => { // another connection
					active = pool.stat().active;
					inner.exec('INSERT INTO t VALUES (2)');
					throw new Error('only the inner one');
				});
			} catch (e) { /* goes on */ }
		});
		return [active, pool.queryRow('SELECT count(*) AS n FROM t').n];
	})()`))
}

func TestTransactionRefusesAsyncFunctions(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.exec('CREATE TABLE t (id int4)'); let ran = false`)
	want := `QueryError: transaction(fn) takes a plain function, not an async one: `
	require.Contains(t, u.Failure(`pool.transaction(async (conn) => { ran = true })`), want)
	require.Contains(t, u.Failure(`pool.transaction(async function (conn) { ran = true })`), want)
	require.Equal(t, `[false,1]`, u.Text(`[ran, pool.stat().acquires]`), "refused before anything ran")
	// A function that gives a Promise shows itself only afterwards.
	require.Contains(t, u.Failure(`pool.transaction((conn) => { conn.exec('INSERT INTO t VALUES (1)'); return Promise.resolve(1) })`), want)
	require.Contains(t, u.Failure(`pool.transaction((conn) => { conn.exec('INSERT INTO t VALUES (1)'); return { then(_, no) { no(1) } } })`), want)
	require.Equal(t, `[0,0]`, u.Text(`[pool.queryRow('SELECT count(*) AS n FROM t').n, pool.stat().active]`))
}

// COMMIT outside a transaction is only a warning to the server.
func TestTransactionEndedInsideIsAnError(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1 }`)
	for _, end := range []string{"COMMIT", "ROLLBACK"} {
		require.Contains(t, u.Failure(`pool.transaction((conn) => { conn.exec('`+end+`'); })`), "the transaction ended before its COMMIT")
	}
	require.Contains(t, u.Failure(`pool.transaction((conn) => conn.queryAsync('SELECT 1'))`), "takes a plain function")
	require.Equal(t, int64(1), u.JS(`pool.queryRow('SELECT 1 AS n').n`).Export())
}

func TestTransactionOptions(t *testing.T) {
	u := jstest.Running(t, `{ isolationLevel: 'REPEATABLE READ' }`)
	settings := `conn => conn.queryValue("SELECT concat_ws(',', current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_setting('transaction_deferrable'))")`
	for options, want := range map[string]string{
		``:                     `"repeatable read,off,off"`,
		`, {}`:                 `"repeatable read,off,off"`,
		`, { readOnly: true }`: `"repeatable read,on,off"`,
		`, { isolation: 'serializable', readOnly: true, deferrable: true, retries: 3 }`: `"serializable,on,on"`,
		`, { isolation: 'READ COMMITTED' }`:                                             `"read committed,off,off"`,
	} {
		require.Equal(t, want, u.Text(`pool.transaction(`+settings+options+`)`), options)
		require.Equal(t, want, u.Text(`pool.transactionAsync(`+settings+options+`)`), options)
	}
	for options, want := range map[string]string{
		`{ isolation: 'SNAPSHOT' }`: `ConfigError: option isolation: SNAPSHOT is not accepted; use READ UNCOMMITTED, `,
		`{ retries: 1.5 }`:          `ConfigError: option retries: 1.5 is not accepted; use an integer from 0 to 100`,
		`{ readonly: true }`:        `there is no readonly; use deferrable, isolation, readOnly, retries`,
		`{ deferrable: 1 }`:         `ConfigError: option deferrable: 1 is not accepted; use true or false`,
	} {
		require.Contains(t, u.Failure(`pool.transaction(() => {}, `+options+`)`), want)
		require.Contains(t, u.Rejection(`pool.transactionAsync(() => {}, `+options+`)`), want)
	}
	require.Equal(t, `0`, u.Text(`pool.stat().active`))
}

// A transaction that the server gave up in favor of another runs again, as often as it was allowed to.
func TestATransactionIsRetried(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.exec('CREATE TABLE t (n int4)');
		const raise = (code) => "DO $$ BEGIN RAISE EXCEPTION 'given up' USING ERRCODE = '" + code + "'; END $$";
		const tries = (code, failures, options, how) => {
			let runs = 0;
			const counted = () => [runs, pool.queryValue('SELECT count(*) FROM t'), pool.stat().active];
			const fn = (conn) => { conn.exec('INSERT INTO t VALUES (1)'); if (++runs <= failures) conn.exec(raise(code)); };
			if (how === 'async') return pool.transactionAsync(async (conn) => fn(conn), options).catch((e) => e.code).then((c) => [c, ...counted()]);
			try { pool.transaction(fn, options); } catch (e) { return [e.code, ...counted()]; }
			return [undefined, ...counted()];
		}`)
	for _, step := range []struct{ call, want string }{
		{`'40001', 2, { retries: 2 }`, `[null,3,1,0]`},
		{`'40P01', 1, { retries: 5 }`, `[null,2,2,0]`},
		{`'40001', 3, { retries: 2 }`, `["40001",3,2,0]`},
		{`'40001', 1, {}`, `["40001",1,2,0]`},
		{`'23505', 1, { retries: 5 }`, `["23505",1,2,0]`},
		{`'40001', 2, { retries: 2 }, 'async'`, `[null,3,3,0]`},
		{`'40P01', 3, { retries: 2 }, 'async'`, `["40P01",3,3,0]`},
		{`'23505', 1, { retries: 2 }, 'async'`, `["23505",1,3,0]`},
	} {
		require.Equal(t, step.want, u.Text(`tries(`+step.call+`)`), step.call)
	}
	require.InDelta(t, 2+1+2+2+2, u.Ended().Count("pgxpool_transaction_retries"), 0)
}

// Two users whose transactions read what the other writes.
func TestARealSerializationFailureIsRetried(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pool.exec('CREATE TABLE t (n int4)'); pool.exec('INSERT INTO t VALUES (1)');
		let runs = 0;
		pool.transaction((conn) => {
			conn.queryValue('SELECT n FROM t');
			if (++runs === 1) pool.exec('UPDATE t SET n = 10');
			conn.exec('UPDATE t SET n = n + 1');
		}, { isolation: 'SERIALIZABLE', retries: 3 })`)
	require.Equal(t, `[2,11]`, u.Text(`[runs, pool.queryValue('SELECT n FROM t')]`))
}

func TestSavepoints(t *testing.T) {
	for _, driver := range []string{"pgx", "asyncpg"} {
		u := jstest.Running(t, `{ driver: '`+driver+`', poolSize: 1, maxOverflow: 0, poolTimeout: 0 }`)
		u.JS(`pool.exec('CREATE TABLE t (n int4)'); const add = (conn, n) => conn.exec('INSERT INTO t VALUES ($1)', n);
			const found = () => pool.query('SELECT n FROM t ORDER BY n').map((row) => row.n);`)
		require.Equal(t, `[["given","mine"],[1,2,5]]`, u.Text(`(() => {
			const seen = pool.transaction((conn) => {
				add(conn, 1);
				const given = conn.transaction((inner) => { add(inner, 2); return 'given'; });
				let thrown;
				try {
					conn.transaction((inner) => { add(inner, 3); inner.transaction((third) => add(third, 4)); throw 'mine'; });
				} catch (e) { thrown = e; }
				try { conn.transaction((inner) => inner.exec('SELECT 1/0')); } catch (e) { /* undone */ }
				add(conn, 5);
				return [given, thrown];
			});
			return [seen, found()];
		})()`))
		require.Contains(t, u.Failure(`pool.transaction((conn) => conn.transaction(() => {}, { retries: 1 }))`), "a savepoint in it has no options")
		require.Contains(t, u.Failure(`pool.transaction((conn) => conn.transaction((inner) => { try { inner.exec('SELECT 1/0') } catch (e) { } }))`),
			"rolled back instead of committed")
		// Without a transaction it is one.
		require.Equal(t, `[1,2,5,6]`, u.Text(`(() => {
			const conn = pool.acquire();
			try {
				conn.query('SELECT 1');
				conn.transaction((inner) => add(inner, 6), { isolation: 'SERIALIZABLE' });
				try { conn.transaction((inner) => { add(inner, 7); throw 'mine'; }); } catch (e) { /* undone */ }
			} finally { conn.release(); }
			return found();
		})()`))
		require.Equal(t, `[1,2,5,6,8,10]`, u.Text(`pool.transactionAsync(async (conn) => {
			await conn.execAsync('INSERT INTO t VALUES (8)');
			await conn.transactionAsync(async (inner) => { await inner.execAsync('INSERT INTO t VALUES (9)'); throw 'mine'; }).catch(() => {});
			conn.execAsync('INSERT INTO t VALUES (10)'); // nobody waits for it
		}).then(found)`))
	}
}

// What fn throws undoes its transaction, whatever a return does to an open one.
func TestAThrowRollsBackWhateverAReturnDoes(t *testing.T) {
	for _, reset := range []string{"commit", "none"} {
		u := jstest.Running(t, `{ resetOnReturn: '`+reset+`' }`)
		u.JS(`pool.exec('CREATE TABLE t (n int4)')`)
		u.JS(`try { pool.transaction((conn) => { conn.exec('INSERT INTO t VALUES (1)'); throw 1; }) } catch (e) { }`)
		u.JS(`pool.transactionAsync(async (conn) => { conn.exec('INSERT INTO t VALUES (1)'); throw 1; }).catch(() => {})`)
		require.Equal(t, `0`, u.Text(`pool.queryValue('SELECT count(*) FROM t')`), reset)
	}
}
