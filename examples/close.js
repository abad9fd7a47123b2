// close() closes the pool for the whole process, every user included: call it in teardown().
// A statement afterwards is a QueryError.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

export default function () {
  check(pool.queryRow('SELECT true AS works'), { 'open': (row) => row?.works === true });
}

export function teardown() {
  pool.close();

  let message = '';
  try {
    pool.query('SELECT 1');
  } catch (error) {
    message = error.message;
  }
  check(message, { 'closed': (text) => text.includes('closed') });
}
