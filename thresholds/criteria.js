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
//   advice         what to do where the row itself says it; where a pool is short
//                  the diagnosis does, for it knows why
//   unit           count, percent, share (0 to 1), ratio, ms: how values are shown

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
    warning: 'Responses got slower during the run. Repeat it for longer to see whether they become stable.',
    fail:
      'Responses kept getting slower. Look for connections that are not returned, and for tables that grow during the run and slow queries down.',
  },
};

// The gauge is the longest stretch in which less than a tenth of the usual
// requests succeeded, over its limit: a second, or the time of 20 usual requests where
// that is longer. Healthy runs of one to five users have gaps of a second.
const longestStall = {
  name: 'longest_stall',
  title: 'Longest stall',
  metric: 'longest_stall',
  pass: 'value<1',
  warning: 'value<5',
  guard: { metric: 'longest_stall', expression: 'value>0' },
  unit: 'ratio',
  advice: {
    warning: 'Hardly any request succeeded for that long. results/report.html shows when, and what was waiting.',
    fail: 'Hardly any request succeeded for that long. results/report.html shows when, and what was waiting.',
  },
};

export const cpuNote =
  "CPU is of the whole database host, including the load generator if it runs there, or of the server's cgroup limit if there is one.";

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
  note: cpuNote,
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
};

const overflowTime = {
  name: 'overflow_time',
  title: 'Time in overflow',
  metric: 'pgxpool_in_overflow',
  pass: 'rate<0.10',
  warning: 'rate<0.30',
  guard: opened,
  unit: 'share',
};

// The criteria of a run that goes through a pool of its own.
export const poolCriteria = [
  successRate,
  poolTimeouts,
  responseDrift,
  longestStall,
  dbCPU,
  activeConnections,
  overflowTime,
];

// What a step of an experiment is judged by: it is too short for a stall to say
// something, and its pool is ours.
export const stepCriteria = (criteria) => criteria.filter((row) => !['longest_stall', 'lower_bound'].includes(row.name));

// What the size of a pool decides. A larger one makes neither the database's CPU
// nor a drift better.
export const poolSizeCriteria = [successRate, poolTimeouts, activeConnections, overflowTime];

// The same of an application that is started with a pool of another size for every
// step, watched from the database's side. Nobody sees who waits inside it, so WARNING
// asks that the step's pool stays below its ceiling.
export const applicationSizeCriteria = (watched) => poolSizeCriteria.map((row) => {
  const named = row === poolTimeouts ? { ...row, ...overHTTP } : row;
  if (row !== activeConnections && row !== overflowTime) {
    return named;
  }
  if (!watched) {
    return { ...named, unmeasured: unwatched };
  }
  return ofApplication(row === activeConnections
    ? { ...row, warningMetric: 'pgxpool_of_capacity', warningTitle: 'of size + overflow', warning: 'p(95)<100' } : row);
});

// Where the server shows only that more connections are open than the pool keeps
// idle, what is in use is a lower bound, and no PASS rests on that.
const lowerBound = {
  name: 'lower_bound',
  title: 'Only a lower bound',
  metric: 'app_pool_at_least',
  pass: 'rate<0.10',
  warning: 'rate<=1',
  guard: { metric: 'app_pool_samples', expression: 'count>0' },
  unit: 'share',
};

const unwatched = "without DATABASE_URL the application's database cannot be watched";

// Over HTTP a pool timeout is what the application makes of it, and a 503 may be
// something else: the diagnosis says.
const overHTTP = { title: 'HTTP 503', warningTitle: 'requests answered with it' };

// The criteria of a run against an application over HTTP whose pool is watched
// from the database's side: the same, of the metrics app_pool_*. Waiting happens
// inside the application and cannot be seen from there, so WARNING asks that the
// pool stays below its ceiling.
export function watchedCriteria({ poolSize, maxOverflow }) {
  const ceiling = Math.floor((1000 * (poolSize + maxOverflow)) / poolSize) / 10;
  const changed = (row) => {
    switch (row) {
      case activeConnections: return { ...row, warningMetric: row.metric, warning: `p(95)<${ceiling}` };
      case poolTimeouts: return { ...row, ...overHTTP };
      default: return row;
    }
  };
  return poolCriteria.map((row) => ofApplication(changed(row))).concat([lowerBound]);
}

