// How long one user gets nothing but errors.

import { sleep } from 'k6';
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { request } from './request.js';

const outage = new Trend('user_outage', true);
const retry = 0.05; // seconds until a user who got an error tries again

let failingSince; // of this user, in milliseconds of the run

// persist is one request of a user who goes on until it is served, and thinks for
// so many seconds then. fn gives anything but undefined.
export function persist(fn, seconds) {
  const result = request(fn);
  const now = exec.instance.currentTestRunDuration;
  if (result === undefined) {
    failingSince = failingSince ?? now;
  } else if (failingSince !== undefined) {
    outage.add(now - failingSince);
    failingSince = undefined;
  }
  // Who got an error tries again at once: an outage ends when the server is back,
  // and not when a user has thought about it.
  sleep(failingSince === undefined ? seconds : Math.min(seconds, retry));
}
