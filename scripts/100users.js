// The runbook's load test: 100 concurrent users read FlowBoard's issue list for
// five minutes, and the run is judged PASS, WARNING or FAIL.
//
//   k6 run scripts/100users.js                                       a temporary PostgreSQL
//   DATABASE_URL=postgresql://… k6 run scripts/100users.js           your own
//   k6 run -e BASE_URL=http://127.0.0.1:8000 scripts/100users.js     your application, over HTTP
//
// Also: WORKLOAD (your own SQL, see lib/statements.js), CONCURRENT (100 users), DURATION (300 s), THINK (1 s between a user's
// requests), HOLD (0.1 s on average for which a request holds its connection beyond
// its statements) and SPREAD, see lib/hold.js, POOLS (1, of the given size each) and BALANCE (random, round-robin or least), INTERVAL (5 s between status lines),
// ENDPOINT (/api/issues, with BASE_URL), GATE (pass, fail), WAIVE (names of criteria), and the pool's own
// settings as in FlowBoard's .env: DB_POOL_SIZE, DB_MAX_OVERFLOW, …

import { users } from './lib/settings.js';
import { request } from './lib/request.js';
import { judge } from './lib/verdict.js';
import { target } from './lib/target.js';
import { think } from './lib/think.js';

const load = users();
const verdict = judge({ script: '100users', ...target.judged });

export const options = { ...load, ...verdict.options };
export const handleSummary = verdict.handleSummary;

export const setup = verdict.setup(() => target.prepare());

export default function () {
  think();
  request(target.listIssues);
}