const availableConnections = {
  name: 'available_connections',
  title: 'Available connections',
  metric: 'app_pool_available',
  pass: 'min>0',
  warningMetric: 'app_pool_unavailable',
  warningTitle: 'time without an available connection',
  warning: 'rate<0.30',
  guard: lowerBound.guard,
  unit: 'count',
};

// Sessions that do not show what they do keep a verdict from being better than what
// was seen.
const visibleSessions = (hidden) => ({
  name: 'visible_sessions',
  title: 'Visible sessions',
  metric: 'app_pool_samples',
  pass: 'count>0',
  warning: 'count>0',
  guard: lowerBound.guard,
  unit: 'count',
  unmeasured: `up to ${hidden} sessions do not show the monitor's role what they do; GRANT pg_read_all_stats to it`,
});

// The runbook's "Metrics to Track" of an application that `k6 x pgxpool monitor`
// watches, whoever loads it. atLeast: its use was a lower bound at times; hidden: so
// many of its sessions did not show what they do.
export function monitorCriteria({ poolSize, maxOverflow, atLeast, hidden }) {
  const [active, overflow] = watchedCriteria({ poolSize, maxOverflow })
    .filter((row) => ['active_connections', 'overflow_time'].includes(row.name));
  return [active, availableConnections, overflow]
    .concat(atLeast ? [lowerBound] : [], hidden ? [visibleSessions(hidden)] : []);
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
    ? { ...row, unmeasured: unwatched }
    : { ...row, ...(row === poolTimeouts ? overHTTP : {}) },
);

// The values that the criteria and a later comparison of runs need from every
// Trend: k6's own list, and p(99) and count.
export const trendStats = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'count'];

// The gate named by a text, "pass" where it is empty. Throws on any other.
export function parseGate(text) {
  const gate = text || 'pass';
  if (gate !== 'pass' && gate !== 'fail') {
    throw new Error(`GATE: ${JSON.stringify(gate)} is not accepted; use pass (the default) or fail`);
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
      throw new Error(`WAIVE: ${JSON.stringify(name)} is not a criterion; use one of ${accepted.join(', ')}`);
    }
  }
  return waive;
}

