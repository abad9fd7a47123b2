// Is the tuned pool better, and by how much? The same load on the settings
// before and after, in pairs of alternating order (before, after, after, before …),
// so that a machine that becomes slower or faster does not decide the result.
//
//   k6 run scripts/before-after.js                                   a temporary PostgreSQL
//   DATABASE_URL=postgresql://… k6 run scripts/before-after.js       your own
//   k6 run -e BEFORE=20+40 -e AFTER=40+20 scripts/before-after.js    other settings
//   k6 run -e APP_COMMAND='uvicorn app:app --port 8000' -e BASE_URL=http://127.0.0.1:8000 -e APP_READY=/health scripts/before-after.js
//                                                            your application, started anew for every step, see lib/application.js
//
// BEFORE is SQLAlchemy's defaults (5+10,poolPrePing=false,poolRecycle=-1) and
// AFTER the runbook's pool (20+40,poolPrePing=true,poolRecycle=3600), each with
// poolTimeout=30; your values change those. Also: WORKLOAD (your own SQL, see lib/statements.js), CONCURRENT (100 users),
// THINK (1 s), HOLD (0.25 s) and SPREAD, see lib/workload.js, RATE (arrivals per
// second, instead of users who wait for their answers; those without a free user
// are dropped and judged), ROUNDS (4), DURATION
// (20 s for each step) and SETTLE (5 s before it), GATE, WAIVE, and
// RESUME=results/before-after.json to continue a run that was stopped early.
// POOLS (1, of each size) and BALANCE (random, round-robin or least), RETRIES (0).
//
// PASS means that, by the ratio's 95 % confidence interval, the p95 after is at most
// 10 % above the p95 before; FAIL means that it is higher. If the rounds do not
// decide, the verdict is WARNING, as with one round or with fewer than 20 responses
// in a step.

import { beforeAfterCriteria } from '../thresholds/criteria.js';
import { droppedOf, experiment } from './lib/experiment.js';
import { readText } from './lib/settings.js';
import { target } from './lib/workload.js';

const run = experiment(
  { plan: 'before-after', ...target.plan, before: readText('BEFORE'), after: readText('AFTER') },
  {
    criteria: beforeAfterCriteria.concat(droppedOf('Dropped, after', 'before_after')),
    configuration: target.configuration, target: target.url,
  },
);

export const options = run.options;
export const handleSummary = run.handleSummary;

export const setup = run.setup(() => target.prepare());

export default function () {
  run.turns((pool) => target.run(pool));
}
