// What a request holds its connection for beyond its statements, in the same
// transaction: as an application that calls another service, or a slower query.
// An issue list alone takes milliseconds on a warm database: 100 users of it use
// a fifth of a connection, whatever the pool.
//
//   HOLD    seconds on average; 0 for the statements alone
//   SPREAD  exponential (some hold much longer; what queueing models assume),
//           even (between half and one and a half times HOLD) or constant

import pgxpool from 'k6/x/pgxpool';
import { readSeconds, readText } from './settings.js';

// holding reads HOLD, byDefault seconds where it is not given. Its `of` is a pool
// whose transactions hold their connection for longer.
export function holding(byDefault) {
  const hold = readSeconds('HOLD', byDefault, 0);
  const spread = readText('SPREAD', 'exponential');
  const spreads = {
    exponential: () => -hold * Math.log(1 - Math.random()),
    even: () => hold * (0.5 + Math.random()),
    constant: () => hold,
  };
  if (!(spread in spreads)) {
    throw new Error(`SPREAD: ${JSON.stringify(pgxpool.redact(spread))} is not accepted; use one of ${Object.keys(spreads).join(', ')}`);
  }
  const longer = (pool) => ({
    transaction: (fn) =>
      pool.transaction((conn) => {
        const result = fn(conn);
        conn.exec('SELECT pg_sleep($1)', spreads[spread]());
        return result;
      }),
  });
  return { hold, configuration: { hold: String(hold), spread }, of: (pool) => (hold > 0 ? longer(pool) : pool) };
}