// The thresholds by metric, as k6's options want them, that hold exactly when
// the gate lets the verdict through.
export function thresholds(criteria, { gate = 'pass', waive = [], compact = false } = {}) {
  const byMetric = {};
  const add = (m, e) => {
    const { metric, expression } = compact ? compacted(m, e) : { metric: m, expression: e };
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

// The same condition of compact metrics, where each value of one of the module's
// Trends is a gauge: p(95)<80 of pgxpool_utilization is value<80 of
// pgxpool_utilization_p95.
function compacted(metric, expression) {
  const [, method, limit] = /^(avg|min|med|max|p\(\d+\))(.+)$/.exec(expression) || [];
  if (!method || !/^(pgxpool_|app_pool_|request_duration$)/.test(metric)) {
    return { metric, expression };
  }
  const ending = method.replace(/[()]/g, '');
  return { metric: `${metric.replace(/_(duration|sampled)$/, '')}_${ending}`, expression: `value${limit}` };
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

// The criteria of the trouble scenarios: each provokes its trouble and asks that
// the pool goes through it as specified. The first row always proves that the
// trouble was there at all.

const survived = {
  ...successRate,
  pass: 'rate>=0.99',
  warning: 'rate>=0.95',
  advice: {
    warning: 'The trouble affected more users than necessary. Read the errors logged during the run.',
    fail: 'The pool did not protect its users from the trouble. Read the errors logged during the run.',
  },
};

// One piece of advice where WARNING and FAIL mean the same.
const advise = (text) => ({ warning: text, fail: text });

// poolTimeout in milliseconds; capacity is poolSize + maxOverflow. What the wait
// itself took is measured inside the pool; 50 ms are for the machine.
export function exhaustionCriteria({ poolTimeout, capacity }) {
  const timedOut = { metric: 'timed_out_wait', expression: 'max>0' };
  return [
    {
      name: 'exhausted', title: 'Waits that timed out', unit: 'count',
      metric: 'pgxpool_acquire_timeouts', pass: 'count>0', warning: 'count>0', guard: opened,
      advice: advise('The pool was never exhausted. Raise CONCURRENT or HOLD.'),
    },
    {
      name: 'timeout_not_early', title: 'Shortest timed-out wait', unit: 'ms',
      metric: 'timed_out_wait', pass: `min>=${poolTimeout}`, warning: `min>=${poolTimeout}`, guard: timedOut,
      advice: advise('A wait timed out before poolTimeout was over. Report it with results/summary.json.'),
    },
    {
      name: 'timeout_not_late', title: 'Longest wait', unit: 'ms',
      metric: 'pgxpool_acquire_duration', pass: `max<=${poolTimeout + 50}`, warning: `p(95)<=${poolTimeout + 50}`,
      guard: timedOut,
      advice: advise('A wait ended more than 50 ms past poolTimeout. Repeat it on a machine with a free core.'),
    },
    {
      name: 'only_timeouts', title: 'Failures of another kind', unit: 'count',
      metric: 'other_failures', pass: 'count==0', warning: 'count==0', guard: requested,
      advice: advise('An exhausted pool fails only with PoolTimeoutError. Read the errors logged during the run.'),
    },
    {
      name: 'ceiling', title: 'Connections in use', unit: 'count',
      metric: 'pgxpool_active_sampled', pass: `max<=${capacity}`, warning: `max<=${capacity}`, guard: opened,
      advice: advise('More connections than poolSize + maxOverflow were in use. Report it with results/summary.json.'),
    },
  ];
}

export const staleCriteria = [
  {
    name: 'terminated', title: 'Terminated connections', unit: 'count',
    metric: 'terminated_connections', pass: 'count>0', warning: 'count>0', guard: opened,
    advice: advise('No connection was terminated. Raise DURATION, or check that the role may terminate its own sessions.'),
  },
  {
    ...survived,
    name: 'success_pre_ping_on', title: 'Success, pre-ping on',
    // The runbook's: a connection that ends between the ping and the statement
    // fails its user all the same.
    pass: successRate.pass, warning: successRate.warning,
    metric: 'request_success{pre_ping:on}', guard: { metric: 'request_duration{pre_ping:on}', expression: 'max>0' },
  },
  {
    ...survived,
    name: 'success_pre_ping_off', title: 'Success, pre-ping off',
    metric: 'request_success{pre_ping:off}', guard: { metric: 'request_duration{pre_ping:off}', expression: 'max>0' },
    pass: 'rate<1', warning: 'rate>=0.5',
    advice: {
      warning: 'No request used a dead connection, so the run does not show the effect of pre-ping. Raise DURATION.',
      fail: 'Each dead connection may fail one request, but more failed. Report it with results/summary.json.',
    },
  },
];

// The pool is watched until SETTLE seconds after the last request. In use is what
// is checked out, in a transaction or running, the largest of the three.
export function abandonCriteria({ watched }) {
  const left = {
    name: 'left_in_use', title: 'In use afterwards', unit: 'count',
    metric: 'app_pool_active', pass: 'value==0', warning: 'value==0', guard: { metric: 'app_pool_samples', expression: 'count>0' },
    advice: advise('Connections stayed in use for clients that left. Return them in a finally block, and set statement_timeout and client_connection_check_interval. Raise SETTLE if one request takes longer than that.'),
  };
  return [
    {
      name: 'abandoned', title: 'Requests abandoned', unit: 'count',
      metric: 'abandoned_requests', pass: 'count>0', warning: 'count>0', guard: requested,
      advice: advise('No request was abandoned in time. Raise DURATION or ABANDON, or choose an ENDPOINT that takes longer.'),
    },
    watched ? left : { ...left, unmeasured: "without DATABASE_URL the application's database cannot be watched" },
    survived,
  ];
}

// Recovery is how long the server had been up when the pool served the first
// request again; an outage is how long one user got nothing but errors.
export const restartCriteria = [
  {
    name: 'restarted', title: 'Server restarts', unit: 'count',
    metric: 'server_restarts', pass: 'count>0', warning: 'count>0', guard: opened,
    advice: advise('The server was not restarted. With your own DATABASE_URL, restart it by hand while the script runs.'),
  },
  {
    name: 'recovery_time', title: 'Time to recovery', unit: 'ms',
    metric: 'recovery_time', pass: 'max<=2000', warning: 'max<=10000', guard: { metric: 'recovery_time', expression: 'max>0' },
    advice: advise('The server was up, but the pool did not use it. Check DB_CONNECT_TIMEOUT and the network to the server.'),
  },
  {
    name: 'user_outage', title: "A user's longest outage", unit: 'ms',
    metric: 'user_outage', pass: 'max<=10000', warning: 'max<=60000',
    // Nobody has to notice it: few users may all be thinking meanwhile.
    guard: { metric: 'server_restarts', expression: 'count>0' },
    advice: advise('The restart itself takes that long. Check PostgreSQL: checkpoints before a restart shorten it.'),
  },
  {
    name: 'served_after', title: 'Served afterwards', unit: 'share',
    metric: 'served_after', pass: 'rate>=1', warning: 'rate>=0.95', guard: { metric: 'served_after', expression: 'rate>=0' },
    advice: advise('Requests still failed when the server was up again. Enable DB_POOL_PRE_PING.'),
  },
];

// Every connection to the old primary may fail one write before it is replaced.
export const failoverCriteria = [
  {
    name: 'failed_over', title: 'Failovers', unit: 'count',
    metric: 'server_failovers', pass: 'count>0', warning: 'count>0', guard: opened,
    advice: advise('There was no failover. With your own DATABASE_URL, fail over by hand while the script runs.'),
  },
  {
    name: 'write_recovery', title: 'Until writes work again', unit: 'ms',
    metric: 'write_recovery', pass: 'max<=5000', warning: 'max<=30000', guard: { metric: 'write_recovery', expression: 'max>0' },
    advice: advise('Writes took that long to work again. Put all hosts and target_session_attrs=read-write into the URL.'),
  },
  {
    name: 'writes_after', title: 'Writes afterwards', unit: 'share',
    metric: 'writes_after', pass: 'rate>=1', warning: 'rate>=0.95', guard: { metric: 'writes_after', expression: 'rate>=0' },
    advice: advise('Writes still failed at the end: the pool is at the old primary. Put all hosts and target_session_attrs=read-write into the URL.'),
  },
];

// Of as many connections as there are users, a wave opens more than half within
// a second; spread over poolRecycle they come one after the other.
export function recycleCriteria({ users }) {
  const peak = (opening) => ({
    metric: `connects_per_second{opening:${opening}}`, unit: 'count',
    guard: { metric: `connects_per_second{opening:${opening}}`, expression: 'max>0' },
  });
  return [
    {
      ...peak('at_once'), name: 'wave', title: 'Connects/s, at once',
      pass: `max>=${users / 2}`, warning: `max>=${users / 2}`,
      advice: advise('There was no wave: the connections did not reach their age together. Raise DURATION to several times RECYCLE.'),
    },
    {
      ...peak('spread'), name: 'spread', title: 'Connects/s, spread',
      pass: `max<=${users / 2}`, warning: `max<=${users}`,
      advice: advise('Spreading did not flatten the wave. Raise RECYCLE: a wave within one second cannot be spread.'),
    },
    survived,
    poolTimeouts,
  ];
}

export function leakCriteria({ leaks }) {
  return [
    {
      name: 'leaks_found', title: 'Leaks found', unit: 'count',
      metric: 'pgxpool_leaks', pass: `count==${leaks}`, warning: 'count>0', guard: opened,
      advice: advise('Not every connection that the script kept was detected. Report it with results/summary.json.'),
    },
    {
      name: 'given_back', title: 'In use at the end', unit: 'count',
      metric: 'in_use_at_end', pass: 'value==0', warning: 'value==0', guard: requested,
      advice: advise('A connection was not returned when its iteration ended. Report it with results/summary.json.'),
    },
    survived,
    poolTimeouts,
  ];
}

// A deployment finds the server full where the budget says, and has all its
// connections once the old generation is gone.
export const deployCriteria = [
  {
    name: 'as_planned', title: 'Opened, off the plan by', unit: 'count',
    metric: 'deploy_difference', pass: 'value==0', warning: 'value<=2', guard: { metric: 'deploy_served_after', expression: 'rate>=0' },
    advice: advise('The new pools opened more or fewer connections than the old ones left free on the server. Other clients may have connected: repeat it on a server without other users.'),
  },
  {
    name: 'served_after', title: 'Served afterwards', unit: 'share',
    metric: 'deploy_served_after', pass: 'rate>=1', warning: 'rate>=1', guard: { metric: 'deploy_served_after', expression: 'rate>=0' },
    advice: advise('The new pools did not get their connections when the old ones were closed. A single generation may not fit: check with k6 x pgxpool plan --fleet.'),
  },
];

export const nPlusOneCriteria = [
  {
    name: 'hold_ratio', title: 'Held, N+1 over one join', unit: 'ratio',
    metric: 'hold_ratio', pass: 'med>=2', warning: 'med>1', guard: { metric: 'hold_ratio', expression: 'max>0' },
    advice: advise('A query per row held the connection hardly longer than one join. Use a server at a greater network distance.'),
  },
  survived,
  poolTimeouts,
];

// slow in milliseconds.
export function slowQueryCriteria({ slow }) {
  return [
    {
      name: 'slow_statements', title: 'Slowest statement', unit: 'ms',
      metric: 'pgxpool_query_duration{pool:default}', pass: `max>=${slow}`, warning: `max>=${slow}`,
      guard: { metric: 'pgxpool_query_duration{pool:default}', expression: 'max>0' },
      advice: advise('No slow statement was run. Raise DURATION or SHARE.'),
    },
    survived,
    poolTimeouts,
  ];
}

// What a soak test asks beyond the runbook's criteria, which it is given. Growth
// is the least that the slope test is 95 % sure of, over the whole run.
export function soakCriteria(criteria, { counted = true } = {}) {
  const enough = { metric: 'soak_samples', expression: 'count>=20' };
  const growth = {
    name: 'connection_growth', title: 'Connections gained', unit: 'count',
    metric: 'connection_growth', pass: 'value<2', warning: 'value<10', guard: enough,
    advice: advise('Connections accumulate. Check for connection leaks (not closed properly), and application code for unclosed sessions.'),
  };
  return criteria.concat([
    counted ? growth : { ...growth, unmeasured: "without DATABASE_URL the application's connections cannot be counted" },
    {
      name: 'memory_growth', title: 'Memory gained', unit: 'share',
      metric: 'memory_growth', pass: 'value<0.10', warning: 'value<0.25', guard: enough,
      note: "Memory is what the k6 process holds, the pool's included, without the values that k6 keeps of every Trend; the gain is beyond the 8 MB by which the recording of the run varies.",
      advice: advise('Process memory grows unbounded. Reduce DB_POOL_SIZE or DB_MAX_OVERFLOW, and check for unclosed sessions.'),
    },
  ]);
}

// The criteria of an experiment look at what it found out, as gauges. An
// experiment that was cut short is at best a WARNING.
const ranSteps = { metric: 'experiment_steps', expression: 'value>0' };

const stepsLeft = {
  name: 'steps_left', title: 'Steps left to do', unit: 'count',
  metric: 'experiment_left', pass: 'value==0', warning: 'value>=0', guard: ranSteps,
  note: cpuNote,
  advice: advise('The experiment was stopped early. Continue it with -e RESUME=results/….json and the same settings.'),
};

// succeeded and timedOut judge one configuration by the runbook's words.
const succeeded = (title, metric) => ({
  ...successRate, title, metric, pass: 'value>=0.95', warning: 'value>=0.90', guard: { metric, expression: 'value>0' },
});
const timedOut = (title, counted, share, guard) => ({
  ...poolTimeouts, title, metric: counted, pass: 'value==0', warningMetric: share, warning: 'value<0.01', guard,
});

export const beforeAfterCriteria = [
  stepsLeft,
  succeeded('Success rate, after', 'before_after_success'),
  timedOut('Pool timeouts, after', 'before_after_timeouts', 'before_after_timed_out', {
    metric: 'before_after_success', expression: 'value>0',
  }),
  {
    // How much faster it has to be is nobody's rule; slower it must not be, by
    // more than a tenth. PASS and FAIL are what the 95 % confidence interval is
    // sure of: that it is not, that it is. Where it reaches beyond the limit, or
    // a single round gives none, that is undecided, whatever the ratio itself.
    name: 'p95_ratio', title: 'p95 after/before, at most', unit: 'ratio',
    metric: 'before_after_p95_ratio_high', pass: 'value<=1.1',
    warningMetric: 'before_after_p95_ratio_low', warningTitle: 'lower end of the interval', warning: 'value<=1.1',
    guard: { metric: 'before_after_p95_ratio_high', expression: 'value>0' },
    attempt: { metric: 'before_after_p95_ratio', expression: 'value>0' },
    advice: {
      warning: 'Undecided: by the 95 % confidence interval, responses may be more than 10 % slower. Raise ROUNDS or DURATION, on an otherwise idle machine.',
      fail: 'The change made responses slower. Look at the CPU and at the time a connection is held, before and after.',
    },
  },
];

// wanted is how many users, or with rate arrivals per second, are to be carried.
// PASS and FAIL are what the 95 % interval of the capacity is sure of: what lies
// within it is undecided.
export function capacityCriteria({ wanted, rate = false }) {
  const what = rate ? 'Arrivals/s carried' : 'Users carried';
  const capacity = {
    name: 'capacity', title: `${what}, at least`, unit: 'count',
    metric: 'capacity_low', pass: `value>=${wanted}`,
    warningMetric: 'capacity_high', warningTitle: 'upper end of the interval', warning: `value>=${wanted}`,
    guard: ranSteps,
    advice: {
      warning: 'Undecided: the 95 % interval of the capacity includes what is wanted. Raise ROUNDS or DURATION.',
      fail: "The experiment's result says what broke first and what to do.",
    },
  };
  return [stepsLeft, capacity];
}

// What every step of a capacity experiment with a rate has to meet as well: in
// an open loop users who are all busy show as arrivals that nobody takes.
export const droppedArrivals = {
  name: 'dropped_arrivals', title: 'Arrivals dropped', unit: 'count',
  metric: 'dropped_iterations', pass: 'count==0',
  warningMetric: 'request_dropped', warningTitle: 'arrivals that were dropped', warning: 'rate<0.01', guard: requested,
  advice: advise('Requests arrived faster than they were answered. The diagnosis says what they waited for; raise CONCURRENT if there were too few users.'),
};

// Of a single round the noise is not known.
const recommended = { metric: 'tune_connections', expression: 'value>0' };
const noiseKnown = { metric: 'tune_agreement', expression: 'value>0' };

export const tuneCriteria = [
  stepsLeft,
  {
    name: 'recommendation', title: 'Connections recommended', unit: 'count',
    metric: 'tune_connections', pass: 'value>0', warning: 'value>0', guard: ranSteps,
    advice: advise('No complete round was measured, or no pool served every round. Read the errors logged during the run.'),
  },
  {
    name: 'agreement', title: 'Recommendation repeats', unit: 'share',
    metric: 'tune_agreement', pass: 'value>=0.5', warning: 'value>=0', guard: noiseKnown, attempt: recommended,
    advice: advise('Resampling the noise recommends another pool just as often. Raise ROUNDS or DURATION, or use the upper end of the interval.'),
  },
  {
    // Where noise explains everything, the smallest pool is as good as the best.
    name: 'noise', title: 'Difference noise hides', unit: 'share',
    metric: 'tune_noise', pass: 'value<=0.25', warning: 'value>=0', guard: noiseKnown, attempt: recommended,
    advice: advise('A pool that is worse by this much could look as good as the best because of noise. Raise ROUNDS or DURATION, on an otherwise idle machine.'),
  },
  succeeded('Success, recommended', 'tune_success'),
  timedOut('Timeouts, recommended', 'tune_timeouts', 'tune_timed_out', {
    metric: 'tune_success', expression: 'value>0',
  }),
];

// What every step has to meet as well where there is a limit to how slow
// answers may be, in milliseconds: in a closed loop users wait patiently, and no
// other row minds.
export const fastResponses = (ms) => ({
  name: 'response_p95', title: 'Response p95', unit: 'ms',
  metric: 'request_duration', pass: `p(95)<=${ms}`, warning: `p(95)<=${ms}`, guard: requested,
  advice: advise('Responses are slower than the limit. See whether they wait for a connection, or for the database.'),
});
