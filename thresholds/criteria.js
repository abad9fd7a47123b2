// The runbook's success criteria as data, and the k6 thresholds made from them.
// This file imports nothing and reads no environment.
//
// A row is judged twice from the same words: by k6, which decides the exit
// code, and by pgxpool.verdict(), which writes the report. Expressions are k6's
// threshold syntax. What the fields mean:
//
//   name, title    what WAIVE and the report call it
//   metric, pass   what PASS asks
//   warning        what must hold for anything better than FAIL, of
//                  warningMetric (in words: warningTitle) where it is not the
//                  same metric. PASS needs it too: between thresholds k6 knows
//                  "and", but no "or"
//   guard          proves that there is data: in k6 an upper bound on a metric
//                  without samples passes
//   attempt        proves that measuring was tried: with attempt and without
//                  guard the row could not be measured, which is a WARNING and
//                  not a FAIL
//   unmeasured     why this run cannot measure it, where that is known before it
//                  starts: at best a WARNING
//   note           what every report says of the row
//   advice         the runbook's, for WARNING and for FAIL
//   unit           count, percent, share (0 to 1), ratio: how figures are shown

const requested = { metric: 'request_duration', expression: 'max>0' };
const sampled = { metric: 'pgxpool_samples', expression: 'count>0' };
// A pool that never got a connection has been sampled too, at 0.
const opened = { metric: 'pgxpool_connections_opened', expression: 'count>0' };

const successRate = {
  name: 'success_rate',
  title: 'Success rate',
  metric: 'request_success',
  pass: 'rate>=0.95',
  warning: 'rate>=0.90',
  guard: requested,
  unit: 'share',
  advice: {
    warning:
      'Read the errors logged during the run. Where they are waits for a connection, consider a larger DB_MAX_OVERFLOW.',
    fail:
      'Raise DB_POOL_SIZE or make the queries shorter. Where connections were lost, keep DB_POOL_PRE_PING on, lower DB_POOL_RECYCLE and check the database and the network.',
  },
};

// The runbook's limit is a share of checkouts. A request ends at its first
// timeout, so the share of requests that timed out is never below the share of
// checkouts that did: the stricter of the two, and known over HTTP too.
const poolTimeouts = {
  name: 'pool_timeouts',
  title: 'Pool timeouts',
  metric: 'request_timeouts',
  pass: 'count==0',
  warningMetric: 'request_timed_out',
  warningTitle: 'requests that timed out',
  warning: 'rate<0.01',
  guard: requested,
  unit: 'count',
  advice: {
    warning: 'Consider a larger DB_MAX_OVERFLOW.',
    fail:
      'The pool is exhausted. Raise DB_POOL_SIZE and DB_MAX_OVERFLOW, shorten slow and repeated (N+1) queries, and look for connections that are not returned.',
  },
};

const responseDrift = {
  name: 'response_drift',
  title: 'Response times stable',
  metric: 'response_drift',
  pass: 'value<=1.25',
  warning: 'value<=1.5',
  guard: { metric: 'response_drift', expression: 'value>0' },
  unit: 'ratio',
  advice: {
    warning: 'Responses grew slower during the run. Repeat it for longer to see whether they settle.',
    fail:
      'Responses kept growing slower. Look for connections that are not returned, tables that grow during the run, and queries that slow down with them.',
  },
};

const dbCPU = {
  name: 'db_cpu',
  title: 'Database CPU',
  metric: 'pgxpool_db_cpu',
  pass: 'avg<50',
  warning: 'avg<80',
  // A host that is busy with a load test is never at 0 % from beginning to end.
  guard: { metric: 'pgxpool_db_cpu', expression: 'max>0' },
  // Whoever samples the pool reads the CPU too, where the role may.
  attempt: sampled,
  unit: 'percent',
  note: "CPU is the whole database host's, the load generator included where it runs there.",
  advice: {
    warning: 'Review the slow queries before adding connections: a larger pool lets more work through to the same CPU.',
    fail: 'The CPU is the limit, not the pool. Optimise the slow and the repeated (N+1) queries, or give the database more CPU.',
  },
};

// A pool never has more than poolSize + maxOverflow connections in use, so what
// tells "within" from "exhausted" is whether anyone waited. At the 95th
// percentile, like the rest of the row: the first second of a run, when every
// user arrives at an empty pool at once, is not an exhausted pool.
const activeConnections = {
  name: 'active_connections',
  title: 'Active connections',
  metric: 'pgxpool_utilization',
  pass: 'p(95)<80',
  warningMetric: 'pgxpool_waiting_sampled',
  warningTitle: 'users waiting',
  warning: 'p(95)==0',
  guard: opened,
  unit: 'percent',
  advice: {
    warning: 'The base pool is nearly full or in overflow at the 95th percentile. Raise DB_POOL_SIZE.',
    fail: 'Users wait for a connection. Raise DB_POOL_SIZE or DB_MAX_OVERFLOW, or make the queries shorter.',
  },
};

