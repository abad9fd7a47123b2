// A retry storm: users come at a rate that the pool carries, connections are held for
// longer for a while, and when that is over the retries keep the pool full. Each
// request takes a connection several times, as one that asks for a session in each
// of its steps does: where the last step finds none, the work of the others was for
// nothing, and the retry does it again.
//
//   RATE        arrivals per second; nine tenths of what the pool carries
//   CHECKOUTS   5 for each request
//   HOLD        0.1 s for which each holds its connection, evenly spread between half and one and a half times that
//   TRIGGER     3 s, a quarter into the run, for which they hold it ten times as long
//   DURATION    60 s
//   CONCURRENT  requests under way at most; arrivals beyond them are dropped

import exec from 'k6/execution';
import { readInteger, readNumber, readSeconds } from './settings.js';

const slower = 10; // times, during the trigger
const begins = 0.25; // of the run

export function storm({ capacity, poolTimeout, retries }) {
  const checkouts = readInteger('CHECKOUTS', 5, 1, 100);
  const mean = readSeconds('HOLD', 0.1, 0.001);
  const seconds = readSeconds('DURATION', 60, 1);
  const trigger = readSeconds('TRIGGER', 3, 0, seconds);
  const rate = readNumber('RATE', 0.9 * capacity / (mean * checkouts), 0.1);
  // As many as may be under way where each attempt waits for all of its checkouts.
  const longest = (retries + 1) * checkouts * (poolTimeout / 1000 + mean);
  const users = readInteger('CONCURRENT', Math.ceil(Math.min(2000, rate * longest)), 1);
  return {
    checkouts,
    configuration: { rate: String(rate), checkouts: String(checkouts), hold: String(mean), trigger: `${trigger}s` },
    load: {
      scenarios: {
        users: {
          executor: 'constant-arrival-rate', rate: Math.round(60 * rate), timeUnit: '60s', duration: `${seconds}s`,
          preAllocatedVUs: users, gracefulStop: '1s',
        },
      },
    },
    // hold is in seconds, of one checkout of a request at this moment.
    hold: () => {
      const now = exec.scenario.progress - begins;
      return mean * (0.5 + Math.random()) * (now >= 0 && now < trigger / seconds ? slower : 1);
    },
  };
}
