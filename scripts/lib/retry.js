// A user's request that is made again where it failed for a reason that may pass:
// 40001 and 40P01, a pool timeout, and over HTTP a 503.
//
//   RETRIES        0 by default; how often at most
//   RETRY_BACKOFF  0.1 s: the pause before a retry is anything up to it, and up to
//                  twice as much before each further one, 20 s at most

import pgxpool from 'k6/x/pgxpool';
import { readInteger, readSeconds } from './settings.js';

export const retries = readInteger('RETRIES', 0, 0, 100);
const backoff = readSeconds('RETRY_BACKOFF', 0.1, 0, 20);

// retryConfiguration is what a report says of them.
/** @type {Record<string, string>} */
export const retryConfiguration = retries > 0 ? { retries: String(retries), retryBackoff: `${backoff}s` } : {};

// retryPlan is what an experiment has to know of them: how long a request may take.
export const retryPlan = retries > 0 ? { retries, backoff } : {};

// retrying runs fn, one user's request, and again; onTimeout is called where an
// attempt timed out that is made again.
export function retrying(fn, onTimeout) {
  return retries === 0 ? fn() : pgxpool.retry(fn, {
    retries, backoff: 1000 * backoff,
    onRetry: (reason) => {
      if (reason === 'PoolTimeoutError' || reason === '503') {
        onTimeout();
      }
    },
  });
}
