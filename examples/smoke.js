// The smallest test: one user, one statement, on a temporary PostgreSQL.
//
//     go run ./cmd/k6 run examples/smoke.js

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

// Without a server no check is counted, and k6 takes `rate==1` of nothing as kept: so a
// connection must have been opened too.
export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

export default function () {
  const row = pool.queryRow('SELECT 1 + 1 AS sum');
  check(row, { 'one and one is two': (r) => r?.sum === 2 });
}

export function teardown() {
  pool.close();
}
