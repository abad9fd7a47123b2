// A template for a script of your own with the verdict and the reports of the
// scenarios. It needs only the extension.
//
//   k6 run scripts/own.js
//
// Also: k6's own --vus and --duration, GATE (pass, fail), WAIVE (names of criteria),
// OUT (folder of the results), RETRIES (0: how often a request is made again after
// 40001, 40P01 or a pool timeout), POOLS and BALANCE (the pools of several processes), and DATABASE_URL, DB_POOL_SIZE, DB_MAX_OVERFLOW, … of
// the pool.

import { sleep } from 'k6';
import pgxpool from 'k6/x/pgxpool';

const pools = pgxpool.pools({ statusInterval: '5s' });
const retries = pgxpool.setting('RETRIES', { kind: 'integer', default: 0, least: 0, most: 100 });

export const options = { vus: 100, duration: '5m', thresholds: pgxpool.thresholds() };
export const handleSummary = (data) => pgxpool.verdict(data, { run: { script: 'own' } });

// Before the load: make the tables that you need, or check that they are there.
export const setup = () => pgxpool.setup(() => {
  pools.all[0].queryRow('SELECT 1 AS ready');
});

// One request of one user. It fails if it throws.
export default function () {
  sleep(Math.random() * 2); // thinking
  pgxpool.retry(() => pools.next().transaction((conn) => {
    const rows = conn.query('SELECT n, n * n AS square FROM generate_series(1, $1::int) AS n', 20);
    conn.exec('SELECT pg_sleep($1)', rows.length / 1000); // your work in place of this
  }), { retries });
}
