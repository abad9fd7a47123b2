// The pools of an application with several worker processes: POOLS (1) pools of the
// given size each, over which requests are spread as a load balancer does.
//
//   BALANCE  random, round-robin (in turn) or least (the pool with the fewest
//            connections in use and users waiting; several such in turn, as
//            HAProxy's leastconn and nginx's least_conn)

import exec from 'k6/execution';
import { Pool } from 'k6/x/pgxpool';
import { readInteger, readText } from './settings.js';

const count = readInteger('POOLS', 1, 1, 1000);
const balance = readText('BALANCE', 'random');
const busy = (pool) => {
  const { active, waiting } = pool.stat();
  return active + waiting;
};
const balancers = {
  random: (pools) => pools[Math.floor(Math.random() * pools.length)],
  'round-robin': inTurn,
  // The first of several that are as busy would serve nearly everybody while the
  // load is low.
  least: (pools) => {
    const now = pools.map(busy);
    const fewest = Math.min(...now);
    return inTurn(pools.filter((_, i) => now[i] === fewest));
  },
};
function inTurn(pools) {
  return pools[exec.scenario.iterationInTest % pools.length];
}
if (!(balance in balancers)) {
  throw new Error(`BALANCE is ${JSON.stringify(balance)}: accepted are ${Object.keys(balancers).join(', ')}`);
}

// makePools gives the first pool, one for the next request, and what the report
// says of them all.
export function makePools(options) {
  if (count === 1) {
    const pool = new Pool(options);
    return { first: pool, next: () => pool, configuration: {}, notes: () => [] };
  }
  const pools = Array.from({ length: count }, (_, i) => new Pool({ ...options, name: `pool-${i + 1}` }));
  return {
    first: pools[0],
    next: () => balancers[balance](pools),
    configuration: { pools: count, balance },
    notes: () => [describe(pools.map((pool) => pool.stat()))],
  };
}

// describe shows the fullest pool beside the sums.
function describe(stats) {
  const acquires = stats.map((stat) => stat.acquires);
  const all = acquires.reduce((sum, n) => sum + n, 0);
  const peaks = stats.map((stat) => stat.peakActive);
  const fullest = peaks.indexOf(Math.max(...peaks));
  const { size, maxOverflow } = stats[fullest];
  return `${stats.length} pools, balanced by ${balance}: the fullest, pool-${fullest + 1}, had at most ${peaks[fullest]} of `
    + `${size} + ${maxOverflow} connections in use, and all peaks together are ${peaks.reduce((sum, n) => sum + n, 0)}. The busiest served `
    + `${(Math.max(...acquires) * stats.length / (all || 1)).toFixed(2)} times its equal share of ${all} checkouts.`;
}
