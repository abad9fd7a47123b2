// The metrics of a user's request, the same whether it goes through the pool or
// over HTTP.

import exec from 'k6/execution';
import { Counter, Rate, Trend } from 'k6/metrics';
import pgxpool from 'k6/x/pgxpool';
import { retrying } from './retry.js';

const success = new Rate('request_success');
const duration = new Trend('request_duration', true);
const timeouts = new Counter('request_timeouts');
const timedOut = new Rate('request_timed_out');

let counting = false;

// With METRICS=compact the module keeps the durations, in flat memory.
let compact; // asked for when every pool of the script is there

// request runs fn, which is one user's request, measures it and returns what fn
// returns: undefined if it threw. It never throws, so that one failed
// request does not end the user's iteration. An async fn gives a Promise.
// With RETRIES (retry.js) it is one request from its first attempt to the end of
// its last one, which decides whether it succeeded. A timeout on the way counts
// as one: a retry hides it from the user, not from the verdict.
export function request(fn) {
  // Where requests arrive at a rate, the time until a user took it up counts.
  const began = now() - pgxpool.observeRequest();
  let hidTimeout = false;
  const ended = (outcome) => record(began, { ...outcome, timeout: outcome.timeout || hidTimeout });
  const answered = (result) => {
    ended(outcomeOf(result));
    return result;
  };
  const thrown = (error) => {
    if (!wasInterrupted(error)) {
      ended({ ok: false, timeout: error?.name === 'PoolTimeoutError', problem: String(error) });
    }
  };
  let result;
  try {
    result = retrying(fn, () => { hidTimeout = true; });
  } catch (error) {
    return thrown(error);
  }
  return typeof result?.then === 'function' ? result.then(answered, thrown) : answered(result);
}

function record(began, outcome) {
  const { ok, timeout, problem } = outcome;
  const ms = now() - began;
  success.add(ok);
  compact ??= pgxpool.compactMetrics();
  if (!compact) {
    duration.add(ms);
  }
  timedOut.add(timeout);
  if (timeout || !counting) {
    // A user's first request brings the counter into being, at 0.
    timeouts.add(timeout ? 1 : 0);
    counting = true;
  }
  pgxpool.observeResponse(ms, outcome);
  if (!ok) {
    pgxpool.warnOnce(`request failed: ${problem}`);
  }
}

// now is in milliseconds and, unlike Date.now(), has a fraction: many requests
// take less than one.
function now() {
  return exec.instance.currentTestRunDuration;
}

// Over HTTP a 503 is what the application makes of a pool timeout, and k6 gives
// status 0 to a request without an answer.
function outcomeOf(result) {
  if (!isResponse(result)) {
    return { ok: true, timeout: false, problem: '' };
  }
  if (result.status !== 0 && result.status < 400) {
    return { ok: true, timeout: false, status: result.status, problem: '' };
  }
  const { status, error, error_code: code, url } = result;
  // What an application says of its database's errors is at the beginning.
  const body = typeof result.body === 'string' ? result.body.slice(0, 4096) : '';
  return {
    ok: false, timeout: status === 503, status, code, error, body,
    problem: `${url}: ${status === 0 ? error : `HTTP ${status}`}`,
  };
}

// A row may have a column called status; only k6's Response has timings too.
function isResponse(result) {
  return typeof result?.status === 'number' && typeof result.timings === 'object';
}

// What the end of the test cut off has not ended: the module counts it with its
// age.
function wasInterrupted(error) {
  return error?.name === 'Error' && error.message === 'interrupted';
}

