// Users who hang up: a share of the requests ends at the client before the
// application has answered. Afterwards nothing may be left of them: no connection
// checked out, no transaction open, no statement running.
//
//   DATABASE_URL=postgresql://… k6 run -e BASE_URL=http://127.0.0.1:8000 scripts/abandon.js
//
// Also: ABANDON (0.1 of the requests), SETTLE (5 s that the application has at the
// end: more than its longest request takes), CONCURRENT (20 users), DURATION
// (30 s), THINK (1 s), ENDPOINT, INTERVAL, APP_URL (its /health/pool, which counts
// what is checked out but idle), GATE and WAIVE.

import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { abandonCriteria } from '../thresholds/criteria.js';
import { alone } from './lib/alone.js';
import { application } from './lib/application.js';
import { request } from './lib/request.js';
import { baseURL, readNumber, readSeconds, statusInterval, users } from './lib/settings.js';
import { think, thinkTime } from './lib/think.js';
import { judge } from './lib/verdict.js';

const share = readNumber('ABANDON', 0.1, 0, 1);
const settle = readSeconds('SETTLE', 5, 2);
const load = users(20, 30);
const interval = statusInterval();
// k6 inspect and k6 archive need no application; setup() asks for it.
const app = baseURL() ? application(baseURL(), interval) : undefined;

const abandoned = new Counter('abandoned_requests');

const verdict = judge({
  script: 'abandon',
  target: app?.url,
  criteria: abandonCriteria({ watched: Boolean(app?.watched) }),
  configuration: { ...app?.configuration, think: thinkTime, abandon: share, settle },
});

export const options = { ...load, teardownTimeout: `${settle + 30}s`, ...verdict.options };
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => {
  alone();
  if (!app) {
    throw new Error('BASE_URL is not set: abandon.js needs an application whose users can hang up, such as http://127.0.0.1:8000');
  }
  app.prepare();
});

let usual; // milliseconds that this user's last whole request took

export default function () {
  think();
  if (usual !== undefined && Math.random() < share) {
    hangUp(Math.random() * usual);
    return;
  }
  const began = exec.instance.currentTestRunDuration;
  request(() => app?.run());
  usual = exec.instance.currentTestRunDuration - began;
}

// hangUp sends a request and closes the connection after this many milliseconds. A
// request that was answered earlier is not abandoned.
function hangUp(ms) {
  try {
    app?.run({ timeout: Math.max(1, ms), throw: true }); // thrown, as k6 would log each
  } catch (error) {
    if (!String(error).includes('request timeout')) {
      throw error;
    }
    abandoned.add(1);
  }
}

// The pool is watched until the end of teardown(): what is in use then was left.
export function teardown() {
  sleep(settle);
}
