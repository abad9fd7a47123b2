// An application under load over HTTP: its address, and its pool watched from
// the database's side where that is known.

import http from 'k6/http';
import pgxpool from 'k6/x/pgxpool';
import { httpCriteria, watchedCriteria } from '../../thresholds/criteria.js';
import { endpoint } from './settings.js';

// With DATABASE_URL the application's own pool is watched beside the load
// (DB_APPLICATION_NAME names its sessions) and, with APP_URL, from the
// application's side.
export function application(address, statusInterval) {
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

// The value stays out of the message: it may hold a password.
function addressOf(address, path) {
  if (!/^https?:\/\/[^/]/.test(address)) {
    throw new Error('BASE_URL is no URL of an application: accepted is http://HOST:PORT or https://HOST:PORT');
  }
  return address.replace(/\/+$/, '') + path.replace(/^\/*/, '/');
}
