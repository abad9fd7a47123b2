// An application under load over HTTP: its address, and its pool watched from
// the database's side where that is known.

import http from 'k6/http';
import pgxpool from 'k6/x/pgxpool';
import { httpCriteria, watchedCriteria } from '../../thresholds/criteria.js';
import { baseURL, endpoint, readInteger, readText } from './settings.js';

// With DATABASE_URL the application's own pool is watched during the load
// (DB_APPLICATION_NAME names its sessions) and, with APP_URL, from the
// application's side.
export function application(address, statusInterval) {
  if (readInteger('POOLS', 1, 1) > 1) {
    throw new Error('POOLS and BASE_URL are both set: an application has pools of its own; say with WORKERS how many processes it has, and unset POOLS');
  }
  const url = addressOf(address, endpoint());
  const watched = pgxpool.monitor({ statusInterval });
  return {
    url,
    watched,
    criteria: watched ? watchedCriteria(watched) : httpCriteria,
    configuration: watched
      ? {
        applicationName: watched.applicationName,
        poolSize: watched.poolSize, maxOverflow: watched.maxOverflow, workers: watched.workers,
      }
      : {},
    prepare: () => watched?.start(),
    // The name is a tag of k6's metrics, where no password may be.
    run: (params = {}) => http.get(url, { ...params, tags: { name: pgxpool.redact(url) } }),
  };
}

// started is what an experiment restarts for every step, undefined without
// APP_COMMAND (uvicorn app:app --port 8000): a command line, as a shell splits it.
// The application answers at BASE_URL, and it is ready when APP_READY (ENDPOINT)
// does. It inherits k6's environment but for K6_*, with what -e gives and the
// step's DB_POOL_SIZE, DB_MAX_OVERFLOW, … and WORKERS over it.
export function started() {
  const command = readText('APP_COMMAND');
  if (command === undefined) {
    if (__ENV.APP_COMMAND !== undefined) {
      throw new Error('APP_COMMAND is empty: give it a command line, such as "uvicorn app:app --port 8000", or leave it out');
    }
    return undefined;
  }
  if (baseURL() === undefined) {
    throw new Error('APP_COMMAND is set, and BASE_URL is not: give it the address where the application answers, such as http://127.0.0.1:8000');
  }
  return { command, url: baseURL(), ready: readText('APP_READY', endpoint()), workers: readInteger('WORKERS', 1, 1, 10000) };
}

// The value stays out of the message: it may hold a password.
function addressOf(address, path) {
  if (!/^https?:\/\/[^/]/.test(address)) {
    throw new Error('BASE_URL is not the URL of an application; use http://HOST:PORT or https://HOST:PORT');
  }
  return address.replace(/\/+$/, '') + path.replace(/^\/*/, '/');
}
