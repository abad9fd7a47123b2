// Millions of iterations of one query each, to see whether memory stays where it is
// after warm-up, with the verdict, its thresholds and the report. METRICS=compact or
// full; CASE=empty leaves the query out, and all that grows then is k6's own.

import pgxpool, { Pool } from 'k6/x/pgxpool';

const empty = __ENV.CASE === 'empty';
const pool = empty ? undefined : new Pool({ poolSize: Number(__ENV.POOL), maxOverflow: 0, poolTimeout: '5m', poolPrePing: false });

export const options = {
  scenarios: {
    users: { executor: 'shared-iterations', vus: Number(__ENV.USERS), iterations: Number(__ENV.QUERIES), maxDuration: '2h' },
  },
  thresholds: empty ? {} : pgxpool.thresholds(),
};

let n = __VU * 7919;

export default function () {
  n++;
  if (!empty) {
    pool.query('SELECT id, title, total FROM bench WHERE id = $1', 1 + (n % 10000));
  }
}

export const handleSummary = (data) => (empty ? { stdout: '' } : pgxpool.verdict(data));
