/**
 * **A tuned PostgreSQL connection pool for k6.**
 *
 * One pool per name in the whole k6 process, shared by every VU, `setup()` and
 * `teardown()`. It behaves as SQLAlchemy's QueuePool does and is measured while it works.
 *
 * ```js
 * import { Pool } from 'k6/x/pgxpool';
 *
 * const pool = new Pool({ poolSize: 20, maxOverflow: 40 });
 *
 * export default function () {
 *   const rows = pool.query('SELECT id, title FROM issues WHERE project_id = $1', 7);
 *   console.log(`${rows.length} issues`);
 * }
 * ```
 *
 * A pool is made in the init context, where nothing is connected yet. Its calls
 * belong into VU code, `setup()` and `teardown()`.
 *
 * @module k6/x/pgxpool
 */
declare module 'k6/x/pgxpool' {
  /**
   * A length of time: a number is milliseconds, a string carries its units (`'300ms'`,
   * `'30s'`, `'1h30m'`, `'1d'`). In the environment variables a bare number is seconds.
   */
  export type Duration = number | string;

  /** How pgx sends a statement. Behind PgBouncer use `exec` or `simple_protocol`. */
  export type QueryExecMode =
    | 'cache_statement'
    | 'cache_describe'
    | 'describe_exec'
    | 'exec'
    | 'simple_protocol';

  /**
   * What a pool is made of. An option that is not given comes from its environment
   * variable (`-e` before the process environment), then from `.env` in the working
   * directory, then from its default. An unknown name, a wrong type or an impossible
   * value is a {@link ConfigError}, and nothing is connected.
   */
  export interface Options {
    /**
     * The database. `postgres://`, `postgresql://` and SQLAlchemy's
     * `postgresql+asyncpg://`, `postgresql+psycopg://`, `postgresql+psycopg2://`. What it leaves
     * out comes from libpq's places: `postgres://` alone from `PGHOST`, `PGUSER` and the like,
     * the password from `PGPASSWORD` or `~/.pgpass`, `postgres:///?service=name` from a service
     * file. k6 keeps what is given with `-e` in an archive, but not the environment.
     * Environment: `DATABASE_URL`. Default: a temporary PostgreSQL on this machine.
     */
    url?: string;

    /**
     * The pool's identity, and the `pool` tag of its metrics. The same name with the same
     * options joins the pool that exists; with other options it is an error.
     * 1 to 64 printable characters. Default: `default`.
     */
    name?: string;

    /**
     * Idle connections kept at most: 1 to 10000 (SQLAlchemy's `pool_size`, without its 0).
     * Environment: `DB_POOL_SIZE`. Default: 20.
     */
    poolSize?: number;

    /**
     * Connections beyond `poolSize` under load: 0 to 10000 less `poolSize` (SQLAlchemy's
     * `max_overflow`, without its -1). Environment: `DB_MAX_OVERFLOW`. Default: 40.
     */
    maxOverflow?: number;

    /**
     * Longest wait for a place in the pool; 0 fails at once when none is free. Connecting
     * has a limit of its own. Environment: `DB_POOL_TIMEOUT`. Default: 30 s.
     */
    poolTimeout?: Duration;

    /**
     * Longest time to open one connection; at least 1 ms.
     * Environment: `DB_CONNECT_TIMEOUT`. Default: 10 s.
     */
    connectTimeout?: Duration;

    /**
     * Age since connecting after which a connection is replaced, looked at only when it is
     * checked out; 0 replaces at every checkout, -1 never.
     * Environment: `DB_POOL_RECYCLE`. Default: 3600 s.
     */
    poolRecycle?: Duration;

    /**
     * Test every connection that is not brand new when it is checked out.
     * Environment: `DB_POOL_PRE_PING`. Default: true.
     */
    poolPrePing?: boolean;

    /**
     * Which idle connection is handed out: the one that has been idle longest (`false`), or
     * the one that was returned last (`true`). SQLAlchemy's `pool_use_lifo`.
     * Environment: `DB_POOL_USE_LIFO`. Default: false.
     */
    poolUseLifo?: boolean;

    /**
     * Whose round trips ping, begin and return have: `asyncpg` and `psycopg` as under
     * SQLAlchemy 2.0, or `pgx`, the leanest. It changes the traffic only: a statement that
     * succeeded is committed under each.
     * Environment: `DB_DRIVER`, then the URL's scheme, such as `postgresql+asyncpg://`.
     * Default: `pgx`.
     */
    driver?: 'asyncpg' | 'psycopg' | 'pgx';

    /**
     * What a return does to a transaction that is open or has failed. `none` leaves it to the
     * connection's next user. SQLAlchemy's `pool_reset_on_return`.
     * Environment: `DB_POOL_RESET_ON_RETURN`. Default: `rollback`.
     */
    resetOnReturn?: 'rollback' | 'commit' | 'none';

    /**
     * Isolation level of every transaction, by SQLAlchemy's name. With `AUTOCOMMIT` BEGIN is
     * sent for `transaction()` alone, whatever the driver.
     * Environment: `DB_ISOLATION_LEVEL`. Default: the server's.
     */
    isolationLevel?: 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE' | 'AUTOCOMMIT';

