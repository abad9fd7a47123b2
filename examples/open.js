// open(url, options) is the same as new Pool({ ...options, url }). A test written for
// xk6-sql keeps its open(driver, url): the driver is ignored, it is always PostgreSQL.
//
//     DATABASE_URL=postgres://user:password@host/database go run ./cmd/k6 run examples/open.js

import { check } from 'k6';
import { open } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

// Without DATABASE_URL it is the temporary PostgreSQL.
const pool = open(__ENV.DATABASE_URL, { poolSize: 5 });

export default function () {
  const row = pool.queryRow('SELECT current_database() AS name');
  check(row, { 'the database has a name': (r) => r?.name !== '' });
}

export function teardown() {
  pool.close();
}
