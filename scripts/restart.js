// The server restarts under load, first fast and then immediately, as after a
// crash. Users see errors while it is away; when it is back the pool has to use
// it at once.
//
//   k6 run scripts/restart.js
//   DATABASE_URL=postgresql://… k6 run scripts/restart.js       restart your server by hand meanwhile
//
// Also: CONCURRENT (10 users), DURATION (30 s), THINK (0.05 s between a user's
// requests), GATE and WAIVE.

import { sleep } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';
import pgxpool, { Pool } from 'k6/x/pgxpool';
import { restartCriteria } from '../thresholds/criteria.js';
import { alone, keepsScenarios } from './lib/alone.js';
import { valueOf, keep } from './lib/values.js';
import { listIssues, seedIssues } from './lib/issues.js';
import { persist } from './lib/outage.js';
import { defaults, readInteger, readSeconds } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const users = readInteger('CONCURRENT', 10, 1);
const seconds = readSeconds('DURATION', 30, 2);
const think = readSeconds('THINK', 0.05, 0);

const pool = new Pool({ defaults });
const restarts = new Counter('server_restarts');
const recovery = new Trend('recovery_time', true);
const servedAfter = new Rate('served_after');

const notes = [];
const verdict = judge({ script: 'restart', users, criteria: restartCriteria, notes });
const kinds = ['fast', 'immediate', 'by hand'];

export const options = {
  scenarios: {
    users: { executor: 'constant-vus', exec: 'user', vus: users, duration: `${seconds}s` },
    restart: { executor: 'per-vu-iterations', exec: 'restart', vus: 1, iterations: 1, maxDuration: `${seconds}s`, gracefulStop: '1s' },
  },
  ...verdict.options,
  thresholds: keep(verdict.options.thresholds, ...kinds.map((kind) => `recovery_time{kind:${kind}}`)),
};

export function handleSummary(data) {
  const recovered = kinds
    .map((kind) => ({ kind, ms: valueOf(data, `recovery_time{kind:${kind}}`, 'max') }))
    .filter(({ ms }) => ms > 0)
    .map(({ kind, ms }) => `${kind}: ${(ms / 1000).toFixed(2)} s`);
  if (recovered.length > 0) {
    notes.push(`Time to recovery, from the server's start until the pool served again: ${recovered.join(', ')}.`);
  }
  return verdict.handleSummary(data);
}

export const setup = verdict.setup(() => {
  alone();
  keepsScenarios();
  seedIssues(pool);
});

export { replaced as default } from './lib/alone.js';

export function user() {
  persist(() => listIssues(pool), think);
}

export function restart() {
  for (const mode of ['fast', 'immediate']) {
    sleep(seconds / 4);
    const before = server();
    const kind = restartServer(mode) ? mode : 'by hand';
    if (kind === 'by hand') {
      console.warn('Restart your PostgreSQL now; the script waits for it.');
    }
    const after = untilRestarted(before.started);
    restarts.add(1);
    recovery.add(after.up, { kind });
    console.info(`the pool served again ${(after.up / 1000).toFixed(2)} s after the server's start (${kind})`);
  }
}

// restartServer gives false where the server is the user's own.
function restartServer(mode) {
  try {
    pgxpool.restartServer(mode);
    return true;
  } catch (error) {
    if (error.name === 'ConfigError') {
      return false;
    }
    throw error;
  }
}

// server tells since when the server is up, and for how many milliseconds, by
// its own clock.
function server() {
  const [now] = pool.query(`
    SELECT pg_postmaster_start_time()::text AS started,
           1000 * extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS up`);
  return now;
}

function untilRestarted(before) {
  for (;;) {
    try {
      const now = server();
      if (now.started !== before) {
        return now;
      }
    } catch (error) {
      // It is away, which is what we wait for.
    }
    sleep(0.02);
  }
}

export function teardown() {
  for (let i = 0; i < 20; i++) {
    servedAfter.add(isServed());
  }
}

function isServed() {
  try {
    listIssues(pool);
    return true;
  } catch (error) {
    console.error(`request failed after the restarts: ${error}`);
    return false;
  }
}