const overflowTime = {
  name: 'overflow_time',
  title: 'Time in overflow',
  metric: 'pgxpool_in_overflow',
  pass: 'rate<0.10',
  warning: 'rate<0.30',
  guard: opened,
  unit: 'share',
  advice: {
    warning: 'Overflow is meant for spikes. Raise DB_POOL_SIZE until the usual load fits into it.',
    fail: 'Overflow has become the normal state. Raise DB_POOL_SIZE, or make the queries shorter.',
  },
};

// The criteria of a run that goes through a pool of its own.
export const poolCriteria = [
  successRate,
  poolTimeouts,
  responseDrift,
  dbCPU,
  activeConnections,
  overflowTime,
];

// The criteria of a run against an application over HTTP whose pool is watched
// from the database's side: the same, of the metrics app_pool_*. Waiting happens
// inside the application and cannot be seen from there, so WARNING asks that the
// pool stays below its ceiling.
export function watchedCriteria({ poolSize, maxOverflow }) {
  const ceiling = Math.floor((1000 * (poolSize + maxOverflow)) / poolSize) / 10;
  return poolCriteria.map((row) => ofApplication(
    row === activeConnections
      ? { ...row, warningMetric: row.metric, warning: `p(95)<${ceiling}` }
      : row,
  ));
}

// The database's CPU is the same, whoever reads it.
function ofApplication(row) {
  const rename = (metric) =>
    metric && metric !== dbCPU.metric ? metric.replace(/^pgxpool_/, 'app_pool_') : metric;
  const condition = (c) => c && { ...c, metric: rename(c.metric) };
  // Whoever watches an application does not see its connections being opened.
  const guard = row.guard === opened ? sampled : row.guard;
  const renamed = { ...row, metric: rename(row.metric), guard: condition(guard) };
  if (row.warningMetric) {
    renamed.warningMetric = rename(row.warningMetric);
  }
  if (row.attempt) {
    renamed.attempt = condition(row.attempt);
  }
  return renamed;
}

// The criteria of a run against an application over HTTP without access to its
// database.
export const httpCriteria = poolCriteria.map((row) =>
  row.metric.startsWith('pgxpool_')
    ? { ...row, unmeasured: "without DATABASE_URL the application's database cannot be watched" }
    : row,
);

// The figures that the criteria and a later comparison of runs need from every
// Trend: k6's own list, and p(99) and count.
export const trendStats = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'count'];

// The gate named by a text, "pass" where it is empty. Throws on any other.
export function parseGate(text) {
  const gate = text || 'pass';
  if (gate !== 'pass' && gate !== 'fail') {
    throw new Error(`GATE is ${JSON.stringify(gate)}: accepted are "pass" (the default) and "fail"`);
  }
  return gate;
}

// The waived names in a text with commas between them. Throws on a name that no
// row has.
export function parseWaive(text, criteria) {
  const accepted = criteria.map((row) => row.name);
  const waive = (text || '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  for (const name of waive) {
    if (!accepted.includes(name)) {
      throw new Error(`WAIVE names ${JSON.stringify(name)}, which is no criterion: accepted are ${accepted.join(', ')}`);
    }
  }
  return waive;
}

// The thresholds by metric, as k6's options want them, that hold exactly when
// the gate lets the verdict through.
export function thresholds(criteria, { gate = 'pass', waive = [] } = {}) {
  const byMetric = {};
  const add = (metric, expression) => {
    const expressions = (byMetric[metric] = byMetric[metric] || []);
    if (!expressions.includes(expression)) {
      expressions.push(expression);
    }
  };
  for (const row of criteria) {
    if (!waive.includes(row.name)) {
      conditions(row, gate).forEach(({ metric, expression }) => add(metric, expression));
    }
  }
  return byMetric;
}

// What must hold of one row for the gate to hold.
function conditions(row, gate) {
  if (row.unmeasured) {
    return gate === 'pass' ? [never(row.guard)] : [];
  }
  const pass = { metric: row.metric, expression: row.pass };
  const warning = { metric: row.warningMetric || row.metric, expression: row.warning };
  if (gate === 'pass') {
    return (row.attempt ? [row.attempt] : []).concat(row.guard, pass, warning);
  }
  return [row.attempt || row.guard, warning];
}

// A condition that no data meets, since what guards look at is never negative:
// what cannot be measured cannot PASS.
function never(guard) {
  return { metric: guard.metric, expression: guard.expression.replace('>', '<') };
}
