// Very many users on one pool: each thinks, a second unless THINK says otherwise, and
// runs one statement that takes the server 10 ms. Without POOL they only think. With
// RAMP they begin one after the other within so many seconds. Towards the end one user
// more asks k6 itself what its memory holds, a few times: what is allocated while a
// collection runs counts as live in it.

import { sleep } from 'k6';
import http from 'k6/http';
import { Gauge } from 'k6/metrics';
import { Pool } from 'k6/x/pgxpool';

const pool = __ENV.POOL === '' ? null : new Pool({
  poolSize: Number(__ENV.POOL), maxOverflow: 0, poolTimeout: '5m', applicationName: 'bench-many', poolPrePing: false,
});

const users = Number(__ENV.USERS);
const ramp = Number(__ENV.RAMP);
const seconds = Number(__ENV.SECONDS);
const think = Number(__ENV.THINK);
const heap = new Gauge('heap_live');
const stacks = new Gauge('stacks');

export const options = {
  scenarios: {
    users: ramp > 0
      ? { executor: 'ramping-vus', stages: [{ duration: `${ramp}s`, target: users }, { duration: `${seconds}s`, target: users }], gracefulStop: '10s' }
      : { executor: 'constant-vus', vus: users, duration: `${seconds}s`, gracefulStop: '10s' },
    memory: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'memory', startTime: `${ramp + 0.6 * seconds}s`, maxDuration: '1m' },
  },
  summaryTrendStats: ['avg', 'max', 'count'],
};

export default function () {
  sleep((0.5 + Math.random()) * think);
  if (pool) {
    pool.query('SELECT pg_sleep(0.01)');
  }
}

export function memory() {
  const bodies = [];
  const until = Date.now() + 200 * seconds; // long before the users leave
  do {
    bodies.push(http.get(`http://${__ENV.API}/debug/pprof/heap?gc=1&debug=1`, { timeout: '50s' }).body);
  } while (Date.now() < until);
  const least = (what) => Math.min(...bodies.map((body) => Number(what.exec(body)[1])));
  heap.add(least(/# HeapAlloc = (\d+)/));
  stacks.add(least(/# Stack = (\d+)/));
}

const value = (data, name, of) => (data.metrics[name] ? data.metrics[name].values[of] : 0);

export const handleSummary = (data) => ({
  stdout: JSON.stringify({
    iterations: data.metrics.iterations.values.count,
    wait_ms: value(data, 'pgxpool_acquire_duration', 'avg'),
    use_ms: value(data, 'pgxpool_use_duration', 'avg'),
    opened: value(data, 'pgxpool_connections_opened', 'count'),
    heap: value(data, 'heap_live', 'value'),
    stacks: value(data, 'stacks', 'value'),
  }) + '\n',
});
