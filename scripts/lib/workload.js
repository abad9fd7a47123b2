// What the experiments load: the database through pools of ours, see statements.js,
// or with BASE_URL an application over HTTP. With APP_COMMAND it is restarted for
// every step, with the step's settings in its environment, see application.js.
// 100 users who think for 1 s and hold a connection for 0.25 s keep 20 of them busy:
// more than SQLAlchemy's 5 + 10, and fewer than 20 + 40.

import { Pool } from 'k6/x/pgxpool';
import { applicationSizeCriteria, poolCriteria, poolSizeCriteria } from '../../thresholds/criteria.js';
import { application, started } from './application.js';
import { baseURL, readSeconds } from './settings.js';
import { statements } from './statements.js';

const { hold, configuration, prepare, run } = statements(0.25);
const command = started();

export const target = baseURL() ? overHTTP(baseURL()) : database();

// plan is what the experiment has to know of it, sizeCriteria what the size of a pool
// decides, configuration what reports say, and sizes what they say where the pool is
// the same in all steps. run is one user's request.
function database() {
  // Seeding is not part of the experiment: it has its own pool.
  const seeding = new Pool({ name: 'seeding', poolSize: 1, maxOverflow: 0 });
  return {
    plan: { hold },
    criteria: poolCriteria,
    sizeCriteria: poolSizeCriteria,
    configuration,
    sizes: {},
    url: undefined,
    prepare: () => {
      prepare(seeding);
      seeding.close();
    },
    run,
  };
}

function overHTTP(address) {
  const { configuration: { poolSize, maxOverflow, ...named }, criteria, url, watched, prepare: watch, run: get } = application(address);
  return {
    // How long the application holds a connection is known where somebody says it.
    plan: { hold: readSeconds('HOLD'), http: true, application: command },
    criteria,
    sizeCriteria: applicationSizeCriteria(Boolean(watched)),
    configuration: named,
    sizes: poolSize === undefined ? {} : { poolSize, maxOverflow },
    url,
    prepare: watch,
    run: () => get(),
  };
}
