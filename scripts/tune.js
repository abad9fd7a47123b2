// How large should the pool be? Pools of several sizes under the same load, all
// of them in every round and in random order, and of those that are as good as
// the best the smallest: with a confidence interval, a cross-check against
// queueing models, and what to paste.
//
//   k6 run scripts/tune.js                                   a temporary PostgreSQL
//   DATABASE_URL=postgresql://… k6 run scripts/tune.js       your own
//   k6 run -e SIZES=5+10,10+10,20+40 scripts/tune.js         these sizes (5,10,20,40: without overflow)
//   k6 run -e APP_COMMAND='uvicorn app:app --port 8000' -e BASE_URL=http://127.0.0.1:8000 -e APP_READY=/health scripts/tune.js
//                                                            your application, started anew for every step, see lib/application.js
//
// Without SIZES they are derived from the server's cores and max_connections.
// Also: WORKLOAD (your own SQL, see lib/statements.js), CONCURRENT (100 users), THINK (1 s), HOLD (0.25 s) and SPREAD, see
// lib/workload.js, RATE (arrivals per second, instead of users who wait for their
// answers; those that nobody is free for are dropped and judged), ROUNDS (3),
// DURATION (20 s for each step) and SETTLE (5 s before it),
// TOLERANCE (0.05: as good is within 5 %, or within noise), SEED (1, of the
// order), DB_POOL_TIMEOUT, GATE, WAIVE, and RESUME=results/tune.json to continue
// a run that was stopped early.
// POOLS (1, of each size) and BALANCE (random, round-robin or least), RETRIES (0).
//
// Only pools are recommended that meet the runbook's criteria, as 100users.js and
// capacity.js judge them, where their size decides: success, timeouts, connections
// in use, overflow (not the database's CPU, which no pool makes better). STEP_WAIVE
// leaves some of them out.
//
// A recommendation is a WARNING where noise decides it: where less than half of
// the resamples repeat it, or a pool could be a quarter worse than the best and
// look as good.

import { droppedArrivals, tuneCriteria } from '../thresholds/criteria.js';
import { droppedOf, experiment, judgedBy } from './lib/experiment.js';
import { readInteger, readNumber, readText } from './lib/settings.js';
import { target } from './lib/workload.js';

const run = experiment(
  {
    plan: 'tune', ...target.plan, sizes: readText('SIZES'), tolerance: readNumber('TOLERANCE', 0.05, 0), seed: readInteger('SEED', 1, 0),
    ...judgedBy(target.sizeCriteria.concat(readNumber('RATE', 0, 0) > 0 ? droppedArrivals : [])),
  },
  { criteria: tuneCriteria.concat(droppedOf('Dropped, recommended', 'tune')), configuration: target.configuration, target: target.url },
);

export const options = run.options;
export const handleSummary = run.handleSummary;

export const setup = run.setup(() => target.prepare());

export default function () {
  run.turns((pool) => target.run(pool));
}
