// queryAsync, queryRowAsync, execAsync and acquireAsync give Promises, so that one virtual
// user can have several statements under way, each on a connection of its own.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

export function setup() {
  pool.exec('DROP TABLE IF EXISTS example_visits; CREATE TABLE example_visits (page text)');
}

export default async function () {
  await pool.execAsync('INSERT INTO example_visits VALUES ($1)', '/api/issues');

  // Both are under way at once.
  const [visits, total] = await Promise.all([
    pool.queryAsync('SELECT page, pg_sleep(0.1) FROM example_visits'),
    pool.queryRowAsync('SELECT count(*) AS n, pg_sleep(0.1) FROM example_visits'),
  ]);
  check(visits, { 'one visit': (rows) => rows.length === 1 });
  check(total, { 'counted': (row) => row?.n === 1 });

  const conn = await pool.acquireAsync();
  try {
    await conn.execAsync('DELETE FROM example_visits');
  } finally {
    conn.release();
  }
}

export function teardown() {
  pool.exec('DROP TABLE example_visits');
  pool.close();
}
