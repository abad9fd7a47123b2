// Think time: what a user does between two requests.

import exec from 'k6/execution';
import { sleep } from 'k6';
import { readSeconds } from './settings.js';

export const thinkTime = readSeconds('THINK', 1, 0);

// think pauses for THINK seconds on average, evenly spread between half and one
// and a half times that. A user's first pause is anything up to THINK: users who
// all start at once and think for the same time would come in one wave each
// second, and a wave of 100 says nothing about 100 users.
export function think() {
  const share = exec.vu.iterationInInstance === 0 ? Math.random() : 0.5 + Math.random();
  sleep(thinkTime * share);
}
