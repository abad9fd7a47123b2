// The N+1 query: a list of 20 issues with one query per row, against the same
// list with one join. Each has its own pool, and every user requests both in turn,
// so that the report compares the pools side by side: how long a connection is
// held, and how full the pool gets.
//
//   k6 run scripts/n-plus-one.js
//
// Also: CONCURRENT (10 users), DURATION (30 s), THINK (0.02 s between a user's
// requests), DB_POOL_SIZE (4), DB_MAX_OVERFLOW (8), GATE and WAIVE. Without
// DATABASE_URL on a temporary PostgreSQL.

import { sleep } from 'k6';
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { Pool } from 'k6/x/pgxpool';
import { nPlusOneCriteria } from '../thresholds/criteria.js';
import { valueOf, keep } from './lib/values.js';
import { schema, seedIssues } from './lib/issues.js';
import { request } from './lib/request.js';
import { defaults, readInteger, readSeconds, users } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const think = readSeconds('THINK', 0.02, 0);
const size = { defaults, poolSize: readInteger('DB_POOL_SIZE', 4, 1), maxOverflow: readInteger('DB_MAX_OVERFLOW', 8, 0) };
const perRow = new Pool({ name: 'query-per-row', ...size });
const join = new Pool({ name: 'one-join', ...size });
const seeding = new Pool({ name: 'seeding', sampleInterval: '10000h' }); // no part of the run
const holdRatio = new Trend('hold_ratio');

const notes = [];
const load = users(10, 30);
const verdict = judge({ script: 'n-plus-one', criteria: nPlusOneCriteria, notes });

const shown = ['query-per-row', 'one-join'].flatMap((name) => [
  `pgxpool_use_duration{pool:${name}}`, `pgxpool_utilization{pool:${name}}`,
]);

export const options = {
  ...load,
  ...verdict.options,
  thresholds: keep(verdict.options.thresholds, ...shown),
};

export function handleSummary(data) {
  const sides = ['query-per-row', 'one-join'].map((name) => {
    const held = valueOf(data, `pgxpool_use_duration{pool:${name}}`, 'avg');
    const used = valueOf(data, `pgxpool_utilization{pool:${name}}`, 'avg');
    return `${name} holds a connection for ${held.toFixed(1)} ms and uses ${used.toFixed(1)} % of poolSize`;
  });
  notes.push(`Side by side, on average: ${sides.join(', ')}.`);
  return verdict.handleSummary(data);
}

export const setup = verdict.setup(() => {
  seedIssues(seeding);
  seeding.close();
});

export default function () {
  const many = held(perRow, listRowByRow);
  sleep(think);
  const one = held(join, listWithJoin);
  sleep(think);
  if (many.result && one.result) {
    holdRatio.add(many.ms / one.ms);
  }
}

// held measures from acquiring a connection to its release, without the wait.
function held(pool, list) {
  let began = 0;
  const result = request(() => pool.transaction((conn) => {
    began = exec.instance.currentTestRunDuration;
    return list(conn);
  }));
  return { result, ms: exec.instance.currentTestRunDuration - began };
}

const project = () => 1 + Math.floor(20 * Math.random());
const page = `SELECT id, title, assignee_id FROM ${schema}.issues
  WHERE project_id = $1 AND status = 'open' ORDER BY updated_at DESC, id DESC LIMIT 20`;

function listRowByRow(conn) {
  return conn.query(page, project()).map((issue) => ({
    title: issue.title,
    assignee: conn.queryRow(`SELECT name FROM ${schema}.users WHERE id = $1`, issue.assignee_id)?.name,
  }));
}

function listWithJoin(conn) {
  return conn.query(
    `SELECT i.title, u.name AS assignee FROM (${page}) i LEFT JOIN ${schema}.users u ON u.id = i.assignee_id`,
    project(),
  );
}
