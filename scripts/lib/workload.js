// The experiments' requests, see statements.js. 100 users who think for 1 s and hold
// a connection for 0.25 s keep 20 of them busy: more than SQLAlchemy's 5 + 10, and
// fewer than 20 + 40.

import { Pool } from 'k6/x/pgxpool';
import { statements } from './statements.js';

const { hold, configuration, prepare, run } = statements(0.25);
export { hold };

// Seeding is no part of the experiment: it has a pool of its own.
const seeding = new Pool({ name: 'seeding', poolSize: 1, maxOverflow: 0 });

export const workload = {
  configuration,
  prepare: () => {
    prepare(seeding);
    seeding.close();
  },
  // run is one user's request.
  run,
};