    /**
     * The name that `pg_stat_activity` shows: 1 to 63 printable ASCII characters.
     * Environment: `DB_APPLICATION_NAME`. Default: `xk6-pgxpool`.
     */
    applicationName?: string;

    /**
     * The server's own limit for one statement: whole milliseconds up to 2147483647, 0 for
     * none. If there is still no answer {@link Options.connectTimeout} later, and the server is not working on the
     * statement as far as {@link Options.dbCpu} can tell, the connection is given up. Environment: `DB_STATEMENT_TIMEOUT`. Default: none.
     */
    statementTimeout?: Duration;

    /**
     * How statements are sent, in pgx's words.
     * Environment: `DB_QUERY_EXEC_MODE`. Default: `cache_statement`.
     */
    queryExecMode?: QueryExecMode;

    /**
     * What every int8 becomes, in arrays too: `bigint`, `string` or `number`. With `number`, a value beyond the safe integers
     * is a {@link QueryError}. Without this option an int8 is a number while it is a safe integer and a BigInt beyond.
     * Environment: `DB_INT8`. Default: nothing.
     */
    int8?: 'number' | 'string' | 'bigint';

    /**
     * SQL that is run on each new connection before its first use, within {@link Options.connectTimeout}; an error in it is
     * a {@link ConnectError}. Neither a ping nor a return repeats it. Behind PgBouncer in transaction mode use
     * `ALTER ROLE … SET` instead. Environment: `DB_ON_CONNECT`. Default: nothing.
     */
    onConnect?: string;

    /**
     * `compact` keeps distributions in sketches (0.5 % relative error) instead of giving k6
     * a Trend's value for every query, which k6 would keep until the end: hours in flat
     * memory. k6 gets gauges such as `pgxpool_acquire_p95` once a second, without the tags
     * of single calls. One pool with it makes the whole run compact.
     * Environment: `METRICS`. Default: `full`.
     */
    metrics?: 'full' | 'compact';

    /**
     * How often the pool's levels (active, idle, waiting …) are sampled into metrics; at
     * least 10 ms. Environment: `DB_POOL_SAMPLE_INTERVAL`. Default: 100 ms.
     */
    sampleInterval?: Duration;

    /**
     * Read the CPU of the database's host, and ask the server before a statement without an answer is given up. This
     * takes one connection of the process beside those of its pools, which counts towards the server's limits.
     * Environment: `DB_CPU`. Default: true.
     */
    dbCpu?: boolean;

    /**
     * How often the `Pool Status:` line is printed while the test runs: at least 10 ms, 0 for
     * off. Environment: `DB_POOL_STATUS_INTERVAL`. Default: off.
     */
    statusInterval?: Duration;

    /**
     * A connection held longer is reported with the script line that took it; 0 for off.
     * Environment: `DB_POOL_LEAK_THRESHOLD`. Default: off.
     */
    leakDetectionThreshold?: Duration;

    /**
     * Options that the environment, `.env` and the URL override, such as what a scenario
     * suggests: `{ defaults: { poolSize: 5 } }`. Default: nothing.
     */
    defaults?: Omit<Options, 'url' | 'name' | 'defaults'>;
  }

  /** What JSON can say. */
  export type JsonValue =
    | null
    | boolean
    | number
    | string
    | readonly JsonValue[]
    | { readonly [key: string]: JsonValue | undefined };

  /**
   * A value as it arrives from PostgreSQL:
   *
   * | PostgreSQL | JavaScript |
   * | --- | --- |
   * | `NULL` | `null` |
   * | `bool` | `boolean` |
   * | `int2`, `int4`, `float4`, `float8` | `number` |
   * | `int8` | `number` while it is a safe integer, `bigint` beyond; see {@link Options.int8} |
   * | `numeric`, `text`, `uuid` and every type not named here | `string` |
   * | `timestamptz`, `timestamp`, `date` | `Date` in UTC, cut to milliseconds; `infinity` is the number `Infinity` |
   * | `json`, `jsonb` | the parsed value |
   * | `bytea` | `ArrayBuffer` |
   * | a domain | as its base type |
   * | an array of these, of enums, or of another type that PostgreSQL brings along | an array |
   *
   * An array of a composite type of your own is a type not named here: read it as `mine::text[]`.
   * The settings of role and database change no value: `client_encoding` and `DateStyle` are set
   * when a connection is opened. Where a setting would change one all the same (floats as text
   * with `extra_float_digits` below 1), the statement is a {@link QueryError} that names it.
   */
  export type SqlValue = JsonValue | bigint | Date | ArrayBuffer | readonly SqlValue[];

  /**
   * A value given for `$1`, `$2` …: the types of {@link SqlValue}. An array goes as a
   * PostgreSQL array, an object as JSON, a string for a json parameter as JSON text.
   * A value that does not fit its parameter is a {@link QueryError}, never changed. In the modes
   * `exec` and `simple_protocol` only the server knows the types and gets every value as text: it
   * refuses 1.5 for an int4, but reads the day off a Date for a date and the number off 1 for a bool.
   * There an array for json has to be its `JSON.stringify()`: `[]` itself would be PostgreSQL's `{}`.
   */
  export type SqlArgument = SqlValue;

