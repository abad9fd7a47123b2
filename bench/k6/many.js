// Very many users on one pool: each thinks a second and runs one statement that
// takes the server 10 ms. Without POOL they only think.

import { sleep } from 'k6';
import { Pool } from 'k6/x/pgxpool';

const pool = __ENV.POOL === '' ? null : new Pool({
  poolSize: Number(__ENV.POOL), maxOverflow: 0, poolTimeout: '5m', applicationName: 'bench-many', poolPrePing: false,
});

export const options = {
  scenarios: { users: { executor: 'constant-vus', vus: Number(__ENV.USERS), duration: `${__ENV.SECONDS}s`, gracefulStop: '10s' } },
  summaryTrendStats: ['avg', 'max', 'count'],
};

export default function () {
  sleep(0.5 + Math.random());
  if (pool) {
    pool.query('SELECT pg_sleep(0.01)');
  }
}

const average = (data, name) => (data.metrics[name] ? data.metrics[name].values.avg : 0);

export const handleSummary = (data) => ({
  stdout: JSON.stringify({
    iterations: data.metrics.iterations.values.count,
    wait_ms: average(data, 'pgxpool_acquire_duration'),
    use_ms: average(data, 'pgxpool_use_duration'),
  }) + '\n',
});
