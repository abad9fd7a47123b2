// new Pool(options) describes a pool. All virtual users share it: the ten users below
// make do with at most 2 + 3 connections and wait for each other.

import { check, sleep } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = {
  vus: 10,
  iterations: 50,
  thresholds: {
    checks: ['rate==1'],
    pgxpool_connections_opened: ['count>0'],
    pgxpool_acquire_duration: ['p(95)<5000'],
    pgxpool_acquire_timeouts: ['count==0'],
  },
};

const pool = new Pool({
  name: 'example', // the tag `pool` of the metrics
  poolSize: 2, // connections kept open
  maxOverflow: 3, // connections beyond them under load
  poolTimeout: '30s', // longest wait for a free one; a bare number is milliseconds
});

export default function () {
  pool.query('SELECT pg_sleep(0.01)');
  check(pool.stat(), { 'never more than 5 connections': (stat) => stat.total <= 5 });
  sleep(0.01);
}

export function teardown() {
  pool.close();
}
