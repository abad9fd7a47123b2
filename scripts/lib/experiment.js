// What the experiments share: the plan's settings from -e, k6's options for as
// many users as the plan needs, and the verdict on what it found out.
//
//   const run = experiment({ plan: 'tune', sizes: readText('SIZES') }, { criteria: tuneCriteria });
//   export const options = run.options;
//   export const handleSummary = run.handleSummary;
//   export default () => run.turns((pool) => …one request…);
//
// Read by every plan: CONCURRENT, THINK, RATE, HOLD, SETTLE, DURATION, ROUNDS,
// POOLS, BALANCE, RETRIES and RESUME. What is not given has the plan's own default.

import pgxpool from 'k6/x/pgxpool';
import { request } from './request.js';
import { retryPlan } from './retry.js';
import { baseURL, readInteger, readNumber, readSeconds, readText } from './settings.js';
import { judge } from './verdict.js';
import { droppedArrivals, parseGate, parseWaive } from '../../thresholds/criteria.js';

// droppedOf judges the arrivals that one configuration dropped, with RATE: its
// gauges are prefix_dropped and prefix_dropped_share. Without RATE there is
// nothing to judge.
export function droppedOf(title, prefix) {
  return readNumber('RATE', 0, 0) === 0 ? [] : [{
    ...droppedArrivals, title, metric: `${prefix}_dropped`, pass: 'value==0',
    warningMetric: `${prefix}_dropped_share`, warning: 'value<0.01',
    guard: { metric: `${prefix}_success`, expression: 'value>0' },
  }];
}

// judgedBy has every step of a plan judged by these criteria: STEP_WAIVE is read as
// WAIVE is, and an error says which of the two is wrong.
export function judgedBy(criteria) {
  const gate = parseGate(pgxpool.redact(readText('GATE', '')));
  try {
    return { criteria, gate, waive: parseWaive(readText('STEP_WAIVE'), criteria) };
  } catch (error) {
    throw new Error(pgxpool.redact(`STEP_${error.message}`));
  }
}

// Several pools of each step's settings, see pgxpool.pools().
const pools = readInteger('POOLS', 1, 1, 1000);
const balance = readText('BALANCE', 'random');

export function experiment(plan, judged) {
  // README has BASE_URL exported: without a word the database would be measured in its place.
  if (baseURL() && !plan.application && plan.plan !== 'capacity') {
    throw new Error(`BASE_URL is set, and ${plan.plan} changes the pool's settings, which those of a running application are not: set APP_COMMAND, so that the application is started anew with each step's settings, or unset BASE_URL`);
  }
  // The plan says itself what is in range.
  const found = pgxpool.experiment({
    users: readInteger('CONCURRENT'),
    think: readSeconds('THINK'),
    rate: readNumber('RATE'),
    settle: readSeconds('SETTLE'),
    duration: readSeconds('DURATION'),
    rounds: readInteger('ROUNDS'),
    resume: readText('RESUME'),
    workload: { ...judged.configuration, target: judged.target && pgxpool.redact(judged.target) },
    ...(pools > 1 ? { pools, balance } : {}),
    ...retryPlan,
    ...plan,
  });
  const { options, setup, handleSummary } = judge({
    script: found.name, users: found.users, ...judged,
    configuration: { ...judged.configuration, ...(pools > 1 ? { pools: String(pools), balance } : {}) },
  });
  return {
    // An application that does not start ends the test here, before any load.
    setup: (fn) => setup(() => {
      fn();
      found.prepare();
    }),
    handleSummary,
    // Every user is one long iteration: the experiment says whose turn it is.
    options: {
      ...options,
      ...(plan.application ? { setupTimeout: '180s' } : {}),
      scenarios: {
        [found.name]: {
          executor: 'per-vu-iterations', vus: found.users, iterations: 1, maxDuration: found.maxDuration,
        },
      },
    },
    // turns calls fn once for every request of this user, with the step's pool.
    turns: (fn) => {
      for (let pool = found.next(); pool !== null; pool = found.next()) {
        const current = pool;
        request(() => fn(current));
      }
    },
  };
}
