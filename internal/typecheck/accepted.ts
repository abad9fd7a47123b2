// Calls that must compile, and the types that must come out of them.
import pgxpool, {
  observeResponse,
  open,
  Pool,
  verdict,
  type Connection,
  type Criterion,
  type ExecResult,
  type Options,
  type PgxpoolError,
  type PoolStat,
  type Row,
  type SqlValue,
} from 'k6/x/pgxpool';

/** Compiles only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<T extends true>(): T | void {}

const everyOption: Required<Options> = {
  url: 'postgresql+asyncpg://app@localhost/flowboard',
  name: 'main',
  poolSize: 20,
  maxOverflow: 40,
  poolTimeout: '30s',
  connectTimeout: 10_000,
  poolRecycle: -1,
  poolPrePing: true,
  poolUseLifo: false,
  driver: 'asyncpg',
  resetOnReturn: 'rollback',
  isolationLevel: 'READ COMMITTED',
  metrics: 'full',
  defaults: { driver: 'asyncpg', poolTimeout: '5s' },
  applicationName: 'load test',
  statementTimeout: '5s',
  queryExecMode: 'simple_protocol',
  sampleInterval: 100,
  int8: 'bigint',
  onConnect: 'SET jit = off',
  dbCpu: false,
  statusInterval: '5s',
  leakDetectionThreshold: '10s',
};

new Pool();
const pool = new Pool(everyOption);
const pools: Pool[] = [
  new pgxpool.Pool({}),
  open('postgres://localhost/flowboard'),
  open(__ENV.DATABASE_URL, { poolSize: 5 }),
  open('postgres://localhost/flowboard', { poolSize: 5 }),
  open(Symbol('postgres'), 'postgres://localhost/flowboard', { maxOverflow: 0 }),
  pgxpool.open('postgres', 'postgres://localhost/flowboard'),
];

interface Issue {
  id: number;
  title: string | null;
}

is<Same<ReturnType<typeof pool.query<Issue>>, Issue[]>>();
is<Same<ReturnType<typeof pool.queryRow<Issue>>, Issue | null>>();
is<Same<ReturnType<typeof pool.queryAsync<Issue>>, Promise<Issue[]>>>();
is<Same<ReturnType<typeof pool.queryRowAsync<Issue>>, Promise<Issue | null>>>();
is<Same<ReturnType<Pool['execAsync']>, Promise<ExecResult>>>();
is<Same<ReturnType<Pool['acquireAsync']>, Promise<Connection>>>();
is<Same<ReturnType<Connection['execAsync']>, Promise<ExecResult>>>();
is<Same<Connection['pid'], number>>();
is<Same<typeof pgxpool.verdict, typeof verdict>>();
is<Same<typeof pgxpool.observeResponse, typeof observeResponse>>();
is<Same<PoolStat[keyof PoolStat], number>>();

const rows = pool.query('SELECT 1 AS one');
is<Same<typeof rows, Row[]>>();
const anything: SqlValue = rows[0]?.one;
const affected: number = pool.exec('DELETE FROM issues').rowsAffected();
const verb: string = pool.exec('DELETE FROM issues').command;

pool.query(
  'SELECT $1, $2, $3, $4, $5, $6, $7, $8',
  null, true, 1, 10n, 'text', new Date(), new ArrayBuffer(1),
  [1, [2, null]], [new Date(), 3n], { a: [1, { b: null }], c: undefined },
);

const total: number = pool.transaction((conn) => {
  conn.exec('INSERT INTO issues (title) VALUES ($1)', 'in one transaction');
  return conn.query<{ n: number }>('SELECT count(*) AS n FROM issues')[0]?.n ?? 0;
});
is<Same<ReturnType<Pool['copyFromAsync']>, Promise<number>>>();
pool.transaction((conn) => conn.copyFrom('public.issues', ['id', 'title'], [[1, 'one'], [2n, null]]));
const list = pool.with({ tags: { name: 'list', page: 1 }, timeout: '2s', maxRows: 100 });
is<Same<typeof list, Pool>>();
const columns: string[] = pool.with({ rowMode: 'array' }).query<[number, string]>('SELECT 1, 2').fields.map((field) => field.name);
pool.transaction(() => {});
pool.transaction((conn) => conn.transaction((inner) => { inner.exec('SELECT 1'); }), {
  isolation: 'SERIALIZABLE', readOnly: true, deferrable: true, retries: 3,
});
is<Same<ReturnType<typeof pool.transactionAsync<number>>, Promise<number>>>();
pool.transactionAsync(async (conn) => { await conn.execAsync("SELECT 1"); }, { retries: 3 });

const criterion: Criterion = {
  name: 'success_rate',
  title: 'Success rate',
  metric: 'request_success',
  pass: 'rate>=0.95',
  warning: 'rate>=0.90',
  guard: { metric: 'request_duration', expression: 'max>0' },
  unit: 'share',
  advice: { warning: 'Read the errors.', fail: 'Raise DB_POOL_SIZE.' },
};
pgxpool.observeResponse(12.5);
const files: Record<string, string> = pgxpool.verdict({ metrics: {} }, {
  criteria: [criterion],
  gate: 'fail',
  waive: ['db_cpu'],
  notes: ['CPU is the whole host\'s'],
  run: { script: '100users', users: 100, configuration: { poolSize: '20' } },
});

function advice(error: PgxpoolError): string {
  switch (error.name) {
    case 'ConfigError':
    case 'ConnectError':
    case 'ConnectionLostError':
    case 'PoolTimeoutError':
      return error.message;
    case 'QueryError':
      return error.code ?? 'a wrong call';
  }
}

export { advice, affected, anything, columns, files, pools, total, verb };
