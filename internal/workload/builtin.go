package workload

// builtins are pgbench's own scripts, on the tables that `pgbench -i` makes.
var builtins = map[string]string{
	"select-only": accountAndScale + `
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;`,
	"simple-update": accountAndScale + others + `
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;`,
	"tpcb-like": accountAndScale + others + `
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;`,
}

const (
	accountAndScale = `\set aid random(1, 100000 * :scale)`
	others          = `
\set bid random(1, 1 * :scale)
\set tid random(1, 10 * :scale)
\set delta random(-5000, 5000)`
)
