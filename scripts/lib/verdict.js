// What every scenario shares: from the criteria the thresholds before the run,
// its name in the cloud, and the verdict after it.
//
//   const verdict = judge({ script: '100users', criteria: poolCriteria });
//   export const options = { vus: 100, ...verdict.options };
//   export const handleSummary = verdict.handleSummary;
//   export const setup = verdict.setup(() => { … });

import pgxpool from 'k6/x/pgxpool';
import { cloud } from './cloud.js';
import { retryConfiguration } from './retry.js';
import { trendStats } from '../../thresholds/criteria.js';

// Beside the criteria and notes to show (or a function that knows them after the
// run) it takes what the report is to say about
// the run: script, target (the application's URL), configuration (further
// options by name) and users (or a function that knows them after the run), where
// that is not simply k6's number of VUs.
// A wrong GATE or WAIVE throws here, in the init context, before anything runs,
// and so does a setting given with -e that the scenario has not read: all of them
// are read before this.
export function judge({ criteria, configuration = /** @type {Record<string, any>} */ ({}), notes = /** @type {string[] | (() => string[])} */ ([]), users = /** @type {number | undefined | ((data: any) => number)} */ (undefined), ...run }) {
  const described = { ...run, configuration: { ...configuration, ...retryConfiguration } };
  const thresholds = pgxpool.thresholds({ criteria });
  pgxpool.checkSettings();
  return {
    options: {
      cloud: cloud(run.script),
      thresholds,
      summaryTrendStats: trendStats,
    },
    // The verdict knows why fn failed, and nothing runs whose results would be lost.
    setup: (fn) => () => pgxpool.setup(fn),
    handleSummary: (data) => pgxpool.verdict(data, {
      criteria,
      notes: typeof notes === 'function' ? notes() : notes,
      run: { ...described, users: typeof users === 'function' ? users(data) : users },
    }),
  };
}
