// The pool is exhausted: there are more users than connections, and each holds its
// connection for a long time. A waiting user gets a PoolTimeoutError after
// poolTimeout, not earlier and at most 50 ms later, and the pool never opens more
// connections than its limit.
//
//   k6 run scripts/exhaustion.js
//   k6 run -e RETRIES=3 scripts/exhaustion.js     does the pool recover when users try again? See lib/storm.js
//
// Also: WORKLOAD (your own SQL, see lib/statements.js), CONCURRENT (12 users), DURATION (30 s), HOLD (1 s that a user keeps a
// connection), DB_POOL_SIZE (2), DB_MAX_OVERFLOW (2), DB_POOL_TIMEOUT (0.5 s),
// POOLS and BALANCE (several pools), GATE and WAIVE. Without DATABASE_URL on a temporary PostgreSQL.

import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import pgxpool from 'k6/x/pgxpool';
import { exhaustionCriteria } from '../thresholds/criteria.js';
import { keepsScenarios } from './lib/alone.js';
import { request } from './lib/request.js';
import { retries } from './lib/retry.js';
import { defaults, readInteger, readSeconds, users } from './lib/settings.js';
import { sqlWorkload } from './lib/statements.js';
import { storm } from './lib/storm.js';
import { judge } from './lib/verdict.js';

const poolSize = readInteger('DB_POOL_SIZE', 2, 1);
const maxOverflow = readInteger('DB_MAX_OVERFLOW', 2, 0);
const poolTimeout = 1000 * readSeconds('DB_POOL_TIMEOUT', 0.5, 0.01);
const capacity = poolSize + maxOverflow;

const pools = pgxpool.pools({ defaults, poolSize, maxOverflow, poolTimeout });

const sql = sqlWorkload();
const stormy = retries > 0 && !sql ? storm({ capacity: pools.all.length * capacity, poolTimeout, retries }) : undefined;
const hold = sql || stormy ? 0 : readSeconds('HOLD', 1, 0);

const timedOutWait = new Trend('timed_out_wait', true);
const otherFailures = new Counter('other_failures');

const load = stormy ? stormy.load : users(12, 30);
const verdict = judge({
  script: 'exhaustion',
  criteria: exhaustionCriteria({ poolTimeout, capacity }),
  configuration: stormy?.configuration,
});

export const options = {
  ...load,
  ...verdict.options,
};
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => {
  if (stormy) {
    keepsScenarios();
  }
  pools.all[0].exec('SELECT 1'); // starts the temporary server before the clock runs
  sql?.prepare(pools.all[0]);
});

export default function () {
  request(() => {
    const pool = pools.next();
    if (sql) {
      timed(() => sql.run(pool));
      return;
    }
    for (let i = 0; i < (stormy?.checkouts ?? 1); i++) {
      const conn = timed(() => pool.acquire());
      sleep(stormy?.hold() ?? hold); // whatever a request does while it keeps its connection
      conn.release();
    }
  });
}

// timed measures the wait of a request that gets no connection.
function timed(fn) {
  const began = exec.instance.currentTestRunDuration;
  try {
    return fn();
  } catch (error) {
    if (error.name === 'PoolTimeoutError') {
      timedOutWait.add(exec.instance.currentTestRunDuration - began);
    } else {
      otherFailures.add(1);
    }
    throw error;
  }
}

// A counter without samples has no value; this one is 0.
export function teardown() {
  otherFailures.add(0);
}
