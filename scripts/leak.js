// Connections are acquired and never released. The log names the line of the
// script that acquired them: while they are held too long, and when their iteration
// ends and the pool takes them back.
//
//   k6 run scripts/leak.js
//
// Also: CONCURRENT (4 users), ITERATIONS (5 of each user, with one leak each),
// DB_POOL_LEAK_THRESHOLD (0.2 s), GATE and WAIVE. Without DATABASE_URL on a
// temporary PostgreSQL.

import { sleep } from 'k6';
import { Gauge } from 'k6/metrics';
import { Pool } from 'k6/x/pgxpool';
import { leakCriteria } from '../thresholds/criteria.js';
import { alone } from './lib/alone.js';
import { request } from './lib/request.js';
import { defaults, readInteger, readSeconds } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const users = readInteger('CONCURRENT', 4, 1);
const iterations = readInteger('ITERATIONS', 5, 1);
const threshold = readSeconds('DB_POOL_LEAK_THRESHOLD', 0.2, 0.01);

// Room for every user's leak and one request: leaks that are not returned would
// fill the pool after a few iterations.
const pool = new Pool({
  defaults, poolSize: users, maxOverflow: 1, poolTimeout: '5s', leakDetectionThreshold: `${threshold}s`,
});
const inUse = new Gauge('in_use_at_end');

const verdict = judge({ script: 'leak', users, criteria: leakCriteria({ leaks: users * iterations }) });

export const options = {
  scenarios: { users: { executor: 'per-vu-iterations', vus: users, iterations, maxDuration: '10m' } },
  ...verdict.options,
};
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => {
  alone();
  pool.exec('SELECT 1'); // starts the temporary server before the clock runs
});

export default function () {
  request(() => {
    const conn = pool.acquire(); // this is the line that the log names
    conn.query('SELECT 1');
    // and here conn.release() is forgotten
  });
  request(() => pool.query('SELECT 1'));
  sleep(1.5 * threshold);
}

export function teardown() {
  inUse.add(pool.stat().active);
}
