// The comparison's case for xk6-sql: one query an iteration.

import sql from 'k6/x/sql';
import driver from 'k6/x/sql/driver/postgres';

const db = sql.open(driver, __ENV.DATABASE_URL, {
  max_open_conns: Number(__ENV.POOL),
  max_idle_conns: Number(__ENV.POOL),
});

export const options = {
  scenarios: {
    users: __ENV.SECONDS === '0'
      ? { executor: 'per-vu-iterations', vus: Number(__ENV.USERS), iterations: 1 }
      : { executor: 'constant-vus', vus: Number(__ENV.USERS), duration: `${__ENV.SECONDS}s` },
  },
};

let n = __VU * 7919;

export default function () {
  db.query('SELECT id, title, total FROM bench WHERE id = $1', 1 + (n++ % 10000));
}

export const handleSummary = (data) => ({
  stdout: JSON.stringify({ queries: data.metrics.iterations.values.count }) + '\n',
});
