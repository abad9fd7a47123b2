// Is the tuned pool better, and by how much? The same load on the settings
// before and after, in pairs of alternating order (before, after, after, before …),
// so that a machine that grows slower or faster meanwhile does not decide.
//
//   k6 run scripts/before-after.js                                   a temporary PostgreSQL
//   k6 run -e DATABASE_URL=postgresql://… scripts/before-after.js    your own
//   k6 run -e BEFORE=20+40 -e AFTER=40+20 scripts/before-after.js    other settings
//
// BEFORE is SQLAlchemy's defaults (5+10,poolPrePing=false,poolRecycle=-1) and
// AFTER the runbook's pool (20+40,poolPrePing=true,poolRecycle=3600), each with
// poolTimeout=30; what you give is laid over that. Also: WORKLOAD (your own SQL, see lib/statements.js), CONCURRENT (100 users),
// THINK (1 s), HOLD (0.25 s) and SPREAD, see lib/workload.js, RATE (arrivals per
// second, instead of users who wait for their answers; those that nobody is free
// for are dropped and judged), ROUNDS (4), DURATION
// (20 s for each step) and SETTLE (5 s before it), GATE, WAIVE, and
// RESUME=results/before-after.json to go on with a run that was cut short.
//
// PASS is sure, by the ratio's 95 % confidence interval, that the p95 after is not
// more than a tenth above that before, and FAIL that it is. What the rounds do not
// decide is a WARNING, and one round decides nothing, nor do steps of less than 20
// responses.

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
