// What a scenario loads: the database through a pool of ours, see statements.js, or
// with BASE_URL an application over HTTP.

import pgxpool from 'k6/x/pgxpool';
import { poolCriteria } from '../../thresholds/criteria.js';
import { application } from './application.js';
import { baseURL, defaults, endpoint, statusInterval } from './settings.js';
import { statements } from './statements.js';
import { thinkTime } from './think.js';

// 100 users who think for 1 s and hold a connection for 0.1 s keep 10 busy on
// average and now and then 20: where the runbook's own numbers live. Over HTTP the
// application holds it as it does.
const requests = statements(0.1);

export const target = baseURL() ? overHTTP(baseURL()) : database();

function database() {
  endpoint(); // the runbook's command line has it with and without an application
  const pools = pgxpool.pools({ defaults, statusInterval: statusInterval() });
  const [first] = pools.all;
  return {
    judged: {
      criteria: poolCriteria,
      configuration: { think: thinkTime, ...requests.configuration },
    },
    prepare: () => requests.prepare(first),
    // The application whose sessions the database has, and whether it can be asked.
    counted: true,
    applicationName: () => first.query("SELECT current_setting('application_name') AS name")[0].name,
    listIssues: () => requests.run(pools.next()),
  };
}

function overHTTP(address) {
  const { url, watched, criteria, configuration, prepare, run } = application(address, statusInterval());
  const judged = { criteria, configuration: { ...configuration, think: thinkTime }, target: url };
  return {
    judged, prepare, listIssues: run, counted: Boolean(watched), applicationName: () => watched?.applicationName,
  };
}
