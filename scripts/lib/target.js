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
  const url = baseURL.replace(/\/+$/, '') + (__ENV.ENDPOINT || '/api/issues');
  const watched = __ENV.DATABASE_URL
    ? pgxpool.monitor({ statusInterval: `${interval}s`, appURL: __ENV.APP_URL })
    : null;
  return {
    judged: { criteria: watched ? watchedCriteria(watched) : httpCriteria, target: url },
    prepare: () => {
      if (watched) {
        watched.start();
      }
    },
    // One name for all requests, whatever their query: k6 keeps a series for each.
    listIssues: () => http.get(url, { tags: { name: url } }),
  };
}
