// What a scenario loads: the database through a pool of ours, or with BASE_URL
// an application over HTTP.

import { Pool } from 'k6/x/pgxpool';
import { poolCriteria } from '../../thresholds/criteria.js';
import { application } from './application.js';
import { listIssues, seedIssues } from './issues.js';
import { interval, thinkTime } from './settings.js';

const statusInterval = `${interval}s`;

export const target = __ENV.BASE_URL ? overHTTP(__ENV.BASE_URL) : database();

function database() {
  const pool = new Pool({ statusInterval });
  return {
    judged: { criteria: poolCriteria, configuration: { think: thinkTime } },
    prepare: () => seedIssues(pool),
    // The application whose sessions the database has, and whether it can be asked.
    counted: true,
    applicationName: () => pool.query("SELECT current_setting('application_name') AS name")[0].name,
    listIssues: () => listIssues(pool),
  };
}

function overHTTP(baseURL) {
  const { url, watched, criteria, configuration, prepare, run } = application(baseURL, statusInterval);
  const judged = { criteria, configuration: { ...configuration, think: thinkTime }, target: url };
  return {
    judged, prepare, listIssues: run, counted: Boolean(watched), applicationName: () => watched?.applicationName,
  };
}
