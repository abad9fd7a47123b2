// An experiment of one's own: the same request on two pools, in turns. Its users
// ask for their turns, and get the pool of the step.

import { check } from 'k6';
import pgxpool from 'k6/x/pgxpool';

const experiment = pgxpool.experiment({
  plan: 'before-after', before: '1+0', after: '4+0',
  users: 4, think: 0, settle: 0.2, duration: 1, rounds: 1,
});

export const options = {
  scenarios: {
    users: { executor: 'per-vu-iterations', vus: experiment.users, iterations: 1, maxDuration: experiment.maxDuration },
  },
  thresholds: {
    checks: ['rate==1'],
    // Four users who hold a connection for 50 ms each want more than one.
    before_after_p95_ratio: ['value<0.8', 'value>0'],
  },
};

export default function () {
  for (let pool = experiment.next(); pool !== null; pool = experiment.next()) {
    const began = Date.now();
    const row = pool.queryRow('SELECT pg_sleep(0.05), 1 AS one');
    pgxpool.observeResponse(Date.now() - began);
    check(row, { 'the step\'s pool answers': (r) => r?.one === 1 });
  }
}
