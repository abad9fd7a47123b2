// One case of the comparison: users in a loop over the pool, without think time.
// CASE says what an iteration does; all of the pool's metrics are on unless METRICS=compact.

import { Pool } from 'k6/x/pgxpool';

const pool = new Pool({
  poolSize: Number(__ENV.POOL),
  maxOverflow: 0,
  poolTimeout: '5m',
  poolPrePing: __ENV.CASE === 'pre-ping',
});

const one = 'SELECT id, title, total FROM bench WHERE id = $1';
const many = 'SELECT id, title, total FROM bench WHERE id >= $1 ORDER BY id LIMIT $2';

let n = __VU * 7919;
const next = () => 1 + (n++ % 10000);

// What one iteration does, and how many queries that is.
const cases = {
  blocking: [20, () => {
    for (let i = 0; i < 20; i++) pool.query(one, next());
  }],
  single: [1, () => {
    pool.query(one, next());
  }],
  // k6's own iteration, with nothing in it but the pool's presence.
  empty: [1, () => {
    next();
  }],
  'pre-ping': [1, () => {
    pool.query(one, next());
  }],
  touched: [20, () => {
    for (let i = 0; i < 20; i++) pool.queryRow(one, next()).title;
  }],
  rows: [20, () => {
    for (let i = 0; i < 20; i++) pool.query(many, next(), 100);
  }],
  'rows touched': [20, () => {
    for (let i = 0; i < 20; i++) pool.query(many, next(), 100).forEach((row) => row.title);
  }],
  transaction: [20, () => {
    for (let i = 0; i < 20; i++) pool.transaction((conn) => conn.query(one, next()));
  }],
  acquire: [3, () => {
    const conn = pool.acquire();
    for (let i = 0; i < 3; i++) conn.query(one, next());
    conn.release();
  }],
  // The pool and the server's time bound it, not the processor.
  bound: [1, () => {
    pool.query('SELECT pg_sleep(0.02)');
  }],
  promise: [20, async () => {
    for (let i = 0; i < 20; i++) await pool.queryAsync(one, next());
  }],
};

const [queries, iteration] = cases[__ENV.CASE];

export const options = {
  scenarios: {
    users: __ENV.SECONDS === '0'
      ? { executor: 'per-vu-iterations', vus: Number(__ENV.USERS), iterations: Number(__ENV.ITERATIONS || 1) }
      : { executor: 'constant-vus', vus: Number(__ENV.USERS), duration: `${__ENV.SECONDS}s` },
  },
};

export default iteration;

export const handleSummary = (data) => ({
  stdout: JSON.stringify({ queries: queries * data.metrics.iterations.values.count }) + '\n',
});
