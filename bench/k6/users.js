// One case of the comparison: users in a loop over the pool, without think time.
// CASE says what an iteration does; the pool's metrics are all on.

import { Counter } from 'k6/metrics';
import { Pool } from 'k6/x/pgxpool';

const pool = new Pool({
  poolSize: Number(__ENV.POOL),
  maxOverflow: 0,
  poolTimeout: '5m',
  poolPrePing: __ENV.CASE === 'pre-ping',
});
const done = new Counter('bench_queries');

const one = 'SELECT id, title, total FROM bench WHERE id = $1';
const many = 'SELECT id, title, total FROM bench WHERE id >= $1 ORDER BY id LIMIT $2';

let n = __VU * 7919;
const next = () => 1 + (n++ % 10000);

const cases = {
  blocking: () => repeat(20, () => pool.query(one, next())),
  single: () => repeat(1, () => pool.query(one, next())),
  'pre-ping': () => repeat(1, () => pool.query(one, next())),
  touched: () => repeat(20, () => pool.queryRow(one, next()).title),
  rows: () => repeat(20, () => pool.query(many, next(), 100)),
  'rows touched': () => repeat(20, () => pool.query(many, next(), 100).forEach((row) => row.title)),
  transaction: () => repeat(20, () => pool.transaction((conn) => conn.query(one, next()))),
  acquire: () => {
    const conn = pool.acquire();
    repeat(3, () => conn.query(one, next()));
    conn.release();
  },
  promise: async () => {
    for (let i = 0; i < 20; i++) {
      await pool.queryAsync(one, next());
    }
    done.add(20);
  },
};

function repeat(times, query) {
  for (let i = 0; i < times; i++) {
    query();
  }
  done.add(times);
}

export const options = {
  scenarios: {
    users: __ENV.SECONDS === '0'
      ? { executor: 'per-vu-iterations', vus: Number(__ENV.USERS), iterations: 1 }
      : { executor: 'constant-vus', vus: Number(__ENV.USERS), duration: `${__ENV.SECONDS}s` },
  },
};

export default cases[__ENV.CASE];

export const handleSummary = (data) => ({
  stdout: JSON.stringify({ queries: data.metrics.bench_queries.values.count }) + '\n',
});
