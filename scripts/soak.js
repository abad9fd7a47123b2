// The load of 100users.js for hours: does anything grow that should not? Beside
// the runbook's criteria it asks whether connections pile up and whether memory
// grows, by a slope test over the whole run.
//
//   k6 run scripts/soak.js
//
// Also: WORKLOAD (your own SQL, see lib/statements.js), DURATION (14400 s, four hours), SAMPLE (10 s between two measurements,
// a hundredth of a shorter run; k6's --vus and --duration win over CONCURRENT and DURATION), and all of 100users.js: CONCURRENT (100 users),
// METRICS (compact; full keeps every value in k6), THINK, HOLD, INTERVAL, BASE_URL and ENDPOINT, DATABASE_URL, GATE, WAIVE,
// DB_POOL_SIZE, DB_MAX_OVERFLOW, …

import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Gauge } from 'k6/metrics';
import pgxpool, { Pool } from 'k6/x/pgxpool';
import { soakCriteria } from '../thresholds/criteria.js';
import { alone } from './lib/alone.js';
import { request } from './lib/request.js';
import { readInteger, readSeconds } from './lib/settings.js';
import { Series } from './lib/series.js';
import { target } from './lib/target.js';
import { think } from './lib/think.js';
import { judge } from './lib/verdict.js';

const seconds = readSeconds('DURATION', 4 * 3600, 1);
const every = readSeconds('SAMPLE', Math.min(10, seconds / 100), 0.01);

// The criteria are about the users' pool: samples of this one would be half of all.
const server = new Pool({
  name: 'soak', applicationName: 'xk6-pgxpool-soak', poolSize: 1, maxOverflow: 0, sampleInterval: '10000h',
  defaults: { metrics: 'compact' }, // of one pool, it is the whole run's: k6 would keep every value for hours
});

// The recording of the run over time, which the report is drawn from, has at most
// 300 windows: it grows until it has them, is halved, and grows again, all in
// all by no more than these bytes. This is not unbounded growth.
const ownRecord = 8e6;

const samples = new Counter('soak_samples');
const memoryGrowth = new Gauge('memory_growth');
const connectionGrowth = new Gauge('connection_growth');

const users = readInteger('CONCURRENT', 100, 1);
const { counted } = target;
const { criteria, ...judged } = target.judged;
const verdict = judge({ script: 'soak', users: ran, criteria: soakCriteria(criteria, { counted }), ...judged });

export const options = {
  scenarios: {
    users: { executor: 'constant-vus', exec: 'user', vus: users, duration: `${seconds}s` },
    watch: { executor: 'per-vu-iterations', exec: 'watch', vus: 1, iterations: 1, maxDuration: `${seconds + 60}s` },
  },
  ...verdict.options,
};
export const handleSummary = verdict.handleSummary;

// ran is how many users there were: the watch is one more, where k6 ran it.
function ran(data) {
  const most = data.metrics.vus_max?.values.max ?? users + 1;
  return most === users + 1 ? users : most;
}

export const setup = verdict.setup(() => {
  alone();
  target.prepare();
  return target.applicationName();
});

export function user() {
  think();
  request(target.listIssues);
}

// The users of k6's --vus and --duration, which replace the scenarios: the first
// of them measures between its requests.
export default function (applicationName) {
  if (exec.vu.idInTest === 1) {
    const now = elapsed();
    if (now >= (measured ?? 0) + Math.min(every, lengthOf() / 100)) {
      measured = now;
      measure(now, applicationName);
    }
  }
  user();
}

// watch is one long iteration: it measures until the users stop.
export function watch(applicationName) {
  for (;;) {
    sleep(every);
    const now = elapsed();
    if (now >= seconds) {
      break;
    }
    measure(now, applicationName);
  }
}

// lengthOf the run in seconds, by k6's --duration, such as 1m30s; without one it has no end.
function lengthOf() {
  const { duration = '' } = /** @type {{ duration?: string }} */ (exec.test.options.scenarios?.default ?? {});
  const seconds = { h: 3600, m: 60, s: 1, ms: 0.001 };
  const parts = [...duration.matchAll(/([\d.]+)(h|ms|m|s)/g)];
  return parts.length === 0 ? Infinity : parts.reduce((sum, [, number, unit]) => sum + Number(number) * seconds[unit], 0);
}

const memory = new Series();
const connections = new Series();
let began;
let measured; // seconds, of the default function

// elapsed is the time in seconds since this user's first call.
function elapsed() {
  const now = exec.instance.currentTestRunDuration / 1000;
  began = began ?? now;
  return now - began;
}

// measure takes one sample of the run. What was seen is judged each time, so that
// a run that is stopped early keeps it.
function measure(now, applicationName) {
  const open = counted ? countConnections(applicationName) : 0;
  if (open === undefined) {
    return;
  }
  memory.add(now, pgxpool.processMemory());
  connections.add(now, open);
  samples.add(1);
  memoryGrowth.add(Math.max(0, (memory.growth() ?? 0) - ownRecord) / (memory.typical() || 1));
  if (counted) {
    connectionGrowth.add(connections.growth() ?? 0);
  }
}

// countConnections counts on the server, whoever opened them. It gives undefined
// while the server cannot be asked: in hours it may restart, and that is not the
// end of the measurements.
function countConnections(applicationName) {
  try {
    const [sessions] = server.query('SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = $1', applicationName);
    return sessions.n;
  } catch (error) {
    pgxpool.warnOnce(`connections are not counted at the moment (said once): ${error}`);
    return undefined;
  }
}
