// What Grafana Cloud k6 calls a scenario's runs, and the project they go to.

import { readInteger } from './settings.js';

// cloud gives options.cloud. K6_CLOUD_NAME, and K6_CLOUD_PROJECT_ID in the
// process's environment, are k6's own and win over it; with -e, which k6 does
// not look at, the project is named here. Without one it is the account's
// default project.
export function cloud(script) {
  const options = { name: `FlowBoard ${script}` };
  const projectID = readInteger('K6_CLOUD_PROJECT_ID', undefined, 1);
  if (projectID !== undefined) {
    options.projectID = projectID;
  }
  return options;
}