  /**
   * A row keyed by column, with values as in {@link SqlValue}. Name the columns' types where
   * you know them: `pool.query<{ id: number }>('SELECT id …')`.
   */
  export type Row = Record<string, any>;

  /** What a statement did. */
  export interface ExecResult {
    /** Rows that were inserted, updated, deleted, selected or copied. */
    rowsAffected(): number;
    /** The statement's verb as the server names it, such as `INSERT`. */
    readonly command: string;
  }

  /** The calls that a {@link Pool} and a {@link Connection} share. */
  interface Queryable {
    /**
     * Runs one statement and gives its rows, read at once. A row becomes an ordinary object when
     * it is first touched. The array is one that k6's `http.batch` does not take: give it `[...rows]`.
     * COPY … FROM STDIN is refused.
     * @param sql one statement, with `$1`, `$2` … for values
     * @param args a value for each of them
     * @throws {PgxpoolError}
     */
    query<T = Row>(sql: string, ...args: SqlArgument[]): T[];

    /**
     * Runs one statement and gives its first row, or `null` when there is none.
     * @throws {PgxpoolError}
     */
    queryRow<T = Row>(sql: string, ...args: SqlArgument[]): T | null;

    /**
     * Runs a statement whose rows are not wanted. Without values it may
     * hold several statements.
     * @throws {PgxpoolError}
     */
    exec(sql: string, ...args: SqlArgument[]): ExecResult;

    /**
     * Runs one statement and gives the first column of its first row, or `null` when there is none. The
     * other rows are read and dropped.
     * @throws {PgxpoolError}
     */
    queryValue<T = any>(sql: string, ...args: SqlArgument[]): T | null;

    /** {@link Queryable.query} as a Promise, which is rejected where the call would throw. */
    queryAsync<T = Row>(sql: string, ...args: SqlArgument[]): Promise<T[]>;
    /** {@link Queryable.queryRow} as a Promise, which is rejected where the call would throw. */
    queryRowAsync<T = Row>(sql: string, ...args: SqlArgument[]): Promise<T | null>;
    /** {@link Queryable.queryValue} as a Promise, which is rejected where the call would throw. */
    queryValueAsync<T = any>(sql: string, ...args: SqlArgument[]): Promise<T | null>;
    /** {@link Queryable.exec} as a Promise, which is rejected where the call would throw. */
    execAsync(sql: string, ...args: SqlArgument[]): Promise<ExecResult>;

    /**
     * Runs `fn` between BEGIN and COMMIT and gives what it returns. When `fn` throws, the
     * transaction is rolled back and the error is thrown again. An async `fn` is refused. On a connection
     * whose transaction is open it is a savepoint, without options; what `fn` throws undoes that part alone.
     * With the driver `pgx` BEGIN goes to the server with the first statement.
     * @throws {PgxpoolError}
     */
    transaction<T>(fn: (conn: Connection) => T extends PromiseLike<unknown> ? never : T, options?: TransactionOptions): T;

    /**
     * {@link Queryable.transaction} as a Promise, which is rejected where the call would throw; `fn` may be async.
     * One at a time on a connection: await it before you begin another, unless inside its `fn`.
     */
    transactionAsync<T>(fn: (conn: Connection) => T | PromiseLike<T>, options?: TransactionOptions): Promise<T>;

    /**
     * Sends many rows by COPY and gives their number. All of them are there, or none is. The values go in the types of
     * the columns, in every {@link Options.queryExecMode}.
     * @param table its name as the catalog has it, with its schema before a dot where that is needed
     * @param columns at least one name, as the catalog has it
     * @param rows an array for each row, with a value for each column
     * @throws {PgxpoolError}
     */
    copyFrom(table: string, columns: readonly string[], rows: readonly (readonly SqlArgument[])[]): number;

    /** {@link Queryable.copyFrom} as a Promise, which is rejected where the call would throw. */
    copyFromAsync(table: string, columns: readonly string[], rows: readonly (readonly SqlArgument[])[]): Promise<number>;
  }

  /**
   * One connection out of the pool. It goes back with {@link Connection.release}; one that
   * is still held when its iteration ends is returned, counted as a leak and logged. Its
   * statements run one after the other in the order of their calls, Promises included, which
   * settle in that order too.
   */
  export interface Connection extends Queryable {
    /** The process number of its server backend. */
    readonly pid: number;

    /**
     * Gives the connection back before it returns. {@link Options.resetOnReturn} says what becomes
     * of an open or failed transaction; the connection is kept. A second call does nothing. A query
     * afterwards is a {@link QueryError}.
     */
    release(): void;
  }

