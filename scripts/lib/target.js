// What a scenario loads: the database through a pool of ours, or with BASE_URL
// an application over HTTP.

import http from 'k6/http';
import { Pool } from 'k6/x/pgxpool';
import { httpCriteria, poolCriteria } from '../../thresholds/criteria.js';
import { listIssues, seedIssues } from './issues.js';
import { interval } from './settings.js';

export const target = __ENV.BASE_URL ? application(__ENV.BASE_URL) : database();

function database() {
  const pool = new Pool({ statusInterval: `${interval}s` });
  return {
    judged: { criteria: poolCriteria },
    prepare: () => seedIssues(pool),
    listIssues: () => listIssues(pool),
  };
}

function application(baseURL) {
  const url = baseURL.replace(/\/+$/, '') + (__ENV.ENDPOINT || '/api/issues');
  return {
    judged: { criteria: httpCriteria, target: url },
    prepare: () => {},
    // One name for all requests, whatever their query: k6 keeps a series for each.
    listIssues: () => http.get(url, { tags: { name: url } }),
  };
}
