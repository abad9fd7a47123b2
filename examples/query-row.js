// queryRow(sql, ...values) gives the first row, or null when there is none, and
// queryValue its first column.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();
const sql = 'SELECT datname AS name FROM pg_database WHERE datname = $1';

export default function () {
  check(pool.queryRow(sql, 'template1'), { 'found': (row) => row?.name === 'template1' });
  check(pool.queryRow(sql, 'no such database'), { 'not found': (row) => row === null });
  check(pool.queryValue('SELECT count(*) FROM pg_database'), { 'a number': (n) => n > 0 });
}

export function teardown() {
  pool.close();
}
