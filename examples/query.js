// query(sql, ...values) gives an array of rows, each an object keyed by column.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

export default function () {
  // $1, $2 … stand for the values that follow: never put a value into the text itself.
  const rows = pool.query('SELECT n, n * n AS square FROM generate_series(1, $1::int) AS n', 3);

  for (const row of rows) {
    console.log(`${row.n} squared is ${row.square}`);
  }
  check(rows, {
    'three rows': (r) => r.length === 3,
    'the last square is 9': (r) => r[2].square === 9,
  });
}

export function teardown() {
  pool.close();
}
