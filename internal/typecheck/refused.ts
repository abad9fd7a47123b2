// Calls that must not compile: each `@ts-expect-error` fails the check if its line compiles.
import pgxpool, { open, Pool, type PgxpoolError, type PoolStat } from 'k6/x/pgxpool';

declare const pool: Pool;
declare const stat: PoolStat;
declare const error: PgxpoolError;

// Options.
// @ts-expect-error unknown option
new Pool({ poolsize: 20 });
// @ts-expect-error SQLAlchemy's spelling
new Pool({ pool_size: 20 });
// @ts-expect-error a number, not a string
new Pool({ poolSize: '20' });
// @ts-expect-error a boolean, not a string
new Pool({ poolPrePing: 'true' });
// @ts-expect-error neither number nor string
new Pool({ poolTimeout: true });
// @ts-expect-error a boolean
new Pool({ poolUseLifo: 'lifo' });
// @ts-expect-error not a driver
new Pool({ driver: 'psycopg2' });
// @ts-expect-error the URL is no default
new Pool({ defaults: { url: 'postgres://h/d' } });
// @ts-expect-error not a reset
new Pool({ resetOnReturn: true });
// @ts-expect-error not a level
new Pool({ isolationLevel: 'SNAPSHOT' });
// @ts-expect-error not one of pgx's modes
new Pool({ queryExecMode: 'extended' });
// @ts-expect-error a URL alone is for open()
new Pool('postgres://localhost/flowboard');
// @ts-expect-error one argument
new Pool({}, {});
// @ts-expect-error a class, to be called with new
Pool({});

// open().
// @ts-expect-error the URL is missing
open();
// @ts-expect-error options alone are for new Pool()
open({ poolSize: 20 });
// @ts-expect-error the URL would be given twice
open('postgres://localhost/flowboard', { url: 'postgres://localhost/other' });
// @ts-expect-error xk6-sql's options have other names
open(Symbol('postgres'), 'postgres://localhost/flowboard', { max_open_conns: 5 });
// @ts-expect-error nothing of that name
pgxpool.connect('postgres://localhost/flowboard');

// Statements.
// @ts-expect-error the statement is missing
pool.query();
// @ts-expect-error the statement is a string
pool.queryRow(1);
// @ts-expect-error a function is no value
pool.exec('SELECT $1', () => 1);
// @ts-expect-error a symbol is no value
pool.query('SELECT $1', Symbol('id'));
// @ts-expect-error undefined is no value; null is
pool.query('SELECT $1', undefined);
// @ts-expect-error a forgotten await
pool.exec('SELECT $1', pool.queryRowAsync('SELECT 1 AS one'));
// @ts-expect-error there may be no row
pool.queryRow('SELECT 1 AS one').one;
// @ts-expect-error rowsAffected is a call
pool.exec('DELETE FROM issues').rowsAffected > 0;

// Connections and transactions.
// @ts-expect-error release belongs to the connection
pool.release();
// @ts-expect-error a connection has a pid, no stat()
pool.acquire().stat();
// @ts-expect-error the pid is the server's
pool.acquire().pid = 1;
// @ts-expect-error the function is missing
pool.transaction();
// @ts-expect-error an async function would commit too early
pool.transaction(async (conn) => conn.query('SELECT 1'));
// @ts-expect-error the connection is the only argument
pool.transaction((conn, other) => [conn, other]);

// Levels and errors.
// @ts-expect-error a snapshot does not change
stat.active = 0;
// @ts-expect-error nothing of that name
stat.open;
// @ts-expect-error nothing of that name
error.name === 'TimeoutError';
// @ts-expect-error only a QueryError has a code
error.code;
// @ts-expect-error the errors are plain Error objects, not classes
error instanceof pgxpool.QueryError;

// Verdict.
// @ts-expect-error the data are missing
pgxpool.verdict();
// @ts-expect-error no such option
pgxpool.thresholds({ gates: 'pass' });
// @ts-expect-error not a gate
pgxpool.verdict({}, { criteria: [], gate: 'warning' });
// @ts-expect-error milliseconds, not a string
pgxpool.observeResponse('12.5 ms');