  /** How a transaction runs. What is not given is the pool's, or the server's. */
  export interface TransactionOptions {
    /** Its isolation level, in place of {@link Options.isolationLevel}. Default: the pool's. */
    isolation?: 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
    /** Refuses writes, as `READ ONLY` does. Default: the server's `default_transaction_read_only`. */
    readOnly?: boolean;
    /** With `SERIALIZABLE` and `readOnly`: waits until nothing can make it fail. Default: the server's `default_transaction_deferrable`. */
    deferrable?: boolean;
    /**
     * How often it is run again, from the beginning, when it failed with 40001 (serialization
     * failure) or 40P01 (deadlock): 0 to 100. The wait before is up to 10 ms at first and twice as long each
     * time, up to 1 s; a transaction of the pool holds no connection meanwhile. Default: 0.
     */
    retries?: number;
  }

  /** What the calls of {@link Pool.with} have of their own. */
  export interface WithOptions {
    /** Tags of the samples, beside the VU's, such as `{ name: 'list' }`. The tag `pool` stays the pool's name. Default: none. */
    tags?: Readonly<Record<string, string | number | boolean>>;
    /**
     * Longest time for one statement; then it is canceled on the server, which is a {@link QueryError} with the
     * code 57014. The wait for a connection is not part of it. Above 0. Default: none.
     */
    timeout?: Duration;
    /** `array` gives a row as an array, with all columns where two have one name. Default: `object`. */
    rowMode?: 'object' | 'array';
    /** Most rows that `query` may give, at least 1: with more it is a {@link QueryError}, and the statement has run. Default: no limit. */
    maxRows?: number;
  }

  /** A column of a result. */
  export interface Field {
    /** As the statement calls it. */
    readonly name: string;
    /** The number of its type in `pg_type`. */
    readonly oid: number;
  }

  /** Rows as arrays, and their columns, which an empty result has too. */
  export type ArrayRows<T> = T[] & { readonly fields: readonly Field[] };

  interface ArrayQueryable {
    query<T = any[]>(sql: string, ...args: SqlArgument[]): ArrayRows<T>;
    queryAsync<T = any[]>(sql: string, ...args: SqlArgument[]): Promise<ArrayRows<T>>;
    queryRow<T = any[]>(sql: string, ...args: SqlArgument[]): T | null;
    queryRowAsync<T = any[]>(sql: string, ...args: SqlArgument[]): Promise<T | null>;
  }

  /** A pool whose rows are arrays. */
  export type ArrayPool = ArrayQueryable & Pool;

  /** The pool's levels and counts at one moment. */
  export interface PoolStat {
    /** {@link Options.poolSize}; of several runners, this one's share. */
    readonly size: number;
    /** {@link Options.maxOverflow}; of several runners, this one's share. */
    readonly maxOverflow: number;
    /** Connections checked out now. */
    readonly active: number;
    /** Connections open and free now. */
    readonly idle: number;
    /** Connections open now. */
    readonly total: number;
    /** Connections open beyond `size` now: max(0, total - size). */
    readonly overflow: number;
    /** Checkouts waiting for a place now. */
    readonly waiting: number;
    /** Most connections checked out at once so far. */
    readonly peakActive: number;
    /** What is left of `size` now: max(0, size - active). */
    readonly available: number;
    /** active / max(size, active) now, from 0 to 1. */
    readonly utilization: number;
    /** Checkouts that succeeded so far. */
    readonly acquires: number;
    /** Checkouts that hit `poolTimeout` so far. */
    readonly timeouts: number;
    /** Connections opened so far. */
    readonly connects: number;
    /** Connections replaced so far for their age, or for being older than one that was found dead. */
    readonly recycled: number;
    /** Connections found dead so far, each counted once. */
    readonly lost: number;
    /** Overflow connections closed on return so far. */
    readonly discarded: number;
    /** Connections still held when their iteration ended, so far. */
    readonly leaks: number;
  }

  /**
   * A connection pool. Every call but the constructor belongs into VU code, `setup()` or
   * `teardown()`. Its statements each take a connection and give it back.
   */
  export class Pool {
    /**
     * Describes a pool, or joins the one of that name. It connects nothing: that happens at
     * the first checkout.
     * @throws {ConfigError} an unknown option, a value that is not accepted, or other options than those of the pool of that name
     */
    constructor(options?: Options);

    /**
     * Takes a connection, for statements that must share one. Give it back in a `finally`.
     * @throws {PoolTimeoutError} no place within `poolTimeout`
     * @throws {ConnectError} no connection within `connectTimeout`
     * @throws {QueryError} the pool is closed, or the call is in the init context
     */
    acquire(): Connection;

    /**
     * The same pool, whose calls, and those of its connections, have these options. What an earlier
     * `with()` gave and this one does not, stays.
     * @throws {ConfigError} an unknown option or a value that is not accepted
     */
    with(options: WithOptions & { rowMode: 'array' }): ArrayPool;
    with(options: WithOptions): Pool;

    /** The pool's levels and counts now. */
    stat(): PoolStat;

    /**
     * Closes the pool for the whole process. Once is enough; a second call does nothing, and a checkout or
     * statement afterwards is a {@link QueryError}. Of a handle that came from `open(driver, url)` it closes
     * that handle, and the pool with the last one; in `teardown()` the pool at once.
     */
    close(): void;

