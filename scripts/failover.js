// A failover under load: the standby is promoted, and the old primary stays as a
// read-only server. Pre-ping succeeds there and every write fails, until the pool
// connects to the new primary.
//
//   k6 run scripts/failover.js                                      the pool asks for read-write and follows the primary
//   k6 run -e TARGET_SESSION_ATTRS=any scripts/failover.js          it does not, and every write fails from then on
//   DATABASE_URL='postgresql://…@a,b/d?target_session_attrs=read-write' k6 run scripts/failover.js
//                                                                   fail over your servers by hand meanwhile
//
// Also: CONCURRENT (10 users), DURATION (20 s), THINK (0.05 s between a user's
// requests), GATE and WAIVE. Without DATABASE_URL it needs an installed PostgreSQL
// with pg_basebackup.

import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Rate, Trend } from 'k6/metrics';
import pgxpool, { Pool } from 'k6/x/pgxpool';
import { failoverCriteria } from '../thresholds/criteria.js';
import { alone, keepsScenarios } from './lib/alone.js';
import { valueOf } from './lib/values.js';
import { schema, seedIssues } from './lib/issues.js';
import { persist } from './lib/outage.js';
import { defaults, readInteger, readSeconds, readText } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const users = readInteger('CONCURRENT', 10, 1);
const seconds = readSeconds('DURATION', 20, 2);
const think = readSeconds('THINK', 0.05, 0);
const attributes = readText('TARGET_SESSION_ATTRS', 'read-write');
if (attributes !== 'any' && attributes !== 'read-write') {
  throw new Error(`TARGET_SESSION_ATTRS: ${JSON.stringify(pgxpool.redact(attributes))} is not accepted; use any or read-write`);
}

const pool = new Pool({ defaults });
const failovers = new Counter('server_failovers');
const recovery = new Trend('write_recovery', true);
const writesAfter = new Rate('writes_after');

const notes = [];
const verdict = judge({ script: 'failover', users, criteria: failoverCriteria, notes });

export const options = {
  scenarios: {
    users: { executor: 'constant-vus', exec: 'user', vus: users, duration: `${seconds}s` },
    failover: { executor: 'per-vu-iterations', exec: 'failover', vus: 1, iterations: 1, maxDuration: `${seconds}s`, gracefulStop: '1s' },
  },
  ...verdict.options,
};

export function handleSummary(data) {
  const ms = valueOf(data, 'write_recovery', 'max');
  if (ms > 0) {
    notes.push(`Writes worked again ${(ms / 1000).toFixed(2)} s after the failover began.`);
  }
  return verdict.handleSummary(data);
}

export const setup = verdict.setup(() => {
  alone();
  keepsScenarios();
  byHand(() => pgxpool.startStandby(attributes));
  seedIssues(pool);
});

export { replaced as default } from './lib/alone.js';

export function user() {
  persist(() => write(), think);
}

function write() {
  const issue = 1 + Math.floor(20 * Math.random());
  return pool.exec(`UPDATE ${schema}.issues SET updated_at = now() WHERE id = $1`, issue);
}

export function failover() {
  sleep(seconds / 4);
  let began = now();
  if (byHand(() => pgxpool.failOver())) {
    console.warn('Fail over your PostgreSQL now; the script waits for it.');
    while (isWritten()) {
      sleep(0.02);
    }
    began = now();
  }
  failovers.add(1);
  while (!isWritten()) {
    sleep(0.02);
  }
  recovery.add(now() - began);
}

const now = () => exec.instance.currentTestRunDuration;

// byHand tells whether the server is the user's own, where fn can do nothing.
function byHand(fn) {
  try {
    fn();
    return false;
  } catch (error) {
    if (error.name === 'ConfigError') {
      return true;
    }
    throw error;
  }
}

function isWritten() {
  try {
    write();
    return true;
  } catch (error) {
    return false;
  }
}

export function teardown() {
  for (let i = 0; i < 20; i++) {
    writesAfter.add(isWritten());
  }
}
