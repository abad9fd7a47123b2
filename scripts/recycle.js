// A recycle wave: connections that were opened at once reach poolRecycle at once,
// and are all reopened in the same second. Connections that were opened one after
// the other, as users arrived, are also recycled one after the other.
//
//   k6 run scripts/recycle.js
//
// Also: CONCURRENT (12 users of each pool), RECYCLE (4 s, less in a run
// below 20 s, in place of DB_POOL_RECYCLE), DURATION (30 s), GATE and WAIVE. Without DATABASE_URL on a
// temporary PostgreSQL.

import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { Pool } from 'k6/x/pgxpool';
import { recycleCriteria } from '../thresholds/criteria.js';
import { alone, keepsScenarios } from './lib/alone.js';
import { request } from './lib/request.js';
import { defaults, readInteger, readSeconds } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const users = readInteger('CONCURRENT', 12, 2);
const seconds = readSeconds('DURATION', 30, 2);
const recycle = readSeconds('RECYCLE', Math.max(1, Math.min(4, seconds / 5)), 1, seconds / 2); // two waves at least

const size = { defaults, poolSize: users, maxOverflow: 0, poolRecycle: `${recycle}s` };
const pools = {
  at_once: new Pool({ name: 'opened-at-once', ...size }),
  spread: new Pool({ name: 'opened-spread', ...size }),
};
const connectsPerSecond = new Trend('connects_per_second');

const verdict = judge({ script: 'recycle', users: 2 * users, criteria: recycleCriteria({ users }) });

export const options = {
  scenarios: {
    at_once: {
      executor: 'constant-vus', exec: 'user', env: { OPENING: 'at_once' }, tags: { opening: 'at_once' },
      vus: users, duration: `${seconds}s`,
    },
    spread: {
      executor: 'ramping-vus', exec: 'user', env: { OPENING: 'spread' }, tags: { opening: 'spread' },
      startVUs: 1,
      stages: [{ duration: `${recycle}s`, target: users }, { duration: `${Math.max(seconds - recycle, 0)}s`, target: users }],
    },
    // From the second second on: filling a pool for the first time is not a wave.
    count: {
      executor: 'constant-arrival-rate', exec: 'count', rate: 1, timeUnit: '1s', preAllocatedVUs: 1,
      startTime: '1s', duration: `${seconds - 1}s`,
    },
  },
  ...verdict.options,
};
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => {
  alone();
  keepsScenarios();
  pools.at_once.exec('SELECT 1'); // starts the temporary server before the clock runs
});

export { replaced as default } from './lib/alone.js';

// Every user has a connection nearly all the time, so that a pool has as many
// as there are users.
export function user() {
  request(() => pools[__ENV.OPENING].query('SELECT pg_sleep(0.1)'));
}

const before = {};

export function count() {
  const at = exec.instance.currentTestRunDuration / 1000;
  for (const opening in pools) {
    const { connects } = pools[opening].stat();
    const last = before[opening];
    if (last) {
      connectsPerSecond.add((connects - last.connects) / (at - last.at), { opening });
    }
    before[opening] = { at, connects };
  }
}
