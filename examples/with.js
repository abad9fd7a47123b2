// pool.with(options) is the same pool whose calls have tags, a time limit, a limit of rows
// or rows as arrays. copyFrom() seeds a table.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = {
  thresholds: {
    checks: ['rate==1'],
    pgxpool_connections_opened: ['count>0'],
    'pgxpool_query_duration{name:list}': ['p(95)<1000'],
  },
};

const pool = new Pool();
const list = pool.with({ tags: { name: 'list' }, timeout: '5s', maxRows: 100 });
const arrays = pool.with({ rowMode: 'array' });

function failure(call) {
  try {
    call();
  } catch (error) {
    return error.message;
  }
  return '';
}

export function setup() {
  // Many rows at once: all of them, or none.
  pool.exec('DROP TABLE IF EXISTS example_copied');
  pool.exec('CREATE TABLE example_copied (id int, title text)');
  const rows = Array.from({ length: 1000 }, (_, n) => [n, `issue ${n}`]);
  check(pool.copyFrom('example_copied', ['id', 'title'], rows), { 'a thousand copied': (copied) => copied === 1000 });
}

export default function () {
  check(list.query('SELECT generate_series(1, 100) AS id'), { 'a hundred rows': (rows) => rows.length === 100 });
  check(failure(() => list.query('SELECT generate_series(1, 101) AS id')), {
    'one more is an error': (message) => message.includes('maxRows 100'),
  });
  check(failure(() => pool.with({ timeout: 100 }).query('SELECT pg_sleep(60)')), {
    'too slow is an error': (message) => message.includes("its call's timeout"),
  });

  const found = arrays.query("SELECT 1 AS id, 'issue' AS name, 'project' AS name");
  check(found, {
    'both names are there': (rows) => rows[0].join() === '1,issue,project',
    'and what the columns are': (rows) => rows.fields.map((field) => field.name).join() === 'id,name,name',
  });
}

export function teardown() {
  pool.exec('DROP TABLE example_copied');
  pool.close();
}
