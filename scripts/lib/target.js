// What a scenario loads: the database through a pool of ours, or with BASE_URL
// an application over HTTP.

import http from 'k6/http';
import pgxpool, { Pool } from 'k6/x/pgxpool';
import { httpCriteria, poolCriteria, watchedCriteria } from '../../thresholds/criteria.js';
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

// With DATABASE_URL the application's own pool is watched beside the load, from
// the database's side (DB_APPLICATION_NAME names its sessions) and, with
// APP_URL, from the application's.
function application(baseURL) {
  const url = addressOf(baseURL, __ENV.ENDPOINT || '/api/issues');
  const watched = pgxpool.monitor({ statusInterval: `${interval}s`, appURL: __ENV.APP_URL });
  return {
    judged: watched ? judgedWith(watched, url) : { criteria: httpCriteria, target: url },
    prepare: () => watched?.start(),
    // The name is a tag of k6's metrics, where no password may be.
    listIssues: () => http.get(url, { tags: { name: url.replace(/\/\/[^\s/]*@/, '//***@') } }),
  };
}

function judgedWith(watched, url) {
  const { applicationName, poolSize, maxOverflow } = watched;
  return {
    criteria: watchedCriteria(watched),
    target: url,
    configuration: { applicationName, poolSize, maxOverflow },
  };
}

// The value stays out of the message: it may hold a password.
function addressOf(baseURL, endpoint) {
  if (!/^https?:\/\/[^/]/.test(baseURL)) {
    throw new Error('BASE_URL is no URL of an application: accepted is http://HOST:PORT or https://HOST:PORT');
  }
  return baseURL.replace(/\/+$/, '') + endpoint.replace(/^\/*/, '/');
}
