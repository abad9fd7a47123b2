// A pool that works like an SQLAlchemy engine on asyncpg:
//
//     create_async_engine(url, pool_size=2, max_overflow=1, pool_use_lifo=True,
//                         pool_reset_on_return='rollback', isolation_level='REPEATABLE READ')
//
// `driver` sends the round trips of that driver: what a ping is, when BEGIN is sent,
// what a return sends. What a statement does stays the same: exec() commits.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool({
  driver: 'asyncpg',
  poolSize: 2,
  maxOverflow: 1,
  poolUseLifo: true, // the connection returned last; false: the one idle longest
  resetOnReturn: 'rollback', // what a return does to a transaction that is open
  isolationLevel: 'REPEATABLE READ',
});

export default function () {
  const first = pool.acquire();
  const level = first.queryRow("SELECT current_setting('transaction_isolation') AS name");
  const pid = first.pid;
  first.release();
  const again = pool.acquire();
  check(again, {
    'the connection returned last': (conn) => conn.pid === pid,
    'the isolation asked for': () => level?.name === 'repeatable read',
  });
  again.release();
}

export function teardown() {
  pool.close();
}
