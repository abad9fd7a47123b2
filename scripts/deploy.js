// A deployment: the pools of the new generation open their connections while the
// old ones still hold theirs. If the server has no room for both, the new
// generation gets 53300 (too many clients) exactly when `k6 x pgxpool plan
// --fleet` says; when the old pools are closed, it gets the rest.
//
//   DATABASE_URL=postgresql://… k6 run scripts/deploy.js
//
// DB_POOL_SIZE + DB_MAX_OVERFLOW (20 + 40) is one generation's. Also GATE and WAIVE.
// Without DATABASE_URL on a temporary PostgreSQL, which always has room for both.
// It fills the server: do not run it on a server that others use.

import { sleep } from 'k6';
import { Counter, Gauge, Rate } from 'k6/metrics';
import { Pool } from 'k6/x/pgxpool';
import { deployCriteria } from '../thresholds/criteria.js';
import { alone } from './lib/alone.js';
import { request } from './lib/request.js';
import { defaults } from './lib/settings.js';
import { judge } from './lib/verdict.js';

const generation = (name) => new Pool({ defaults, name, applicationName: `xk6-pgxpool-${name}` });
const old = generation('old');
const fresh = generation('new');

const opened = new Gauge('deploy_opened'); // by the new generation beside the old one
const predicted = new Gauge('deploy_predicted');
const difference = new Gauge('deploy_difference');
const refused = new Counter('deploy_refused');
const served = new Rate('deploy_served_after');

const verdict = judge({ script: 'deploy', users: 1, criteria: deployCriteria });

export const options = {
  scenarios: { deployment: { executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '10m' } },
  ...verdict.options,
};
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => {
  alone();
  old.query('SELECT 1'); // starts the temporary server before the clock runs
});

// room is what the plan's arithmetic says: a superuser may use what is reserved.
const room = (conn) => conn.queryRow(`
  SELECT (CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) END) AS reserved,
         current_setting('max_connections')::int AS most,
         (SELECT count(*) FROM pg_stat_activity a
          WHERE a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.usesysid IS NOT NULL)::int AS open
  FROM pg_roles r WHERE r.rolname = session_user`);

// take acquires this many connections, or stops when one is refused.
function take(pool, most) {
  const held = [];
  while (held.length < most) {
    try {
      held.push(pool.acquire());
    } catch (error) {
      if (error.code !== '53300' && !/53300|too many clients|remaining connection slots/.test(error.message)) {
        throw error;
      }
      refused.add(1);
      break;
    }
  }
  return held;
}

export default function () {
  const { size, maxOverflow } = fresh.stat();
  const most = size + maxOverflow;
  request(() => {
    const first = fresh.acquire(); // and beside it the connection that reads the CPU
    const before = take(old, most);
    sleep(2); // for what k6 itself opens
    const { reserved, most: all, open } = room(first);
    const free = Math.min(most - 1, Math.max(0, all - reserved - open));
    const beside = take(fresh, most - 1);
    predicted.add(free);
    opened.add(beside.length);
    difference.add(Math.abs(free - beside.length));
    before.forEach((conn) => conn.release());
    old.close(); // the old generation ends
    const rest = take(fresh, most - 1 - beside.length);
    served.add(beside.length + rest.length === most - 1);
    [first, ...beside, ...rest].forEach((conn) => conn.release());
  });
}
