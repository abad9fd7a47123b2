// exec(sql, ...values) runs a statement whose rows are not wanted and says what it did.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

export function setup() {
  // Without values, one call may hold several statements.
  pool.exec('DROP TABLE IF EXISTS example_tasks; CREATE TABLE example_tasks (title text, done bool)');
}

export default function () {
  const inserted = pool.exec('INSERT INTO example_tasks VALUES ($1, false), ($2, false)', 'write', 'test');
  const updated = pool.exec('UPDATE example_tasks SET done = true WHERE title = $1', 'write');

  check(inserted, {
    'two rows inserted': (result) => result.rowsAffected() === 2,
    'by INSERT': (result) => result.command === 'INSERT',
  });
  check(updated, { 'one row updated': (result) => result.rowsAffected() === 1 });
}

export function teardown() {
  pool.exec('DROP TABLE example_tasks');
  pool.close();
}