    /** {@link Pool.acquire} as a Promise, which is rejected where the call would throw. */
    acquireAsync(): Promise<Connection>;
  }
  export interface Pool extends Queryable {}

  /**
   * `new Pool({ ...options, url })` in xk6-sql's shape. Without a URL, as from an unset
   * `__ENV.MY_URL`, it comes from where {@link Options.url} says.
   * @throws {ConfigError} as the constructor of {@link Pool}
   */
  export function open(url: string | undefined, options?: Omit<Options, 'url'>): Pool;
  /**
   * xk6-sql's own call: the driver is ignored, it is always PostgreSQL. Each call gives a handle with its own
   * {@link Pool.close}; all handles share the pool. A handle that is never closed ends with the test.
   * @throws {ConfigError} as the constructor of {@link Pool}, and for xk6-sql's own options
   */
  export function open(driver: symbol | string, url: string, options?: Omit<Options, 'url'>): Pool;

  /** An option or a setting that cannot be used. The message names it, its value and what is accepted. */
  export interface ConfigError extends Error {
    readonly name: 'ConfigError';
  }

  /** No place in the pool within `poolTimeout`. The message has the pool's levels and how long the wait was. */
  export interface PoolTimeoutError extends Error {
    readonly name: 'PoolTimeoutError';
  }

  /** No connection could be opened within `connectTimeout`. */
  export interface ConnectError extends Error {
    readonly name: 'ConnectError';
  }

  /**
   * A connection broke while it was used. The message says what is known of the statement:
   * not sent, rolled back, or unknown. After a COMMIT whose answer never came, whether the
   * transaction was committed is unknown: look for its rows before you run it again.
   */
  export interface ConnectionLostError extends Error {
    readonly name: 'ConnectionLostError';
  }

  /** The server refused a statement, or a call was made in a wrong way. */
  export interface QueryError extends Error {
    readonly name: 'QueryError';
    /** The SQLSTATE, such as `23505`; none when the call itself was wrong. */
    readonly code?: string;
    /** The server's detail, where it gave one. */
    readonly detail?: string;
    /** The server's hint, where it gave one. */
    readonly hint?: string;
    /** The table that the error is about, where the server names one. */
    readonly table?: string;
    /** The column that the error is about, where the server names one. */
    readonly column?: string;
    /** The constraint that was violated, where the server names one. */
    readonly constraint?: string;
    /** Where in the statement the error is, in characters from 1. */
    readonly position?: number;
  }

  /**
   * Every error this module throws. Tell them apart by `name`; they are plain `Error`
   * objects, so `instanceof` cannot.
   */
  export type PgxpoolError =
    | ConfigError
    | PoolTimeoutError
    | ConnectError
    | ConnectionLostError
    | QueryError;

  /** A threshold expression of k6 on one metric, such as `count>0`. */
  export interface Condition {
    readonly metric: string;
    readonly expression: string;
  }

  /** One row of what a run is judged by; thresholds/criteria.js has them and says what each field means. */
  export interface Criterion {
    /** Its name in `WAIVE` and in `summary.json`, such as `success_rate`. */
    readonly name: string;
    /** Its name in reports, such as `Success rate`. */
    readonly title: string;
    /** The metric that is judged, such as `request_success`. */
    readonly metric: string;
    /** What PASS asks of `metric`: a threshold expression of k6, such as `rate>=0.95`. */
    readonly pass: string;
    /** What anything better than FAIL asks, of `warningMetric` where it is another metric. */
    readonly warning: string;
    /** Default: `metric`. */
    readonly warningMetric?: string;
    /** Proves that there is data: without it the verdict is FAIL. */
    readonly guard: Condition;
    /** Proves that measuring was tried: with it and without data the verdict is WARNING. */
    readonly attempt?: Condition;
    /** Why this run cannot measure it. */
    readonly unmeasured?: string;
    /** How reports show the value: `share` is from 0 to 1 and shown in percent, `percent` from 0 to 100. */
    readonly unit: 'count' | 'percent' | 'share' | 'ratio' | 'ms';
    /** What to do about a WARNING and about a FAIL. */
    readonly advice?: { readonly warning: string; readonly fail: string };
  }

  /** How {@link verdict} judges a run, and what its report says about it. */
  export interface VerdictOptions {
    /** Default: those of {@link thresholds}, else the runbook's. */
    readonly criteria?: readonly Criterion[];
    /** What the exit code holds the run to: the PASS criteria, or only the FAIL ones. Default: `GATE`, else `pass`. */
    readonly gate?: 'pass' | 'fail';
    /** Names of criteria that do not count; the report shows them. Default: `WAIVE`, in which commas separate them. */
    readonly waive?: readonly string[];
    /** Lines that every report shows. Default: none. */
    readonly notes?: readonly string[];
    /** What there is to know about the run besides its metrics. */
    readonly run?: {
      /** The script's name in reports. Default: none. */
      readonly script?: string;
      /** How many users there were. Default: k6's largest number of VUs. */
      readonly users?: number;
      /** The application's URL, where there is one. */
      readonly target?: string;
      /** Settings that `compare` holds two runs to, besides the pool's, such as `{ think: '1' }`. */
      readonly configuration?: Readonly<Record<string, string>>;
    };
  }

