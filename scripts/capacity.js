// How many concurrent users does a configuration carry? The load rises until the
// runbook's criteria fail; then it goes to where the answer is least certain, until
// the 95 % interval is narrow.
//
//   k6 run scripts/capacity.js                                                     a temporary PostgreSQL
//   DATABASE_URL=postgresql://… k6 run -e DB_POOL_SIZE=5 scripts/capacity.js       your own, another pool
//   k6 run -e BASE_URL=http://127.0.0.1:8000 scripts/capacity.js                   your application, over HTTP
//   k6 run -e APP_COMMAND='uvicorn app:app --port 8000' -e BASE_URL=http://127.0.0.1:8000 -e APP_READY=/health scripts/capacity.js
//                                                            your application, started anew for every step, see lib/application.js
//
// WANTED (100 users, or the largest load if that is less) decides: PASS if the
// interval is above it, FAIL if it is below, else WARNING. Also: WORKLOAD (your own SQL, see lib/statements.js), CONCURRENT (400, the most users to try), STEPS (10,20,40,… users)
// or FROM (10, doubled from there),
// RESOLUTION (0.05 of the load), THINK (1 s), HOLD (0.25 s) and SPREAD, see
// lib/workload.js, ROUNDS (1; with more the search takes as many times the steps), DURATION (30 s for each step)
// and SETTLE (5 s before it), P95 (ms that responses may take, no limit),
// STEP_WAIVE (criteria that no step is judged by, such as db_cpu), GATE (pass;
// with fail steps too are carried unless they FAIL) and WAIVE, ENDPOINT with
// BASE_URL, DB_POOL_SIZE, DB_MAX_OVERFLOW, …, and RESUME=results/capacity.json to
// continue a run that was stopped early.
// POOLS (1, of each size) and BALANCE (random, round-robin or least), RETRIES (0).
//
// Users who wait for answers send fewer requests when answers are slow, which hides
// overload. With RATE the steps are arrivals per second up to it, at random times
// no matter how long answers take. CONCURRENT is how many may be open at once;
// arrivals without a free user are dropped and judged.

import { capacityCriteria, droppedArrivals, fastResponses, stepCriteria } from '../thresholds/criteria.js';
import { experiment, judgedBy } from './lib/experiment.js';
import { readInteger, readNumber, readText } from './lib/settings.js';
import { target } from './lib/workload.js';

const rate = readNumber('RATE', 0, 0);
const limit = readNumber('P95', 0, 0);

// What is wanted must be a load that can be tried.
const steps = (readText('STEPS') || '').split(',');
const largest = Number(steps[steps.length - 1]) || rate || readInteger('CONCURRENT', 400, 1);
const wanted = readNumber('WANTED', rate > 0 ? largest : Math.min(100, largest), 0, largest);

const criteria = stepCriteria(target.criteria).concat(
  rate > 0 ? droppedArrivals : [],
  limit > 0 ? fastResponses(limit) : [],
);

const run = experiment(
  {
    plan: 'capacity', ...target.plan,
    steps: readText('STEPS'), from: readNumber('FROM'), resolution: readNumber('RESOLUTION', 0.05, 0), wanted,
    ...judgedBy(criteria),
  },
  {
    criteria: capacityCriteria({ wanted, rate: rate > 0 }),
    configuration: { ...target.configuration, ...target.sizes }, target: target.url,
  },
);

export const options = run.options;
export const handleSummary = run.handleSummary;

export const setup = run.setup(() => target.prepare());

export default function () {
  run.turns((pool) => target.run(pool));
}
