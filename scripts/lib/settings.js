// The scenarios' own settings, from k6's -e, the environment or .env. The module
// reads them by the rules of the pool's; what is out of range throws here, in the
// init context, before anything runs.

import pgxpool from 'k6/x/pgxpool';

export const readNumber = (name, byDefault, least, most) =>
  pgxpool.setting(name, { kind: 'number', default: byDefault, least, most });
export const readInteger = (name, byDefault, least, most) =>
  pgxpool.setting(name, { kind: 'integer', default: byDefault, least, most });
// readSeconds is of a length of time: DURATION=300 or DURATION=5m.
export const readSeconds = (name, byDefault, least, most) =>
  pgxpool.setting(name, { kind: 'duration', default: byDefault, least, most });
// readText is a setting as it was given.
export const readText = (name, byDefault) => pgxpool.setting(name, { kind: 'string', default: byDefault });

// users is as many as CONCURRENT for DURATION; k6's own --vus and --duration win
// over both.
export function users(concurrent = 100, duration = 300) {
  return {
    vus: readInteger('CONCURRENT', concurrent, 1),
    duration: `${readSeconds('DURATION', duration, 1)}s`,
  };
}

// statusInterval is of the pool's or the monitor's `Pool Status:` lines, '0s' for none.
export const statusInterval = () => `${readSeconds('INTERVAL', 5, 0)}s`;

// endpoint is what a user asks for. Through the pool it is always the issue list.
export const endpoint = () => readText('ENDPOINT', '/api/issues');

// baseURL is of an application under load over HTTP, undefined without one.
export const baseURL = () => readText('BASE_URL');

// defaults are a scenario's: FlowBoard's driver, unless DB_DRIVER or the URL names another.
/** @type {import('k6/x/pgxpool').Options['defaults']} */
export const defaults = { driver: 'asyncpg' };
