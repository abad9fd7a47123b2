// setting(name, options) reads a variable of your own script: from -e, the environment
// and .env, with one message for what is not accepted.
//
//   k6 run -e PAUSE=50ms examples/settings.js

import { check, sleep } from 'k6';
import pgxpool, { Pool } from 'k6/x/pgxpool';

const rows = pgxpool.setting('ROWS', { kind: 'integer', default: 3, least: 1, most: 1000 });
const pause = pgxpool.setting('PAUSE', { kind: 'duration', default: 0.01, least: 0 }); // in seconds
pgxpool.checkSettings(); // all are read: refuses -e HOLD=… of another scenario

export const options = {
  vus: 2,
  iterations: 4,
  thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] },
};

const pool = new Pool({ poolSize: 2, maxOverflow: 0 });

export default function () {
  const numbers = pool.query('SELECT n FROM generate_series(1, $1::int) AS n', rows);
  check(numbers, { 'as many rows as asked for': () => numbers.length === rows });
  sleep(pause);
}

export function teardown() {
  pool.close();
}
