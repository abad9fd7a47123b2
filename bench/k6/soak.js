// Five million queries, to see whether memory stays where it is after warm-up.

import { Pool } from 'k6/x/pgxpool';

const pool = new Pool({ poolSize: Number(__ENV.POOL), maxOverflow: 0, poolTimeout: '5m', poolPrePing: false });

export const options = {
  scenarios: {
    users: {
      executor: 'shared-iterations', vus: Number(__ENV.USERS), iterations: Number(__ENV.QUERIES) / 20, maxDuration: '1h',
    },
  },
};

let n = __VU * 7919;

export default function () {
  for (let i = 0; i < 20; i++) {
    pool.query('SELECT id, title, total FROM bench WHERE id = $1', 1 + (n++ % 10000));
  }
}

export const handleSummary = (data) => ({
  stdout: JSON.stringify({ queries: 20 * data.metrics.iterations.values.count }) + '\n',
});
