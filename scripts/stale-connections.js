// Connections die while nobody looks: a firewall, an administrator or the
// server ends them. Two pools go through the same, side by side: with pre-ping
// the pool finds a dead connection before a user gets it, without it every dead
// connection fails a request.
//
//   k6 run scripts/stale-connections.js
//
// Also: CONCURRENT (10 users of each pool), DURATION (30 s), EVERY (1 s between
// two sweeps that end all idle connections), GATE and WAIVE. Without
// DATABASE_URL on a temporary PostgreSQL.

import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { Pool } from 'k6/x/pgxpool';
import { staleCriteria } from '../thresholds/criteria.js';
import { alone, keepsScenarios } from './lib/alone.js';
import { valueOf } from './lib/values.js';
import { request } from './lib/request.js';
import { defaults, readInteger, readSeconds } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const users = readInteger('CONCURRENT', 10, 1);
const seconds = readSeconds('DURATION', 30, 1);
const duration = `${seconds}s`;
const every = readSeconds('EVERY', Math.min(1, seconds), 0.1, seconds);

const names = { on: 'xk6-pgxpool-pre-ping-on', off: 'xk6-pgxpool-pre-ping-off' };
const size = { defaults, poolSize: users, maxOverflow: 0 };
const pools = {
  on: new Pool({ name: 'pre-ping-on', applicationName: names.on, poolPrePing: true, ...size }),
  off: new Pool({ name: 'pre-ping-off', applicationName: names.off, poolPrePing: false, ...size }),
};
const admin = new Pool({ name: 'admin', poolSize: 1, maxOverflow: 0 });
const terminated = new Counter('terminated_connections');

const notes = [];
const verdict = judge({ script: 'stale-connections', users: 2 * users, criteria: staleCriteria, notes });

const load = (side) => ({
  executor: 'constant-vus', vus: users, duration, exec: 'user', env: { SIDE: side }, tags: { pre_ping: side },
});

export const options = {
  scenarios: {
    on: load('on'),
    off: load('off'),
    sweep: {
      executor: 'constant-arrival-rate', exec: 'sweep', preAllocatedVUs: 1, duration,
      rate: 1, timeUnit: `${every}s`, startTime: `${every / 2}s`,
    },
  },
  ...verdict.options,
};

export function handleSummary(data) {
  const failed = (side) => {
    const of = (outcome) => valueOf(data, `request_success{pre_ping:${side}}`, outcome);
    return `${of('fails')} of ${of('passes') + of('fails')} requests failed with pre-ping ${side}`;
  };
  notes.push(`Side by side: ${failed('on')}, ${failed('off')}.`);
  return verdict.handleSummary(data);
}

export const setup = verdict.setup(() => {
  alone();
  keepsScenarios();
  admin.exec('SELECT 1'); // starts the temporary server before the clock runs
});

export { replaced as default } from './lib/alone.js';

export function user() {
  request(() => pools[__ENV.SIDE].query('SELECT pg_sleep(0.02)'));
  sleep(0.1);
}

// A role may end its own sessions; those of another role, whose run may have the
// same names, are not ours to end.
const atRest = `application_name = ANY($1) AND usename = session_user
  AND state = 'idle' AND state_change < clock_timestamp() - interval '20 ms'`;

// sweep ends what lies idle in the pools, as a firewall does: it leaves alone
// what is in use. By the time the first are ended others are in use, so each is
// looked at again.
export function sweep() {
  const applications = Object.values(names);
  for (const { pid } of admin.query(`SELECT pid FROM pg_stat_activity WHERE ${atRest}`, applications)) {
    const ended = admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${atRest} AND pid = $2`, applications, pid);
    terminated.add(ended.length);
  }
}
