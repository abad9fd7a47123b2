// The load of 100users.js for hours: does anything grow that should not? Beside
// the runbook's criteria it asks whether connections pile up and whether memory
// grows, by a slope test over the whole run.
//
//   k6 run scripts/soak.js
//
// Also: WORKLOAD (your own SQL, see lib/statements.js), DURATION (14400 s, four hours), SAMPLE (10 s between two measurements,
// a hundredth of a shorter run), and all of 100users.js: CONCURRENT (100 users),
// THINK, HOLD, INTERVAL, BASE_URL and ENDPOINT, DATABASE_URL, GATE, WAIVE,
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
});

// The record of the run over time, which the report is drawn from, has at most
// 300 windows: it grows until it has them, is halved, and grows again, all in
// all by no more than these bytes. That is no memory that grows unbounded.
const ownRecord = 8e6;

const samples = new Counter('soak_samples');
const memoryGrowth = new Gauge('memory_growth');
const connectionGrowth = new Gauge('connection_growth');

const users = readInteger('CONCURRENT', 100, 1);
const { counted } = target;
const { criteria, ...judged } = target.judged;
const verdict = judge({ script: 'soak', users, criteria: soakCriteria(criteria, { counted }), ...judged });

export const options = {
  scenarios: {
    users: { executor: 'constant-vus', exec: 'user', vus: users, duration: `${seconds}s` },
    watch: { executor: 'per-vu-iterations', exec: 'watch', vus: 1, iterations: 1, maxDuration: `${seconds + 60}s` },
  },
  ...verdict.options,
};
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => {
  alone();
  target.prepare();
  return target.applicationName();
});

export function user() {
  think();
  request(target.listIssues);
}

// watch is one long iteration: it measures until the users stop. What it saw is
// judged each time, so that a run which is cut short keeps it.
export function watch(applicationName) {
  const memory = new Series();
  const connections = new Series();
  const began = exec.instance.currentTestRunDuration;
  for (;;) {
    sleep(every);
    const now = (exec.instance.currentTestRunDuration - began) / 1000;
    if (now >= seconds) {
      break;
    }
    const open = counted ? countConnections(applicationName) : 0;
    if (open === undefined) {
      continue;
    }
    memory.add(now, pgxpool.processMemory());
    connections.add(now, open);
    samples.add(1);
    memoryGrowth.add(Math.max(0, (memory.growth() ?? 0) - ownRecord) / (memory.typical() || 1));
    if (counted) {
      connectionGrowth.add(connections.growth() ?? 0);
    }
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
