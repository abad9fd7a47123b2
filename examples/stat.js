// stat() tells how full the pool is now and what has happened to it so far.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool({ poolSize: 2, maxOverflow: 2 });

export default function () {
  const taken = [pool.acquire(), pool.acquire(), pool.acquire()];
  const busy = pool.stat();
  taken.forEach((conn) => conn.release());
  const free = pool.stat();

  const percent = (100 * busy.utilization).toFixed(1);
  console.log(`active ${busy.active}, available ${busy.available}, utilization ${percent} %`);

  check(busy, {
    'three are out': (stat) => stat.active === 3,
    'one of them beyond poolSize': (stat) => stat.overflow === 1,
  });
  check(free, {
    'two are kept': (stat) => stat.idle === 2,
    'one is closed': (stat) => stat.discarded === 1,
  });
}

export function teardown() {
  pool.close();
}
