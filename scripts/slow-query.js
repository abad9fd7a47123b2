// Slow queries hold connections: most users list issues, which takes
// milliseconds, and a few run a report that takes a second. The few fill the
// pool, and all of them wait.
//
//   k6 run scripts/slow-query.js
//
// Also: CONCURRENT (12 users), DURATION (30 s), THINK (0.2 s between a user's
// requests), SLOW (1 s that a report takes), SHARE (0.3 of the requests are
// reports), DB_POOL_SIZE (4), DB_MAX_OVERFLOW (4), GATE and WAIVE. Without
// DATABASE_URL on a temporary PostgreSQL.

import { sleep } from 'k6';
import { Pool } from 'k6/x/pgxpool';
import { slowQueryCriteria } from '../thresholds/criteria.js';
import { listIssues, schema, seedIssues } from './lib/issues.js';
import { request } from './lib/request.js';
import { defaults, readInteger, readNumber, readSeconds, users } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const slow = readSeconds('SLOW', 1, 0);
const share = readNumber('SHARE', 0.3, 0, 1);
const think = readSeconds('THINK', 0.2, 0);

const pool = new Pool({
  defaults, poolSize: readInteger('DB_POOL_SIZE', 4, 1), maxOverflow: readInteger('DB_MAX_OVERFLOW', 4, 0),
});
// Seeding is not part of the run: it has its own pool, of which no levels
// are sampled.
const seeding = new Pool({ name: 'seeding', sampleInterval: '10000h' });

const load = users(12, 30);
const verdict = judge({ script: 'slow-query', criteria: slowQueryCriteria({ slow: 1000 * slow }) });

export const options = {
  ...load,
  ...verdict.options,
};
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => {
  seedIssues(seeding);
  seeding.close();
});

export default function () {
  request(Math.random() < share ? report : () => listIssues(pool));
  sleep(think);
}

// What a report without its index waits for is the disk; pg_sleep takes as long
// on every machine.
function report() {
  return pool.query(`SELECT count(*) FROM ${schema}.projects, pg_sleep($1)`, slow);
}
