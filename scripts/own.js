// A template for a script of your own, with the verdict, the reports and the
// settings of the scenarios.
//
//   k6 run scripts/own.js
//
// Also: CONCURRENT (100 users), DURATION (300 s), THINK (1 s between a user's
// requests), INTERVAL (5 s between status lines), GATE (pass, fail), WAIVE
// (names of criteria), DATABASE_URL, DB_POOL_SIZE, DB_MAX_OVERFLOW, …

import { Pool } from 'k6/x/pgxpool';
import { poolCriteria } from '../thresholds/criteria.js';
import { request } from './lib/request.js';
import { defaults, statusInterval, users } from './lib/settings.js';
import { think } from './lib/think.js';
import { judge } from './lib/verdict.js';

const pool = new Pool({ defaults, statusInterval: statusInterval() });
const load = users();
const verdict = judge({ script: 'own', criteria: poolCriteria });

export const options = { ...load, ...verdict.options };
export const handleSummary = verdict.handleSummary;

// Before the load: make the tables that you need, or check that they are there.
export function setup() {
  pool.queryRow('SELECT 1 AS ready');
}

// One request of one user. It fails if it throws.
export default function () {
  think();
  request(() =>
    pool.transaction((conn) => {
      const rows = conn.query('SELECT n, n * n AS square FROM generate_series(1, $1::int) AS n', 20);
      conn.exec('SELECT pg_sleep($1)', rows.length / 1000); // your work in place of this
    }),
  );
}
