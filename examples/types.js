// What PostgreSQL's types are in JavaScript, and that they go back as the same values.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

// All int8 of one kind, and SQL that runs once on each new connection.
const texts = new Pool({ name: 'texts', int8: 'string', onConnect: "SET TIME ZONE 'UTC'" });

/** Sends a value and gives back what comes of it. */
function sendAndRead(type, value) {
  return pool.queryRow(`SELECT $1::${type} AS value`, value)?.value;
}

export default function () {
  check(sendAndRead, {
    'int4 is a number': (send) => send('int4', 42) === 42,
    'int8 is a number while that is exact': (send) => send('int8', 42) === 42,
    'and a BigInt beyond': (send) => send('int8', 9007199254740993n) === 9007199254740993n,
    'numeric is a string, so no digit is lost': (send) => send('numeric', '0.10') === '0.10',
    'float8 is a number': (send) => send('float8', 0.5) === 0.5,
    'bool': (send) => send('bool', true) === true,
    'text': (send) => send('text', 'Grüße') === 'Grüße',
    'NULL is null': (send) => send('text', null) === null,
    'uuid is a string': (send) =>
      send('uuid', '0192f0c1-2b3a-7c4d-8e5f-60718293a4b5') === '0192f0c1-2b3a-7c4d-8e5f-60718293a4b5',
    'timestamptz is a Date': (send) =>
      send('timestamptz', new Date('2026-01-31T12:00:00Z')).toISOString() === '2026-01-31T12:00:00.000Z',
    'jsonb is the parsed value': (send) => send('jsonb', { tags: ['a', 'b'] }).tags[1] === 'b',
    'bytea is an ArrayBuffer': (send) => send('bytea', new Uint8Array([1, 2, 3]).buffer).byteLength === 3,
    'int8: "string" makes every int8 one': () => texts.queryValue('SELECT 42::int8') === '42',
    'onConnect has run': () => texts.queryValue("SELECT current_setting('TimeZone')") === 'UTC',
    'an array is an array': (send) => send('int4[]', [1, null, 3])[2] === 3,
  });
}

export function teardown() {
  pool.close();
  texts.close();
}
