// The experiments' workload: FlowBoard's issue list, and then the connection is
// held for a while in the same transaction, as by an application that calls
// another service, or by a slower query. Without that the pool's size hardly
// matters: an issue list takes milliseconds, and a few connections carry 100
// users. 100 users who think for 1 s and hold a connection for 0.25 s keep 20 of
// them busy: more than SQLAlchemy's 5 + 10, and fewer than 20 + 40.
//
//   HOLD    seconds on average, 0.25; 0 for the issue list alone
//   SPREAD  exponential (some hold much longer; what queueing models assume),
//           even (between half and one and a half times HOLD) or constant

import { Pool } from 'k6/x/pgxpool';
import { listIssues, seedIssues } from './issues.js';
import { readSeconds, readText } from './settings.js';

export const hold = readSeconds('HOLD', 0.25, 0);
const spread = readText('SPREAD', 'exponential');
const spreads = {
  exponential: () => -hold * Math.log(1 - Math.random()),
  even: () => hold * (0.5 + Math.random()),
  constant: () => hold,
};
if (!(spread in spreads)) {
  throw new Error(`SPREAD is ${JSON.stringify(spread)}: accepted are ${Object.keys(spreads).join(', ')}`);
}

// Seeding is no part of the experiment: it has a pool of its own.
const seeding = new Pool({ name: 'seeding', poolSize: 1, maxOverflow: 0 });

export const workload = {
  configuration: { hold: String(hold), spread },
  prepare: () => {
    seedIssues(seeding);
    seeding.close();
  },
  // run is one user's request.
  run: (pool) => listIssues(hold > 0 ? holding(pool) : pool),
};

// holding is a pool whose transactions hold their connection for longer.
function holding(pool) {
  return {
    transaction: (fn) =>
      pool.transaction((conn) => {
        const result = fn(conn);
        conn.exec('SELECT pg_sleep($1)', spreads[spread]());
        return result;
      }),
  };
}
