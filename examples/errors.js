// Everything that goes wrong is an Error whose `name` says what it was:
//
//     ConfigError           a wrong option: its message names it and what is accepted
//     PoolTimeoutError      no connection came free within poolTimeout
//     ConnectError          no connection could be opened within connectTimeout
//     ConnectionLostError   a connection broke while it was used
//     QueryError            the server refused the statement: `code` is its SQLSTATE

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool({ poolSize: 1, maxOverflow: 0, poolTimeout: '200ms' });
// Nobody listens on port 1. Making the pool connects nothing yet.
const nobody = new Pool({ name: 'nobody', url: 'postgres://user@127.0.0.1:1/db', connectTimeout: '1s' });

/** Gives the error that fn throws. */
function failure(fn) {
  try {
    fn();
  } catch (error) {
    return error;
  }
}

export default function () {
  check(failure(() => pool.query('SELECT * FROM no_such_table')), {
    'QueryError': (error) => error.name === 'QueryError',
    'with the SQLSTATE': (error) => error.code === '42P01',
    'and the place in the statement': (error) => error.position === 15,
  });

  const conn = pool.acquire(); // the only one there is
  check(failure(() => pool.query('SELECT 1')), {
    'PoolTimeoutError': (error) => error.name === 'PoolTimeoutError',
  });
  conn.release();

  check(failure(() => nobody.query('SELECT 1')), {
    'ConnectError': (error) => error.name === 'ConnectError',
  });
}

export function teardown() {
  pool.close();
}