  /** What {@link thresholds} makes k6's thresholds of. */
  export type JudgedBy = Pick<VerdictOptions, 'criteria' | 'gate' | 'waive'>;

  /**
   * k6's thresholds for the script's `options`, which hold exactly when the verdict passes the gate:
   * `export const options = { vus: 10, thresholds: pgxpool.thresholds() }`. Without criteria they are
   * the runbook's, a request is an iteration, and it succeeds unless it throws; a script that calls
   * {@link observeResponse} counts its requests itself.
   * @throws {ConfigError} for an unknown option, gate or name of a criterion
   */
  export function thresholds(options?: JudgedBy): Record<string, string[]>;

  /**
   * Judges a finished run: `export const handleSummary = (data) => pgxpool.verdict(data)`. It writes
   * the files of the run (folder `OUT`, default `results/`) and gives the report for the terminal. Without
   * {@link thresholds} in the options k6 exits with 0, and the report says so.
   * @throws {ConfigError} for anything that is not handleSummary's data, and for wrong options
   */
  export function verdict(data: object, options?: VerdictOptions): Record<string, string>;

  /** How a request ended, for {@link observeResponse}. */
  export interface Outcome {
    /** Whether it succeeded. Default: true. */
    ok?: boolean;
    /** Whether it failed for want of a connection: a pool timeout, or HTTP 503. Default: false. */
    timeout?: boolean;
    /** Over HTTP: the status, 0 without an answer. Default: none, the request was not over HTTP. */
    status?: number;
    /** k6's `error_code` of the answer. Default: 0. */
    code?: number;
    /** k6's `error` of the answer. Default: none. */
    error?: string;
    /** The body of a failed answer, or its beginning: it may tell of a SQLSTATE. Default: none. */
    body?: string;
  }

  /**
   * Tells that a request begins; {@link observeResponse} ends it. Requests that are open at the end of the test count
   * with their age, as failed beyond a limit that the report names. It gives how many milliseconds late the request
   * begins: more than 0 only in an experiment with a rate, where a request begins with its arrival.
   */
  export function observeRequest(): number;

  /**
   * Tells how long one response took, and how it ended. From all of them come the metrics
   * `response_drift` and `longest_stall`, and the charts of the report.
   * @param ms milliseconds, at least 0
   * @throws {QueryError} an argument of another type, or a negative time
   */
  export function observeResponse(ms: number, outcome?: Outcome): void;

  /** Several pools of the same settings, see {@link pools}. */
  export interface Pools {
    /** Every pool, in the order of their numbers. */
    readonly all: Pool[];
    /** The pool for the next request, chosen by `BALANCE`. */
    next(): Pool;
  }

  /**
   * The pools of an application of several processes: `POOLS` of these options (1 to 1000, default 1), over which
   * requests are balanced by `BALANCE`: `random` (the default), `round-robin`, or `least`, the pool with the fewest
   * connections in use and users waiting (several such in turn). One pool is named as the options say, several
   * `pool-1`, `pool-2` and so on. The report shows the fullest pool, and how evenly they were used, beside the sums.
   * @throws {ConfigError} for wrong options, `POOLS` or `BALANCE`
   */
  export function pools(options?: Options): Pools;

  /** What {@link retry} takes. */
  export interface RetryOptions {
    /** How often a request is made again, from 0 to 100. Default: 3. */
    retries?: number;
    /**
     * The longest pause before the first retry; it doubles before each further one, up to 20 s. The pause is
     * random, from 0 to this ("full jitter"). Default: 100 (milliseconds). At most 20 s.
     */
    backoff?: Duration;
    /** Called before each retry with the reason: `40001`, `40P01`, `PoolTimeoutError` or `503`. */
    onRetry?: (reason: string) => void;
  }

  /**
   * Runs a user's request, and runs it again if it failed for a reason that may pass: 40001, 40P01, a pool timeout, or an
   * answer of `k6/http` with status 503. Gives what the last attempt gave, or throws what it threw; of an async `fn` a
   * Promise. Retries are counted in `request_retries`. VU code, `setup()` and `teardown()` only.
   * @throws {ConfigError} for wrong options
   */
  export function retry<T>(fn: () => T, options?: RetryOptions): T;

  /**
   * Logs a string as an error, once in the process: the same failure of a hundred users is one
   * line. Strings that differ only in numbers are the same.
   * @throws {QueryError} the argument is not a string
   */
  export function warnOnce(text: string): void;

  /** What {@link setting} accepts. */
  export interface SettingOptions<Kind, Value> {
    /** A `duration` is given with a unit (`30s`, `5m`) or in seconds, and comes as seconds. */
    kind: Kind;
    /** What it gives when the variable is not set, or empty. Default: `undefined`. */
    default?: Value;
    /** The least value that is accepted; of a duration in seconds. Default: none. */
    least?: number;
    /** The largest value that is accepted; of a duration in seconds. Default: none. */
    most?: number;
  }

