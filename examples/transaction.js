// transaction(fn) runs fn between BEGIN and COMMIT and gives what it returns. When fn
// throws, everything is rolled back and the error comes out of transaction(). With retries
// it is run again where the server gave it up in favor of another; on its connection
// transaction() is a savepoint.

import { check } from 'k6';
import { Pool } from 'k6/x/pgxpool';

export const options = { thresholds: { checks: ['rate==1'], pgxpool_connections_opened: ['count>0'] } };

const pool = new Pool();

export function setup() {
  pool.exec('DROP TABLE IF EXISTS example_accounts');
  pool.exec('CREATE TABLE example_accounts (owner text, balance int CHECK (balance >= 0))');
  pool.exec("INSERT INTO example_accounts VALUES ('ada', 100), ('grace', 0)");
}

/** Moves money from ada to grace and gives grace's new balance. */
function pay(amount) {
  return pool.transaction((conn) => {
    conn.exec("UPDATE example_accounts SET balance = balance + $1 WHERE owner = 'grace'", amount);
    conn.exec("UPDATE example_accounts SET balance = balance - $1 WHERE owner = 'ada'", amount);
    return conn.queryRow("SELECT balance FROM example_accounts WHERE owner = 'grace'")?.balance;
  }, { isolation: 'SERIALIZABLE', retries: 5 });
}

/** Adds an account for each owner but those that are refused, and gives how many. */
function openAccounts(owners) {
  return pool.transaction((conn) => owners.filter(([owner, balance]) => {
    try {
      conn.transaction((part) => part.exec('INSERT INTO example_accounts VALUES ($1, $2)', owner, balance));
      return true;
    } catch (error) {
      return false; // what the others did stays
    }
  }).length);
}

export default function () {
  check(pay(60), { 'paid': (balance) => balance === 60 });

  let refused = '';
  try {
    pay(60); // ada has 40 left
  } catch (error) {
    refused = error.code;
  }
  check(refused, { 'the second payment breaks the check constraint': (code) => code === '23514' });
  check(pool.queryRow('SELECT max(balance) AS most FROM example_accounts'), {
    'and left nothing behind': (row) => row?.most === 60,
  });
  check(openAccounts([['alan', 1], ['nobody', -1], ['edsger', 2]]), { 'two of three were opened': (opened) => opened === 2 });
}

export function teardown() {
  pool.exec('DROP TABLE example_accounts');
  pool.close();
}
