// workload(specification) runs pgbench's scripts: here one of its own on its own tables,
// of which setup() makes a small set.

import { check } from 'k6';
import pgxpool, { Pool } from 'k6/x/pgxpool';

export const options = {
  thresholds: {
    checks: ['rate==1'],
    pgxpool_connections_opened: ['count>0'],
    // Each statement has a tag: script and line.
    'pgxpool_query_duration{statement:builtin:select-only:2}': ['max>0', 'p(95)<5000'],
  },
};

const pool = new Pool();
const workload = pgxpool.workload('builtin:select-only');

export function setup() {
  pool.exec(`
    CREATE TABLE IF NOT EXISTS pgbench_branches (bid int);
    CREATE TABLE IF NOT EXISTS pgbench_accounts (aid int PRIMARY KEY, abalance int);
    INSERT INTO pgbench_branches SELECT 1 WHERE NOT EXISTS (SELECT FROM pgbench_branches);
    INSERT INTO pgbench_accounts SELECT n, 0 FROM generate_series(1, 100000) AS n ON CONFLICT DO NOTHING`);
  workload.prepare(pool);
}

export default function () {
  workload.run(pool);
  check(pool.stat(), { 'its connection is back': (stat) => stat.active === 0 });
}

export function teardown() {
  pool.exec('DROP TABLE pgbench_accounts, pgbench_branches');
  pool.close();
}