  /**
   * A variable of your own script, read as the pool's own are: from k6's `-e`, the process's
   * environment and `.env`, in this order. In the init context only.
   *
   * @throws {ConfigError} the value is not of that kind, or out of range
   */
  export function setting<Default extends number | undefined = undefined>(
    name: string, options: SettingOptions<'number' | 'integer' | 'duration', Default>,
  ): number | Default;
  export function setting<Default extends string | undefined = undefined>(
    name: string, options: SettingOptions<'string', Default>,
  ): string | Default;

  /**
   * Refuses a setting of the scenarios (`HOLD`, `CONCURRENT`, …) that was given with `-e` and
   * that this script has not read with {@link setting}. In the init context only, after all of them are read.
   *
   * @throws {ConfigError} one was given that is not read
   */
  export function checkSettings(): void;

  /**
   * A string from outside, as a message or a tag may show it: one line without passwords and tokens,
   * cut at 200 characters with its length.
   * @throws {QueryError} the argument is not a string
   */
  export function redact(text: string): string;

  /**
   * Runs a script's `setup()`: `export const setup = () => pgxpool.setup(() => { … })`. It throws
   * if the results cannot be written (folder `OUT`), before any load, and remembers an error of `fn`
   * for the report, since k6 does not pass it to `handleSummary`. It gives what `fn` gives.
   * @throws {ConfigError} the results cannot be written; else what `fn` throws
   */
  export function setup<T>(fn: () => T): T;

  /** pgbench's scripts, read in the init context, for {@link workload}. */
  export interface Workload {
    /** What a report calls it: the specification and a digest of the files. */
    readonly description: string;
    /**
     * For `setup()`: reads the scale of pgbench's tables where a script uses `:scale`, so that a missing table ends the
     * test before its load.
     * @throws {PgxpoolError}
     */
    prepare(pool: Pool): void;
    /**
     * Runs one script, chosen by the weights, on one connection of the pool. Each statement's samples have the tag
     * `statement`, such as `list.sql:3`. A failed statement ends the script, its error is thrown, and an open transaction is rolled back.
     * @throws {PgxpoolError}
     */
    run(pool: Pool): void;
  }

  /**
   * Reads a mix of pgbench's scripts: files of the working directory with their weights, such as
   * `'list.sql@8,update.sql@2'`, or `'builtin:select-only'`, `'builtin:simple-update'`, `'builtin:tpcb-like'`. In the
   * init context only.
   * @throws {ConfigError} with file and line, for what is not supported, and for a file that cannot be read
   */
  export function workload(specification: string): Workload;

  /**
   * Restarts the temporary PostgreSQL, in PostgreSQL's shutdown mode of that name, and comes back
   * when it takes connections again. VU code, `setup()` and `teardown()` only.
   * @throws {ConfigError} the server is your own (`DATABASE_URL`)
   */
  export function restartServer(mode: 'fast' | 'immediate'): void;

  /**
   * For `setup()`, before any pool is used: starts the temporary PostgreSQL with a hot standby
   * (needs an installed `pg_basebackup`). The pools' URL then has both hosts and this
   * `target_session_attrs`.
   * @throws {ConfigError} the server is your own (`DATABASE_URL`)
   */
  export function startStandby(targetSessionAttrs: 'any' | 'read-write'): void;

  /**
   * Makes the temporary primary read-only, promotes the standby of {@link startStandby} and
   * comes back when that takes writes. VU code, `setup()` and `teardown()` only.
   * @throws {ConfigError} the server is your own (`DATABASE_URL`)
   */
  export function failOver(): void;

  /**
   * The memory that the k6 process holds, the pools included, in bytes: as the last garbage
   * collection left it, and without the values that k6 keeps of every Trend until the test's
   * end, which would hide whether anything else grows.
   */
  export function processMemory(): number;

  /**
   * Whether the run's metrics are compact: by `METRICS=compact` or the option
   * {@link Options.metrics} of any pool. A script's own Trend of every request would
   * still grow in k6: do not add to it then.
   */
  export function compactMetrics(): boolean;

  /**
   * The trend of [time, value] pairs in order of time, in values per unit of time: Theil and Sen's slope, which
   * outliers do not move, and the ends of its 95 % confidence interval.
   * @param points at least two pairs, the earliest first
   * @throws {QueryError} fewer pairs, or entries that are not pairs of finite numbers
   */
  export function trend(points: number[][]): { slope: number; low: number; high: number };

  /**
   * What {@link experiment} takes. Durations are in seconds; what is not given has the plan's
   * default.
   */
  export interface ExperimentOptions {
    /** Which steps there are: the same load before and after a change, more and more users until the criteria fail, or a sweep of pool sizes. */
    plan: 'before-after' | 'capacity' | 'tune';
    /** Options of every step's pool; those of the step win over them. Default: none. */
    pool?: Options;
    /**
     * An application to start anew for every step, with the step's options in its environment
     * (`DB_POOL_SIZE`, …) and `workers` as `WORKERS`: its command line, its address, and the path
     * that answers when it is ready. The requests go to it, over HTTP.
     */
    application?: { command: string; url: string; ready: string; workers: number };
    /** What the requests are, in your own words. `resume` refuses a run whose `workload` differs. */
    workload?: Record<string, unknown>;
    /** The path of an earlier run's `results/PLAN.json`, to continue it. */
    resume?: string;
    /** The plan's own options; an unknown one is an error that lists them. */
    [option: string]: unknown;
  }

