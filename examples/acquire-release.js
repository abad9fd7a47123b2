// acquire() takes one connection out of the pool, for statements that need the same one:
// a temporary table, a setting, a lock. release() gives it back.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_leaks: ['count==0'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

export default function () {
  const conn = pool.acquire();
  try {
    conn.exec("SET search_path TO 'example'");
    const row = conn.queryRow('SHOW search_path');
    const backend = conn.queryRow('SELECT pg_backend_pid() AS pid');

    check(row, { 'the setting is there': (r) => r?.search_path === 'example' });
    check(backend, { 'on the same connection': (r) => r?.pid === conn.pid });
    conn.exec('RESET search_path');
  } finally {
    conn.release(); // in `finally`, or an error would keep the connection until the iteration ends
  }
  check(pool.stat(), { 'nothing is checked out': (stat) => stat.active === 0 });
}

export function teardown() {
  pool.close();
}
