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
