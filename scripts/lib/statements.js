// What one request does in the database: FlowBoard's issue list and a hold
// (hold.js), or with WORKLOAD your own statements, pgbench's scripts:
//
//   -e WORKLOAD=list.sql@8,update.sql@2    files of the working directory, with their weights
//   -e WORKLOAD=builtin:tpcb-like          pgbench's own: tpcb-like, simple-update, select-only
//
// docs/workload.md says what they may hold. Each request runs one script on one
// connection.

import pgxpool from 'k6/x/pgxpool';
import { holding } from './hold.js';
import { listIssues, seedIssues } from './issues.js';
import { baseURL, readText } from './settings.js';

// statements gives prepare(pool) for setup() and run(pool) for one request. hold is
// the default of HOLD, which the scripts of a workload do not need: they say
// themselves how long a request takes.
export function statements(hold) {
  const own = sqlWorkload();
  if (own) {
    const { description, prepare, run } = own;
    return { hold: 0, configuration: { workload: description }, prepare, run };
  }
  const held = holding(hold);
  return {
    hold: held.hold, configuration: held.configuration, prepare: seedIssues, run: (pool) => listIssues(held.of(pool)),
  };
}

// sqlWorkload is null without WORKLOAD.
export function sqlWorkload() {
  const specification = readText('WORKLOAD');
  if (specification === undefined) {
    return null;
  }
  if (baseURL() !== undefined) {
    throw new Error('WORKLOAD and BASE_URL are both set: the statements of a workload go to the database, not to an application; unset one of them');
  }
  return pgxpool.workload(specification);
}