  /** An experiment of many steps, each with a new pool, or an application started anew. One for the whole process. */
  export interface Experiment {
    /** The plan's name, and that of its results below `results/`. */
    readonly name: string;
    /** The most users that any step needs: k6's `vus`. */
    readonly users: number;
    /** An upper bound of the whole experiment, such as `"600s"`: k6's `maxDuration`. */
    readonly maxDuration: string;
    /**
     * Starts the experiment's application once with the settings of the first step and stops it,
     * so that what keeps it from running is an error before any load. Without one it does
     * nothing. For `setup()`.
     */
    prepare(): void;
    /**
     * Ends this user's turn, pauses for the think time, and waits for the next turn. Gives the
     * step's pool, and `null` when the experiment is over. Over HTTP the steps have no pool of
     * ours, and what it gives must not be used. VU code only.
     */
    next(): Pool | null;
  }

  /**
   * Makes the process's experiment. Nothing is connected before the first {@link Experiment.next}.
   * @throws {ConfigError} for options that cannot be used
   */
  export function experiment(options: ExperimentOptions): Experiment;

  /** What {@link monitor} takes: whom to watch, and how large its pool is. */
  export interface MonitorOptions {
    /** The database of the application. Environment: `DATABASE_URL`. */
    url?: string;
    /** The application's `application_name`. Environment: `DB_APPLICATION_NAME`. Required without the next three. */
    applicationName?: string;
    /** The role its sessions have. Environment: `APP_ROLE`. */
    role?: string;
    /** The database its sessions are in. Environment: `APP_DATABASE`. */
    database?: string;
    /** The address or network its sessions come from; several are separated by commas. Environment: `APP_CLIENT`. */
    client?: string;
    /** The base size of one process. Environment: `DB_POOL_SIZE`. Default: 20. */
    poolSize?: number;
    /** The overflow of one process. Environment: `DB_MAX_OVERFLOW`. Default: 40. */
    maxOverflow?: number;
    /** How long its users wait for a connection. Environment: `DB_POOL_TIMEOUT`. Not known by default. */
    poolTimeout?: Duration;
    /**
     * Its processes, each with a pool of its own. Environment: `WORKERS`. Estimated by default:
     * from the pids that it answers with, or from more connections than fewer can have.
     */
    workers?: number | string;
    /** How often the `Pool Status:` line is printed. Environment: `DB_POOL_STATUS_INTERVAL`. Default: off. */
    statusInterval?: Duration;
    /**
     * Where the application reports its pool (`http://…/health/pool`); several as an array.
     * Environment: `APP_URL`, separated by commas. Default: the application is not asked.
     */
    appURL?: string | string[];
    /** The console of the PgBouncer between application and server, such as `postgres://stats@127.0.0.1:6432/pgbouncer`. Environment: `PGBOUNCER_URL`. */
    pgbouncerURL?: string;
  }

  /** A live application's pool under watch. */
  export interface Monitor {
    /**
     * Begins to watch, until the test ends; once is enough. VU code and `setup()` only.
     * @throws {ConnectError} the database cannot be reached
     */
    start(): void;
    /** The application's name, or how else its sessions are selected. */
    readonly applicationName: string;
    /** The base size of one process. */
    readonly poolSize: number;
    /** The overflow of one process. */
    readonly maxOverflow: number;
    /** The processes that were given, 1 where their number is estimated. */
    readonly workers: number;
  }

  /**
   * Watches a live application's pool from the database's side while k6 loads it, into the
   * metrics `app_pool_*`. One for the whole process; nothing is connected before `start()`.
   * `null` where neither an option nor the environment names a database: there is nothing to watch.
   * @throws {ConfigError} for wrong options, and where nothing tells which sessions are the application's
   */
  export function monitor(options?: MonitorOptions): Monitor | null;

  /** What `import pgxpool from 'k6/x/pgxpool'` gives. */
  const pgxpool: {
    readonly Pool: typeof Pool;
    readonly open: typeof open;
    readonly monitor: typeof monitor;
    readonly experiment: typeof experiment;
    readonly pools: typeof pools;
    readonly retry: typeof retry;
    readonly warnOnce: typeof warnOnce;
    readonly redact: typeof redact;
    readonly setup: typeof setup;
    readonly setting: typeof setting;
    readonly checkSettings: typeof checkSettings;
    readonly restartServer: typeof restartServer;
    readonly startStandby: typeof startStandby;
    readonly failOver: typeof failOver;
    readonly processMemory: typeof processMemory;
    readonly compactMetrics: typeof compactMetrics;
    readonly trend: typeof trend;
    readonly verdict: typeof verdict;
    readonly observeRequest: typeof observeRequest;
    readonly thresholds: typeof thresholds;
    readonly observeResponse: typeof observeResponse;
    readonly workload: typeof workload;
  };
  export default pgxpool;
}
