// The metrics of a user's request, the same whether it goes through the pool or
// over HTTP.

import exec from 'k6/execution';
import { Counter, Rate, Trend } from 'k6/metrics';
import pgxpool from 'k6/x/pgxpool';

const success = new Rate('request_success');
const duration = new Trend('request_duration', true);
const timeouts = new Counter('request_timeouts');
const timedOut = new Rate('request_timed_out');

const logged = new Set();
let counting = false;

// request runs fn, which is one user's request, measures it and gives back what
// fn gives back: undefined where it threw. It never throws, so that one failed
// request does not end the user's iteration. An async fn gives a Promise.
export function request(fn) {
  const began = now();
  const succeeded = (result) => {
    record(began, isResponse(result) ? outcomeOf(result) : { ok: true });
    return result;
  };
  const failed = (error) => {
    record(began, { ok: false, timeout: isPoolTimeout(error), error });
  };
  let result;
  try {
    result = fn();
  } catch (error) {
    return failed(error);
  }
  return isPromise(result) ? result.then(succeeded, failed) : succeeded(result);
}

function record(began, { ok, timeout = false, error }) {
  const ms = now() - began;
  success.add(ok);
  duration.add(ms);
  timedOut.add(timeout);
  if (timeout || !counting) {
    // The first request of a user brings the counter into being, at 0.
    timeouts.add(timeout ? 1 : 0);
    counting = true;
  }
  pgxpool.observeResponse(ms);
  if (error !== undefined) {
    logOnce(String(error));
  }
}

// now is in milliseconds and, unlike Date.now(), has a fraction: many requests
// take less than one.
function now() {
  return exec.instance.currentTestRunDuration;
}

// A row may have a column called status; only k6's Response has timings too.
function isResponse(result) {
  return result !== null && typeof result === 'object' && typeof result.status === 'number' && typeof result.timings === 'object';
}

function isPromise(result) {
  return result !== null && typeof result === 'object' && typeof result.then === 'function';
}

// k6 gives status 0 to a request that got no answer.
function outcomeOf({ status, error, url }) {
  if (status !== 0 && status < 400) {
    return { ok: true };
  }
  return { ok: false, timeout: status === 503, error: `${url}: ${status === 0 ? error : `HTTP ${status}`}` };
}

function isPoolTimeout(error) {
  return error !== null && typeof error === 'object' && error.name === 'PoolTimeoutError';
}

// Two errors that differ only in their numbers are the same error. A URL may
// carry a password.
function logOnce(error) {
  const text = error.replace(/\/\/[^\s/]*@/g, '//***@');
  const kind = text.replace(/\d+/g, '#');
  if (!logged.has(kind)) {
    logged.add(kind);
    console.error(`request failed (said once per user): ${text}`);
  }
}
