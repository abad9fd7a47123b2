package diagnosis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
)

// watched is what a watch of a pool of 5+10 for 20 s saw: nothing wrong.
func watched() *monitor.Report {
	return &monitor.Report{
		Pool: monitor.Pool{Size: 5, MaxOverflow: 10, Workers: 1}, Samples: 40, Seen: 40,
		Active: &monitor.Level{Mean: 2, P95: 3, Peak: 3}, Open: &monitor.Level{Mean: 5, P95: 5, Peak: 5},
		Usage:  monitor.Usage{AllInUse: 80, AllWorking: 40},
		Server: monitor.ServerReport{Seconds: 20, Limit: &monitor.Limit{Scope: "server", Max: 97, Used: 20}},
	}
}

// full is a watch of a pool that was full all of the time.
func full() *monitor.Report {
	r := watched()
	r.Active = &monitor.Level{Mean: 15, P95: 15, Peak: 15}
	r.Open = &monitor.Level{Mean: 15, P95: 15, Peak: 15}
	r.Usage = monitor.Usage{Pressed: 40, Full: 40, InUse: 600, Sleeping: 600, AllInUse: 600}
	return r
}

// cutOut is a watch whose application has had no session for its second half, while
// it had connections checked out.
func cutOut(r *monitor.Report) *monitor.Report {
	r.CheckedOut = &monitor.Level{Mean: 7.2, P95: 15, Peak: 15}
	r.Absence = monitor.Absence{Samples: 12, Seconds: 5.7, CheckedOut: 11, Most: 15, AtEnd: true}
	return r
}

func failed(status int, count int64, ms float64) failure {
	return failure{
		status: status, count: count, after: stats{count: float64(count), median: ms, p95: ms, max: ms},
	}
}

// asyncpgFull is what asyncpg through SQLAlchemy says of a full PgBouncer.
const asyncpgFull = "(sqlalchemy.dialects.postgresql.asyncpg.Error) <class 'asyncpg.exceptions.ProtocolViolationError'>: no more connections allowed (max_client_conn)"

// answering are requests that failed with an answer of that text.
func answering(body string, count int64, ms float64) failure {
	f := failed(500, count, ms)
	f.sqlState = SQLState(body)
	return f
}

// overHTTP are 1000 requests, some of which failed.
func overHTTP(failures ...failure) Requests {
	r := Requests{
		HTTP: true, Count: 1000, failures: failures,
		duration: stats{count: 1000, max: 2100}, succeeded: stats{count: 900, median: 20},
	}
	for _, f := range failures {
		r.Failed += float64(f.count)
	}
	return r
}

// cause is a situation of an application: what was seen and what is wrong. The
// first name is the cause; those after it follow from it.
type cause struct {
	name     string
	watched  func() *monitor.Report
	requests Requests
	want     []string
	evidence string
}

var causes = []cause{
	{"nothing", watched, overHTTP(), nil, ""},
	{"too small", full, overHTTP(failed(503, 118, 2000)), []string{"pool exhausted"}, "118 × HTTP 503 after 2.0 s"},
	{"pool timeouts as 500", full, overHTTP(failed(500, 118, 2000)), []string{"pool exhausted"}, "118 × HTTP 500 after 2.0 s"},
	{"rejected quickly", watched, overHTTP(failed(503, 50, 4)), []string{"rejected by the application"}, "50 × HTTP 503 after 4 ms"},
	{"an error of its own", watched, overHTTP(failed(500, 50, 400)), []string{"rejected by the application"}, "at most 3 of 15"},
	{"one worker", func() *monitor.Report {
		r := watched()
		r.Pool = monitor.Pool{Size: 20, MaxOverflow: 40, Workers: 4}
		r.Active = &monitor.Level{Mean: 25, P95: 30, Peak: 31}
		r.Usage = monitor.Usage{Pressed: 40, Full: 20, InUse: 1000, Sleeping: 1000, AllInUse: 1000}
		r.Fullest = &monitor.WorkerReport{PID: 7, Workers: 4, Size: 5, Capacity: 15, Full: 20, Samples: 40, CheckedOut: &monitor.Level{P95: 15, Peak: 15}}
		return r
	}, overHTTP(failed(503, 9, 2000)), []string{"pool exhausted"}, "one of 4 workers (pid 7) had 15 of 15"},
	{"rests outside a transaction", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.AtLeast = 0, 1
		return r
	}, overHTTP(), []string{"pool exhausted"}, "at least 15 of 15"},
	{"idle in transaction", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Usage.IdleInTransaction, r.Usage.Held, r.Usage.IdleSeconds = 0, 580, 500, 150
		r.Held.LongestIdle = 0.5
		return r
	}, overHTTP(failed(503, 9, 2000)), []string{"idle in transaction", "pool exhausted"}, "for 259 ms on average"},
	{"busy", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Usage.IdleInTransaction, r.Usage.IdleSeconds = 0, 400, 8
		r.Usage.Working = 200
		return r
	}, overHTTP(), []string{"application busy", "pool exhausted"}, "for 20 ms on average"},
	{"nested", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Usage.IdleInTransaction, r.Usage.Held, r.Usage.AllHeld = 0, 580, 560, 38
		r.Usage.IdleSeconds, r.Held.LongestIdle = 600, 1.9
		return r
	}, overHTTP(failed(503, 300, 2010)), []string{"nested checkout", "pool exhausted"}, "as long as the pool's timeout of 2.01 s"},
	{"old transactions", func() *monitor.Report {
		r := watched()
		r.Held = monitor.Held{Before: 4, LongestIdle: 10_800, Longest: &monitor.Session{
			PID: 42, Application: "flowboard", State: "idle in transaction", Age: 10_800, IdleFor: 10_800, Statement: "SELECT 1",
		}}
		return r
	}, overHTTP(), []string{"idle in transaction"}, "pid 42 (flowboard), idle in transaction for 3 h"},
	{"a leak", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Usage.IdleInTransaction, r.Usage.Held = 0, 600, 600
		r.Held = monitor.Held{Since: [3]int{9, 4, 2}, LongestIdle: 18, Longest: &monitor.Session{PID: 1, IdleFor: 18}}
		return r
	}, overHTTP(failed(503, 300, 2010)), []string{"connection leak", "pool exhausted"}, "9, 4 and 2 of them"},
	{"streams for as long", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Usage.IdleInTransaction, r.Usage.Held, r.Usage.IdleSeconds = 0, 600, 600, 6000
		r.Held = monitor.Held{Since: [3]int{0, 5, 5}, Ended: 10, LongestIdle: 18, Longest: &monitor.Session{PID: 1, IdleFor: 18}}
		return r
	}, overHTTP(), []string{"idle in transaction", "pool exhausted"}, ""},
	{"locks", func() *monitor.Report {
		r := full()
		r.Usage.LockWaits, r.Usage.Sleeping, r.Usage.Locked = 540, 0, 38
		r.Blocker = &monitor.Session{PID: 9, Application: "psql", State: "idle in transaction", IdleFor: 60, Age: 61, Waiting: 14}
		return r
	}, overHTTP(), []string{"locks", "pool exhausted"}, "14 sessions waited for pid 9 (psql), idle in transaction for 1 min"},
	{"one lock wait of twenty", func() *monitor.Report {
		r := watched()
		r.Usage.LockWaits, r.Blocker = 40, &monitor.Session{PID: 9}
		return r
	}, overHTTP(), nil, ""},
	{"no room on the server", func() *monitor.Report {
		r := watched()
		r.Usage.Limited = 30
		r.Server.Limit = &monitor.Limit{Scope: "role", Name: "app", Max: 8, Used: 8}
		return r
	}, overHTTP(failed(500, 200, 15)), []string{"connection limit reached"}, "CONNECTION LIMIT of role app left no room: 8 of 8"},
	{"orphans", func() *monitor.Report {
		r := full()
		r.Usage.Orphaned, r.Usage.MostOrphaned, r.Usage.Exceeded, r.Server.Opened = 39, 12, 39, 270
		r.Server.Statistics.Sessions = 270
		return r
	}, overHTTP(), []string{"orphaned statements"}, "by up to 12"},
	{"canceled, and few orphans at once", func() *monitor.Report {
		r := watched()
		r.Usage.Orphaned, r.Usage.MostOrphaned, r.Server.Statistics.Sessions, r.Server.Statistics.SessionsAbandoned = 1, 3, 90, 80
		return r
	}, overHTTP(), []string{"orphaned statements"}, "80 left by their clients"},
	{"no pool, and processes that are killed", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.Sessions, r.Server.Statistics.SessionsAbandoned = 990, 900
		return r
	}, overHTTP(), []string{"connection churn"}, "900 were left by their clients"},
	{"a pool that loses its connections", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.Sessions = 990
		r.CheckedOut, r.Fullest = &monitor.Level{P95: 3, Peak: 3}, &monitor.WorkerReport{Size: 5, Capacity: 15, CheckedOut: &monitor.Level{P95: 3}}
		return r
	}, overHTTP(), []string{"connection churn"}, "its connections do not stay in it"},
	{"another application is watched", func() *monitor.Report {
		r := watched()
		r.Open, r.CheckedOut, r.Usage.Queued, r.Usage.Pressed = &monitor.Level{}, &monitor.Level{Peak: 9, P95: 9}, 20, 20
		return r
	}, overHTTP(), nil, ""},
	{"several processes", func() *monitor.Report {
		r := full()
		r.Usage.Orphaned, r.Usage.Exceeded, r.Open.Peak = 20, 39, 40
		return r
	}, overHTTP(), []string{"more connections than configured"}, "up to 40 sessions open"},
	{"statement timeout", func() *monitor.Report {
		r := watched()
		r.Server.StatementTimeout, r.LongestStatement = 300, 0.29
		return r
	}, overHTTP(failed(500, 100, 304)), []string{"statement timeout"}, "statement_timeout is 300 ms"},
	{"told by the answers", watched, overHTTP(failure{status: 500, sqlState: "57014", count: 7}), []string{"statement timeout"}, "7 × HTTP 500, SQLSTATE 57014"},
	{"prepared statements", func() *monitor.Report {
		r := watched()
		r.Pooler = &monitor.PoolerReport{Pooler: monitor.Pooler{Told: true, Version: "PgBouncer 1.18.0", PoolMode: "transaction"}, Samples: 40}
		return r
	}, overHTTP(failed(500, 100, 4)), []string{"prepared statements behind a pooler"}, "PgBouncer 1.18.0 in transaction mode"},
	{"pooler saturated", func() *monitor.Report {
		r := watched()
		r.Pooler = &monitor.PoolerReport{
			Pooler:  monitor.Pooler{Told: true, Version: "PgBouncer 1.18.0", PoolMode: "transaction", Database: "flow", PoolSize: 5},
			Samples: 40, Waiting: 38, Full: 38, MostQueued: 25, LongestWait: 1.5,
		}
		return r
	}, overHTTP(), []string{"pooler saturated"}, "up to 25 at once and up to 1.5 s"},
	{"pooler saturated by another limit", func() *monitor.Report {
		r := watched()
		r.Pooler = &monitor.PoolerReport{
			Pooler:  monitor.Pooler{Told: true, Version: "PgBouncer 1.18.0", PoolMode: "session", Database: "flow", PoolSize: 5, Setting: "max_db_connections"},
			Samples: 40, Waiting: 38, Full: 38, MostQueued: 25, LongestWait: 1.5,
		}
		return r
	}, overHTTP(), []string{"pooler saturated"}, "(sv_active, max_db_connections)"},
	{"pooler full of clients", func() *monitor.Report {
		r := watched()
		r.Pooler = &monitor.PoolerReport{Pooler: monitor.Pooler{Told: true, Version: "PgBouncer 1.18.0", PoolMode: "transaction"}, Samples: 40}
		return r
	}, overHTTP(answering(asyncpgFull, 100, 4), failed(500, 20, 4)), []string{"pooler saturated"},
		"100 × HTTP 500, PgBouncer: no more connections allowed (max_client_conn) after 4 ms"},
	{"pooler full of clients, wordless", crowded, overHTTP(failed(500, 100, 4)), []string{"pooler saturated"}, "as many clients as it takes (10, max_client_conn)"},
	{"pooler full of clients that all find their place", crowded, overHTTP(), nil, ""},
	{"pooler full of clients, monitor only", crowded, Requests{}, []string{"pooler saturated"}, "PgBouncer 1.18.0 in transaction mode had as many"},
	{"pooler whose server is down", watched,
		overHTTP(answering("server login has been failing, try again later (server_login_retry)", 100, 4), answering("query_wait_timeout", 9, 120_000)),
		[]string{"server restarted", "pooler saturated"}, "PgBouncer: server_login_retry after 4 ms"},
	{"pooler whose server closed a connection", watched, overHTTP(answering("server conn crashed?", 9, 4)),
		[]string{"sessions ended by the server"}, "server conn crashed?"},
	{"pooler without the database", watched, overHTTP(answering(`connection to server at "127.0.0.1", port 6432 failed: FATAL:  no such database: nope`, 100, 4)),
		[]string{"rejected by the application"}, "PgBouncer: no such database"},
	{"asyncpg behind a pooler without its console", watched, overHTTP(answering(
		`<class 'asyncpg.exceptions.DuplicatePreparedStatementError'>: prepared statement "__asyncpg_stmt_1__" already exists`, 60, 4), answering(
		`<class 'asyncpg.exceptions.InvalidSQLStatementNameError'>: prepared statement "__asyncpg_stmt_3__" does not exist`, 40, 4)),
		[]string{"prepared statements behind a pooler"}, "SQLSTATE 26000"},
	{"password changed", func() *monitor.Report { return cutOut(watched()) }, overHTTP(failed(503, 330, 35)), []string{"rejected by the application"},
		"in 12 consecutive samples the server showed no session of it, to the end, with up to 15 connections checked out"},
	{"a full pool that cannot log in", func() *monitor.Report {
		r := cutOut(full())
		r.Usage.Sleeping, r.Server.Statistics.SessionsKilled, r.Usage.Queued = 0, 3, 20
		return r
	}, overHTTP(failed(500, 245, 431)), []string{"rejected by the application"}, "245 × HTTP 500"},
	{"a full pool that cannot log in, and says why", func() *monitor.Report { return cutOut(full()) },
		overHTTP(answering(`FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "app", database "flow", no encryption`, 245, 31)),
		[]string{"rejected by the application"}, "SQLSTATE 28000"},
	{"NOLOGIN", func() *monitor.Report {
		r := cutOut(watched())
		r.Server.Barred = &monitor.Barred{Role: "app", Database: "flow", By: "NOLOGIN"}
		return r
	}, overHTTP(failed(503, 187, 193)), []string{"rejected by the application"}, "role app may not log in (NOLOGIN)"},
	{"CONNECT revoked", func() *monitor.Report {
		r := watched()
		r.Open.Peak, r.Server.Statistics.Sessions, r.Server.Statistics.SessionsFatal = 15, 60, 186
		r.Server.Barred = &monitor.Barred{Role: "app", Database: "flow", By: "CONNECT"}
		return r
	}, overHTTP(failed(500, 197, 111)), []string{"rejected by the application"}, "at least 111 logins refused in the database"},
	{"between two connections", func() *monitor.Report {
		r := full()
		r.Absence = monitor.Absence{Samples: 3, Seconds: 1, CheckedOut: 3, Most: 1}
		return r
	}, overHTTP(failed(503, 9, 2000)), []string{"pool exhausted"}, ""},
	{"no session for want of users", func() *monitor.Report { return cutOut(watched()) }, overHTTP(), nil, ""},
	{"the database is gone", watched, overHTTP(answering(`asyncpg.exceptions.InvalidCatalogNameError: database "flow" does not exist`, 50, 453),
		answering("<class 'asyncpg.exceptions.ConnectionDoesNotExistError'>: connection was closed in the middle of operation", 11, 4200)),
		[]string{"rejected by the application", "stale connections"}, "SQLSTATE 3D000"},
	{"a table that is rewritten", func() *monitor.Report {
		r := full()
		r.Usage.LockWaits, r.Usage.Sleeping, r.Usage.Locked = 540, 0, 38
		r.Blocker = &monitor.Session{PID: 27688, Application: "maintenance", State: "active", Age: 3.51, Waiting: 15, Statement: "VACUUM FULL items"}
		return r
	}, overHTTP(), []string{"locks", "pool exhausted"}, "15 sessions waited for pid 27688 (maintenance), active, in a transaction for 3.51 s: VACUUM FULL items"},
	{"a migration behind a reader", func() *monitor.Report {
		r := full()
		r.Usage.LockWaits, r.Usage.Sleeping, r.Usage.Locked = 540, 0, 38
		r.Blocker = &monitor.Session{PID: 29120, Application: "reporting", State: "active", Age: 5.66, Waiting: 16, Statement: "SELECT count(*) FROM items"}
		return r
	}, overHTTP(), []string{"locks", "pool exhausted"}, "(reporting)"},
	{"a vacuum by hand, and DDL behind it", func() *monitor.Report {
		r := full()
		r.Usage.LockWaits, r.Usage.Sleeping, r.Usage.Locked = 540, 0, 38
		r.Blocker = &monitor.Session{PID: 18550, Application: "psql", State: "active", Age: 7.2, Waiting: 6, Statement: "vacuum big"}
		return r
	}, overHTTP(), []string{"locks", "pool exhausted"}, "(psql)"},
	{"a vacuum that does not give way", func() *monitor.Report {
		r := full()
		r.Usage.LockWaits, r.Usage.Sleeping, r.Usage.Locked = 540, 0, 38
		r.Blocker = &monitor.Session{PID: 31, State: monitor.StateNoClient, Waiting: 16}
		return r
	}, overHTTP(), []string{"locks", "pool exhausted"}, "not a client"},
	{"told of a limit of the role", watched, overHTTP(answering(
		"<class 'asyncpg.exceptions.ConfigurationLimitExceededError'>: temporary file size exceeds temp_file_limit (1024kB)", 156, 22)),
		[]string{"rejected by the application"}, "156 × HTTP 500, SQLSTATE 53400 after 22 ms"},
	{"told of TLS", watched, overHTTP(answering(`PostgreSQL server at "127.0.0.1:55961" rejected SSL upgrade`, 445, 14)),
		[]string{"rejected by the application"}, "driver: TLS refused"},
	{"restart", func() *monitor.Report {
		r := watched()
		r.Server.Restarted = true
		return r
	}, overHTTP(failed(500, 20, 4)), []string{"server restarted"}, "20 × HTTP 500"},
	{"failover", func() *monitor.Report {
		r := watched()
		r.Server.ReadOnly, r.Server.BecameReadOnly = true, true
		return r
	}, overHTTP(failed(500, 900, 4)), []string{"read-only server"}, "it became so during the watch"},
	{"terminated", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.SessionsKilled = 12
		return r
	}, overHTTP(failed(500, 12, 4)), []string{"sessions ended by the server"}, "12 sessions terminated"},
	{"no pool", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.Sessions = 990
		return r
	}, overHTTP(), []string{"connection churn"}, "990 sessions opened in 20 s"},
	{"slow statements", func() *monitor.Report {
		r := full()
		r.Usage.Working, r.Usage.Sleeping, r.LongestStatement = 590, 0, 1.5
		return r
	}, overHTTP(), []string{"slow queries hold connections", "pool exhausted"}, "the longest for 1.5 s"},
	{"database at its limit", func() *monitor.Report {
		r := watched()
		r.Pool = monitor.Pool{Size: 20, MaxOverflow: 40, Workers: 1}
		r.CPU = &monitor.CPULevel{Mean: 99, Peak: 100}
		r.Usage = monitor.Usage{AllInUse: 800, AllWorking: 560}
		return r
	}, overHTTP(), []string{"database busy"}, "14 of 20 connections"},
	{"a limit refuses connects", func() *monitor.Report {
		r := watched()
		r.Usage.Limited, r.Usage.Pooled, r.Server.Statistics.SessionsFatal = 30, 10, 1041
		r.Server.Limit = &monitor.Limit{Scope: "database", Name: "flow", Max: 9, Used: 9}
		return r
	}, overHTTP(failed(500, 200, 15)), []string{"connection limit reached"}, "and had 5 at most"},
	{"another application has all of a role's connections", func() *monitor.Report {
		r := watched()
		r.Active, r.Open, r.Usage = &monitor.Level{}, &monitor.Level{}, monitor.Usage{Limited: 40}
		r.Server.Limit = &monitor.Limit{Scope: "role", Name: "app", Max: 14, Used: 14}
		return r
	}, overHTTP(failed(500, 309, 8)), []string{"connection limit reached"}, "14 of 14 in use, the pool may have 15 and has none"},
	{"the role may not see the sessions of a full pool", func() *monitor.Report {
		r := watched()
		r.Hidden, r.Active = 8, &monitor.Level{Mean: 15, P95: 15, Peak: 15}
		r.Usage = monitor.Usage{Pressed: 14, Full: 14}
		return r
	}, overHTTP(failed(503, 34, 2000)), []string{"pool exhausted"}, "15 of 15"},
	{"stopped", func() *monitor.Report {
		r := watched()
		r.Failed, r.Server.Unreachable = 9, 9
		return r
	}, overHTTP(failed(500, 506, 5)), []string{"server restarted"}, "9 times nothing accepted a connection"},
	{"terminated, and no connection since", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.SessionsKilled, r.Usage.Pooled = 14, 10
		return r
	}, overHTTP(failed(500, 436, 17)), []string{"sessions ended by the server"}, "14 sessions terminated"},
	{"idle for too long", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.SessionsFatal, r.Server.SessionTimeout = 29, 300
		return r
	}, overHTTP(), []string{"sessions ended by the server"}, "idle_session_timeout is 300 ms"},
	{"a role that may only read", func() *monitor.Report {
		r := watched()
		r.Server.ReadOnlyRole = true
		return r
	}, overHTTP(failed(500, 355, 17)), []string{"read-only server"}, "default_transaction_read_only is on for the application's role"},
	{"statement timeout that no catalog shows", func() *monitor.Report {
		r := watched()
		r.LongestStatement = 0.298
		return r
	}, overHTTP(failed(500, 158, 316)), []string{"statement timeout"}, "as long as the longest statements ran (298 ms)"},
	{"a second engine under the same name", func() *monitor.Report {
		r := full()
		r.Open, r.CheckedOut, r.Fullest = &monitor.Level{P95: 40, Peak: 40}, &monitor.Level{P95: 15, Peak: 15}, &monitor.WorkerReport{CheckedOut: &monitor.Level{P95: 15}}
		r.Usage.Orphaned, r.Usage.MostOrphaned, r.Usage.Exceeded, r.Server.Opened = 36, 25, 36, 67
		r.Usage.Foreign, r.Usage.MostForeign = 36, 20
		return r
	}, overHTTP(), []string{"more connections than configured"}, "up to 40 sessions open, and at most 15 checked out"},
	{"deadlocks", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.Deadlocks = 32
		return r
	}, overHTTP(failed(500, 32, 2000)), []string{"locks"}, "the server ended 32 deadlocks"},
	{"told of a deadlock", watched, overHTTP(failure{status: 500, sqlState: "40P01", count: 7}), []string{"locks"}, "SQLSTATE 40P01"},
	{"told of a full disk", watched, overHTTP(failure{status: 500, sqlState: "53100", count: 7}),
		[]string{"rejected by the application"}, "SQLSTATE 53100"},
	{"told that the server starts", watched, overHTTP(failure{status: 500, sqlState: "57P03", count: 7}), []string{"server restarted"}, "57P03"},
	{"slow for another reason", watched, overHTTP(failure{code: 1050, count: 5, after: stats{median: 60_000}}),
		nil, ""},
	{"cut off by k6", watched, overHTTP(failure{code: 1050, count: 50, after: stats{median: 60_000}}),
		[]string{"application busy"}, "users were cut off while they waited: 50 × no answer in time after 60.0 s"},
	{"many statements in each transaction", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Usage.IdleInTransaction, r.Usage.Working, r.Usage.IdleSeconds = 0, 570, 30, 4.7
		r.Usage.Repeating = 520
		return r
	}, overHTTP(), []string{"N+1", "pool exhausted"}, "91 % of the transactions between two statements"},
	{"many statements without a transaction", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Server.Statistics.Commits = 0, 61_000
		return r
	}, overHTTP(), []string{"N+1", "pool exhausted"}, "61.0 transactions per request"},
	{"a leak after its commit", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.CheckedOut, r.Fullest = 0, r.Active, &monitor.WorkerReport{Workers: 1, Size: 5, Capacity: 15, CheckedOut: r.Active}
		r.Held.Resting = resting(15, 14, 17)
		return r
	}, overHTTP(failed(503, 103, 2010)), []string{"connection leak", "pool exhausted"}, "15 connections were checked out and idle outside a transaction"},
	{"a leak after its commit, unsaid", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.AtLeast, r.Held.Resting = 0, 1, resting(10, 9, 17)
		return r
	}, overHTTP(failed(503, 103, 2010)), []string{"connection leak", "pool exhausted"}, "at least 9 since the watch began"},
	{"held from before outside a transaction", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Usage.Working, r.Held.Resting = 0, 200, resting(10, 0, 40)
		return r
	}, overHTTP(), []string{"pool exhausted"}, "pid 77 (flowboard), idle for 40 s: LISTEN x"},
	{"connections that listen", func() *monitor.Report {
		r := full()
		r.Active = &monitor.Level{Mean: 11, P95: 12, Peak: 12}
		r.Usage = monitor.Usage{Pressed: 40, InUse: 440, Working: 40, AllInUse: 440}
		r.CheckedOut, r.Fullest = r.Active, &monitor.WorkerReport{Workers: 1, Size: 5, Capacity: 15, CheckedOut: r.Active}
		r.Held.Resting = resting(10, 0, 40)
		return r
	}, overHTTP(), []string{"connection leak"}, "LISTEN x"},
	{"answers that take long", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.AtLeast, r.Held.Resting = 0, 1, resting(10, 9, 17)
		return r
	}, Requests{HTTP: true, Count: 20, duration: stats{count: 20, max: 18_000}}, []string{"pool exhausted"}, "outside a transaction"},
	{"forty threads", func() *monitor.Report { return threads(38) },
		Requests{HTTP: true, Count: 1000, duration: stats{count: 1000, sum: 1_500_000}},
		[]string{"application busy"}, "75 requests were open on average, and never more than 40 of 60"},
	{"forty users", func() *monitor.Report { return threads(38) },
		Requests{HTTP: true, Count: 1000, duration: stats{count: 1000, sum: 780_000}}, nil, ""},
	{"a moment of forty", func() *monitor.Report { return threads(20) },
		Requests{HTTP: true, Count: 1000, duration: stats{count: 1000, sum: 1_500_000}}, nil, ""},
	{"its own deadline, and orphans", func() *monitor.Report {
		r := full()
		r.Usage.Orphaned, r.Usage.MostOrphaned, r.Server.Opened = 30, 42, 240
		return r
	}, overHTTP(failed(504, 278, 1500)), []string{"orphaned statements"}, "278 × HTTP 504 after 1.5 s"},
	{"orphans, and requests that waited for the pool", func() *monitor.Report {
		r := full()
		r.Usage.Orphaned, r.Usage.MostOrphaned, r.Server.Opened = 25, 67, 111
		return r
	}, overHTTP(failed(503, 9, 2000)), []string{"orphaned statements"}, "9 × HTTP 503 after 2.0 s"},
	{"its own deadline elsewhere", watched, overHTTP(failed(504, 97, 1000)), []string{"rejected by the application"}, "97 × HTTP 504 after 1.0 s"},
	{"a rate limit", watched, overHTTP(failed(429, 170, 1)), []string{"rejected by the application"}, "170 × HTTP 429 after 1 ms"},
	{"a pool of another name", func() *monitor.Report {
		r := watched()
		r.Load.Sampled.Others = 2.1
		return r
	}, overHTTP(failed(503, 55, 2000)), []string{"pool exhausted"}, "2.1 sessions of other names were in use"},
	{"a row that some change", func() *monitor.Report {
		r := watched()
		r.Usage.LockWaits, r.Usage.Locked, r.LongestStatement, r.Blocker = 16, 4, 0.08, &monitor.Session{PID: 9, Waiting: 4}
		return r
	}, overHTTP(), nil, ""},
	{"few wait for long", func() *monitor.Report {
		r := watched()
		r.Usage.LockWaits, r.Usage.Locked, r.LongestStatement, r.Blocker = 16, 4, 6, &monitor.Session{PID: 9, Waiting: 4}
		return r
	}, overHTTP(), []string{"locks"}, "4 sessions waited for pid 9"},
	{"a prepared transaction", func() *monitor.Report {
		r := full()
		r.Usage.LockWaits, r.Usage.Sleeping, r.Usage.Locked = 540, 0, 38
		r.Blocker = &monitor.Session{State: "a prepared transaction", Waiting: 14}
		return r
	}, overHTTP(failed(503, 45, 2000)), []string{"locks", "pool exhausted"}, "14 sessions waited for a prepared transaction"},
	{"transactions that the server ends, of a full pool", func() *monitor.Report {
		r := full()
		r.Usage.Sleeping, r.Server.Statistics.SessionsFatal, r.Server.IdleTimeout = 0, 92, 300
		return r
	}, overHTTP(failed(500, 92, 1000)), []string{"sessions ended by the server", "pool exhausted"}, "idle_in_transaction_session_timeout is 300 ms"},
	{"one session ended, of a full pool", func() *monitor.Report {
		r := full()
		r.Server.Statistics.SessionsKilled = 1
		return r
	}, overHTTP(failed(503, 118, 2000)), []string{"pool exhausted", "sessions ended by the server"}, "118 × HTTP 503 after 2.0 s"},
	{"no session at all", func() *monitor.Report {
		r := watched()
		r.Open, r.CheckedOut, r.Active = &monitor.Level{}, &monitor.Level{Mean: 9, P95: 15, Peak: 15}, &monitor.Level{Mean: 9, P95: 15, Peak: 15}
		r.Usage = monitor.Usage{Pressed: 30, Full: 12, InUse: 300}
		return r
	}, overHTTP(failed(500, 157, 5), failed(503, 5, 2000)), []string{"rejected by the application"}, "the server shows no session of it"},
	{"told of an unknown host", watched, overHTTP(answering("could not translate host name \"db\" to address: Name or service not known", 157, 5)),
		[]string{"rejected by the application"}, "driver: host name not found"},
	{"told of prepared transactions", watched, overHTTP(answering("maximum number of prepared transactions reached", 157, 5)),
		[]string{"rejected by the application"}, "max_prepared_transactions"},
	{"connections that are cut while idle", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.SessionsAbandoned, r.Server.Statistics.Sessions = 40, 45
		return r
	}, overHTTP(failed(500, 38, 4)), []string{"stale connections"}, "40 sessions lost without a goodbye"},
	{"told of connections that are cut", watched, overHTTP(answering("psycopg2.OperationalError: server closed the connection unexpectedly", 3, 4)),
		[]string{"stale connections"}, "driver: connection lost"},
	{"told of connections that an administrator ends", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.SessionsKilled = 12
		return r
	}, overHTTP(answering("asyncpg.exceptions.ConnectionDoesNotExistError: connection was closed in the middle of operation", 12, 4)),
		[]string{"sessions ended by the server"}, "driver: connection lost"},
	{"errors of its own while a few clients leave", func() *monitor.Report {
		r := watched()
		r.Server.Statistics.SessionsAbandoned = 4
		return r
	}, overHTTP(failed(500, 400, 4)), []string{"rejected by the application"}, "400 × HTTP 500"},
	{"connections that are cut silently", func() *monitor.Report { return silent("ROLLBACK;") }, hanging(), []string{"stale connections"}, "4 users had no answer for up to 48.70 s"},
	{"connections that are held silently", func() *monitor.Report { return silent("COMMIT;") }, hanging(), nil, ""},
	{"a pooler that nobody named", func() *monitor.Report { return unnamed(5) }, slow(), []string{"pooler saturated"}, "pgbouncer is between application and server; of its 5 sessions 4.8 were at work"},
	{"a pooler that nobody named, monitor only", func() *monitor.Report { return unnamed(5) }, Requests{}, []string{"pooler saturated"}, "it never had more"},
	{"a pooler that opens more when it needs them", func() *monitor.Report { return unnamed(6) }, Requests{}, nil, ""},
	{"a pooler with quick answers", func() *monitor.Report { return unnamed(5) }, overHTTP(), nil, ""},
	{"a full worker among workers that say nothing", func() *monitor.Report {
		r := threads(38)
		r.Pool = monitor.Pool{Size: 20, MaxOverflow: 40, Workers: 4}
		return r
	}, Requests{HTTP: true, Count: 1000, duration: stats{count: 1000, sum: 1_500_000}}, nil, ""},
	{"more open before the workers were found", func() *monitor.Report {
		r := watched()
		r.Pool = monitor.Pool{Size: 20, MaxOverflow: 40, Workers: 4}
		r.Open, r.Usage.Exceeded = &monitor.Level{P95: 31, Peak: 31}, 5
		return r
	}, overHTTP(), nil, ""},
	{"one process with more than its pool", func() *monitor.Report {
		r := full()
		r.Usage.Exceeded, r.Open.Peak, r.Clients = 39, 40, 1
		return r
	}, overHTTP(), []string{"more connections than configured"}, "one process has them all"},
	{"cut off at the end", watched, Requests{HTTP: true, Count: 5, cutOff: stats{count: 5, max: 42_000}},
		[]string{"application busy"}, "5 users cut off while they waited, after up to 42 s"},
}

// crowded is a watch of an application behind a pooler with as many clients as it takes.
func crowded() *monitor.Report {
	r := watched()
	r.Pooler = &monitor.PoolerReport{
		Pooler:  monitor.Pooler{Told: true, Version: "PgBouncer 1.18.0", PoolMode: "transaction", Clients: 10, MaxClients: 10},
		Samples: 40, Crowded: 30,
	}
	return r
}

// silent is a watch of connections of which nothing has been heard since a statement.
func silent(last string) *monitor.Report {
	r := watched()
	r.Active = &monitor.Level{Mean: 3, P95: 4, Peak: 4}
	r.CheckedOut, r.Fullest = r.Active, &monitor.WorkerReport{Workers: 1, Size: 5, Capacity: 15, CheckedOut: r.Active}
	r.Usage = monitor.Usage{Pressed: 30, InUse: 120, AllInUse: 120}
	r.Held.Resting = resting(4, 4, 28)
	r.Held.Resting.Longest.Statement = last
	return r
}

// hanging are requests of which some had no answer when the test ended.
func hanging() Requests {
	return Requests{
		HTTP: true, Count: 109, Failed: 4, cutOff: stats{count: 4, max: 48_700},
		duration: stats{count: 109, max: 48_700}, succeeded: stats{count: 105, median: 20},
	}
}

// unnamed is a watch of sessions that belong to a pooler; it had as many as most at once.
func unnamed(most int) *monitor.Report {
	r := watched()
	r.Pooler = &monitor.PoolerReport{Pooler: monitor.Pooler{Version: "pgbouncer"}, Samples: 40}
	r.Active, r.Open, r.AtLeast = &monitor.Level{Mean: 4.8, P95: 5, Peak: 5}, &monitor.Level{P95: 5, Peak: most}, 1
	r.Usage, r.LongestStatement = monitor.Usage{AllInUse: 190, Sleeping: 190}, 0.3
	return r
}

// slow are requests that take 1.5 s.
func slow() Requests {
	r := overHTTP()
	r.succeeded.median = 1500
	return r
}

// resting are sessions idle outside a transaction that did not come back.
func resting(sessions, since int, idle float64) monitor.Resting {
	return monitor.Resting{Sessions: sessions, Since: since, IdleFor: idle, Longest: &monitor.Session{
		PID: 77, Application: "flowboard", State: "idle", IdleFor: idle, Statement: "LISTEN x",
	}}
}

// threads use forty connections of sixty at most.
func threads(mean float64) *monitor.Report {
	r := watched()
	r.Pool = monitor.Pool{Size: 20, MaxOverflow: 40, Workers: 1}
	r.Active = &monitor.Level{Mean: mean, P95: 40, Peak: 40}
	r.Ended = r.Started.Add(20 * time.Second)
	r.Usage = monitor.Usage{Pressed: 40, InUse: 40 * int(mean), Sleeping: 40 * int(mean), AllInUse: 40 * int(mean)}
	return r
}

// What is said of the pool's size, of a pooler and of a log is said where it is so.
func TestRemediesOfAnApplication(t *testing.T) {
	for _, c := range causes {
		for _, d := range Of(Facts{Watched: c.watched(), Requests: c.requests}) {
			if d.Name != poolExhausted {
				require.NotContains(t, d.Remedy, "ncrease DB_POOL_SIZE", c.name)
			}
			require.NotContains(t, d.Remedy, "DB_POOL_LEAK_THRESHOLD", "the log is our pool's: %s", c.name)
			if strings.Contains(d.Remedy, "PGBOUNCER_URL") {
				require.Equal(t, 500, c.requests.failures[0].status, c.name)
			}
		}
	}
}

func TestCausesOfAnApplication(t *testing.T) {
	for _, c := range causes {
		t.Run(c.name, func(t *testing.T) {
			found := Of(Facts{Watched: c.watched(), Requests: c.requests})
			var names []string
			var evidence string
			for _, d := range found {
				names = append(names, d.Name)
				evidence += strings.Join(d.Evidence, "\n") + "\n"
			}
			require.Equal(t, c.want, names, evidence)
			require.Contains(t, evidence, c.evidence)
		})
	}
}

// What may not be seen is seen first, and a pool that the server ends is no reason
// for a larger one.
func TestRemediesOfWhatTheServerSays(t *testing.T) {
	for name, remedy := range map[string]string{
		"the role may not see the sessions of a full pool": "GRANT pg_read_all_stats",
		"stopped":                                      "Start PostgreSQL",
		"idle for too long":                            "Set DB_POOL_RECYCLE below idle_session_timeout (300 ms)",
		"a role that may only read":                    "RESET default_transaction_read_only",
		"pooler saturated by another limit":            "Raise max_db_connections of PgBouncer from 5",
		"pooler full of clients":                       "Raise max_client_conn of PgBouncer",
		"pooler full of clients, wordless":             "Raise max_client_conn of PgBouncer",
		"pooler without the database":                  "add it to [databases]",
		"deadlocks":                                    "in the same order in every transaction",
		"told of a full disk":                          "disk is full (53100)",
		"a second engine under the same name":          "a second engine or pool",
		"one process with more than its pool":          "process has a second engine or pool",
		"a pool of another name":                       "other pool (a second engine) by its own application_name",
		"a prepared transaction":                       "ROLLBACK PREPARED",
		"password changed":                             "was the password changed?",
		"a full pool that cannot log in, and says why": "pg_hba.conf",
		"NOLOGIN":                             `ALTER ROLE "app" LOGIN.`,
		"CONNECT revoked":                     `GRANT CONNECT ON DATABASE "flow" TO "app".`,
		"the database is gone":                "correct its name in the application's URL",
		"locks":                               "pg_terminate_backend(9)",
		"a table that is rewritten":           "pg_cancel_backend(27688). The next time, use VACUUM without FULL",
		"a vacuum by hand, and DDL behind it": "pg_cancel_backend(18550). The next time, give the DDL that waits for it a lock_timeout",
		"a migration behind a reader":         "pg_terminate_backend(29120)",
		"a vacuum that does not give way":     "WHERE pid = 31",
		"told of a limit of the role":         "temp_file_limit",
		"told of TLS":                         "sslmode",
		"no session at all":                   "opens no session here",
		"told of an unknown host":             "cannot find the host name",
		"told of prepared transactions":       "pg_prepared_xacts",
		"connections that are cut while idle": "DB_POOL_RECYCLE below its idle time",
		"connections that are cut silently":   "command_timeout",
		"a pooler that nobody named":          "default_pool_size",

		"transactions that the server ends, of a full pool": "Commit or return the connection before work outside the database",
	} {
		i := slices.IndexFunc(causes, func(c cause) bool { return c.name == name })
		found := Of(Facts{Watched: causes[i].watched(), Requests: causes[i].requests})
		require.Contains(t, found[0].Remedy, remedy, name)
	}
}

// Without a watch nobody knows what holds the connections.
func TestFailuresAlone(t *testing.T) {
	found := Of(Facts{Requests: overHTTP(failed(503, 9, 2000), failed(404, 2, 3))})
	require.Len(t, found, 2)
	require.Equal(t, poolExhausted, found[0].Name)
	require.Equal(t, Possible, found[0].Confidence)
	require.Equal(t, rejectedByApplication, found[1].Name)
}

func TestSQLStatesInAnswers(t *testing.T) {
	for body, want := range map[string]string{
		`{"detail": "asyncpg.exceptions.QueryCanceledError: canceling statement due to statement timeout"}`: "57014",
		`prepared statement "__asyncpg_stmt_1__" already exists`:                                            "42P05",
		`{"sqlstate": "25006"}`:  "25006",
		`ERROR (SQLSTATE 26000)`: "26000",
		`<class 'asyncpg.exceptions.DeadlockDetectedError'>: deadlock detected`:                                                             "40P01",
		`canceling statement due to lock timeout`:                                                                                           "55P03",
		`could not extend file "base/1": No space left on device`:                                                                           "53100",
		`FATAL:  password authentication failed for user "app"`:                                                                             "28P01",
		`terminating connection due to idle-session timeout`:                                                                                "57P05",
		`Internal Server Error`:                                                                                                             "",
		`{"error": "InternalServerError"}`:                                                                                                  "",
		`{"detail": "FATAL:  role \"app\" does not exist"}`:                                                                                 "28000",
		`FATAL:  pg_hba.conf rejects connection for host "127.0.0.1", user "app", database "flow", no encryption`:                           "28000",
		`{"detail": "database \"flow\" does not exist"}`:                                                                                    "3D000",
		`<class 'asyncpg.exceptions.InsufficientPrivilegeError'>: permission denied for table items`:                                        "42501",
		`(psycopg2.errors.UndefinedTable) relation "items" does not exist`:                                                                  "42P01",
		`(psycopg2.errors.UndefinedColumn) column items.z does not exist`:                                                                   "42703",
		`asyncpg.exceptions.InvalidCachedStatementError: cached statement plan is invalid due to a database schema or configuration change`: "cached plan",
		`<class 'asyncpg.exceptions.ProgramLimitExceededError'>: requested length too large`:                                                "54000",
		`(psycopg2.errors.InternalError_) invalid memory alloc request size 1100000000`:                                                     "XX000",
		`(psycopg2.errors.InFailedSqlTransaction) current transaction is aborted, commands ignored until end of transaction block`:          "25P02",
		`could not open file "global/pg_filenode.map": No such file or directory`:                                                           "58P01",
		`server error (SQLSTATE XX001)`:                                                                                                     "XX001",
		`connection to server at "127.0.0.1", port 5432 failed: server does not support SSL, but SSL was required`:                          "driver: TLS refused",
		asyncpgFull: "PgBouncer: no more connections allowed (max_client_conn)",
		`psycopg2.OperationalError: connection to server at "127.0.0.1", port 6432 failed: FATAL:  no more connections allowed (max_client_conn)`: "PgBouncer: no more connections allowed (max_client_conn)",
		`FATAL: query_wait_timeout (SQLSTATE 08P01)`:                                             "PgBouncer: query_wait_timeout",
		`server login has been failing, try again later (server_login_retry)`:                    "PgBouncer: server_login_retry",
		`server login has been failing, cached error: too many connections (server_login_retry)`: "53300",
		`asyncpg.exceptions.ProtocolViolationError: client_idle_timeout`:                         "PgBouncer: client_idle_timeout",
		`psycopg2.errors.ProtocolViolation: query timeout`:                                       "PgBouncer: query timeout",
		`FATAL:  pgbouncer is shutting down`:                                                     "PgBouncer: pgbouncer is shutting down",
		`redis: query timeout`:                                                                   "",
		`mongo: no such database`:                                                                "",
	} {
		require.Equal(t, want, SQLState(body), body)
	}
}

// A larger pool is advised only where the pool was full, the server has room
// and the holders work in the database.
func TestALargerPoolIsAdvisedForGoodReasonsOnly(t *testing.T) {
	advised := 0
	for seed := range uint64(20_000) {
		r := random{rand.New(rand.NewPCG(seed, 19))}
		run := Facts{Watched: r.report(), Requests: overHTTP()}
		if r.IntN(2) == 0 {
			run.Requests = overHTTP(failed([]int{503, 500}[r.IntN(2)], int64(r.IntN(300)+1), float64(r.IntN(3000))))
		}
		for _, d := range Of(run) {
			if !strings.Contains(d.Remedy, "ncrease DB_POOL_SIZE") {
				continue
			}
			advised++
			w := run.Watched
			u := w.Usage
			because := fmt.Sprintf("seed %d: %s: %+v", seed, d.Name, *w)
			require.Equal(t, poolExhausted, d.Name, because)
			require.True(t, u.Full >= 2 || len(run.Requests.failures) > 0, because)
			require.Positive(t, w.Server.Limit.Room(), because)
			require.False(t, 5*u.IdleInTransaction >= u.InUse && u.Repeating > 0 && 2*u.Repeating >= u.IdleInTransaction, because)
			require.Less(t, 2*u.LockWaits, u.InUse, because)
			require.Less(t, 2*(u.InUse-u.Working-u.Sleeping-u.LockWaits-u.IdleInTransaction), u.InUse, because)
			require.False(t, w.CPU != nil && w.CPU.Mean >= 90 && 2*u.AllWorking >= u.AllInUse && u.AllWorking >= 2*w.Samples, because)
		}
	}
	require.Greater(t, advised, 200, "it is advised at times")
}

type random struct{ *rand.Rand }

// report is of a watch that saw anything.
func (r random) report() *monitor.Report {
	w := full()
	u := &w.Usage
	w.Samples, w.Seen = 40, 40
	u.Full, u.Pressed = r.IntN(41), 40
	u.InUse = 600
	kinds := []*int{&u.Working, &u.Sleeping, &u.LockWaits, &u.IdleInTransaction}
	rest := u.InUse
	u.Sleeping = 0
	for _, i := range r.Perm(len(kinds)) {
		*kinds[i] = r.IntN(rest + 1)
		rest -= *kinds[i]
	}
	u.Held = r.IntN(u.IdleInTransaction + 1)
	u.IdleSeconds = float64(u.IdleInTransaction) * r.Float64()
	if r.IntN(3) == 0 {
		u.Repeating = r.IntN(u.IdleInTransaction + 1)
	}
	if r.IntN(4) == 0 {
		w.Held.Resting = resting(10, r.IntN(10), 20*r.Float64())
	}
	if 2*u.LockWaits >= u.InUse {
		u.Locked, w.Blocker = 40, &monitor.Session{PID: 1, Waiting: 9}
	}
	u.AllWorking = u.Working
	w.LongestStatement = 2 * r.Float64()
	w.Server.Limit.Used = 97 - r.IntN(3)
	if r.IntN(2) == 0 {
		w.CPU = &monitor.CPULevel{Mean: 80 + 20*r.Float64()}
	}
	return w
}

// Every name of the contract is that of a rule, or of one that is to come.
func TestNamesAreThoseOfTheContract(t *testing.T) {
	names := []string{
		"pool exhausted", "idle in transaction", "locks", "connection limit reached", "more connections than configured",
		"orphaned statements", "slow queries hold connections", "N+1", "connection leak", "nested checkout", "stale connections",
		"server restarted", "read-only server", "sessions ended by the server", "statement timeout",
		"prepared statements behind a pooler", "pooler saturated", "connection churn", "reconnect storm", "application busy",
		"rejected by the application", "load generator saturated", "database busy", "metastable overload",
	}
	for _, r := range rules {
		require.Contains(t, names, r.name)
		names = slices.DeleteFunc(names, func(n string) bool { return n == r.name })
	}
	require.Empty(t, names)
}

// What PgBouncer says to the own pool is told apart by its words.
func TestWhatPgBouncerSays(t *testing.T) {
	for said, want := range map[string][2]string{
		"no more connections allowed (max_client_conn)":             {"pooler saturated", "fewer connections"},
		"no more connections allowed (max_user_client_connections)": {"pooler saturated", "Raise max_user_client_connections"},
		"query_wait_timeout": {"pooler saturated", "connect failed, PostgreSQL is down"},
		"server login has been failing, try again later (server_login_retry)": {"server restarted", "PgBouncer cannot log in"},
		"pgbouncer cannot connect to server":                                  {"server restarted", "PgBouncer cannot log in"},
		"server conn crashed?":                                                {"sessions ended by the server", "PostgreSQL's log"},
		"client_idle_timeout":                                                 {"sessions ended by the server", "DB_POOL_RECYCLE below client_idle_timeout"},
		"idle transaction timeout":                                            {"sessions ended by the server", "before work outside"},
		"pgbouncer is shutting down":                                          {"sessions ended by the server", "PgBouncer was stopped"},
		"query timeout":                                                       {"statement timeout", "query_timeout of PgBouncer"},
	} {
		key := OfPgBouncer("FATAL: " + said)
		found := Of(Facts{Pools: []Pool{{Name: "main", errors: map[string]int64{key: 3}}}})
		require.Len(t, found, 1, said)
		require.Equal(t, want[0], found[0].Name, said)
		require.Contains(t, found[0].Remedy, want[1], said)
		why := strings.Contains(said, "server") || said == "query_wait_timeout" // which PgBouncer does not say
		require.Equal(t, !why, found[0].Confidence == Certain, said)
		require.NotContains(t, found[0].Remedy, "ncrease DB_POOL_SIZE", said)
		require.Equal(t, []string{key + ", 3 times"}, found[0].Evidence, said)
	}
}

// A monitor alone that is not told the pool's timeout knows SQLAlchemy's default. A
// slow service ends at other ages, and its sessions come and go one by one.
func TestNestedCheckoutWithoutItsTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		allHeld int
		longest float64
		want    string
	}{
		"all stand still for 30 s":    {38, 29.6, "nested checkout"},
		"they stream for 25 s":        {38, 25, "idle in transaction"},
		"they come and go one by one": {20, 29.6, "idle in transaction"},
		"for longer than it waits":    {38, 45, "idle in transaction"},
		"a service that takes 2 s":    {38, 2, "idle in transaction"},
		"a timeout of 2 s, not given": {38, 1.9, "idle in transaction"},
	} {
		r := full()
		r.Usage.Sleeping, r.Usage.IdleInTransaction, r.Usage.Held, r.Usage.AllHeld, r.Usage.IdleSeconds = 0, 600, 600, c.allHeld, 9000
		r.Held.LongestIdle = c.longest
		require.Equal(t, c.want, Of(Facts{Watched: r})[0].Name, name)
	}
}

// The monitor alone sees no answers.
func TestAnApplicationThatCannotConnectIsSeenWithoutLoad(t *testing.T) {
	first := func(w *monitor.Report) Diagnosis {
		found := Of(Facts{Watched: w})
		require.NotEmpty(t, found)
		return found[0]
	}
	said := first(cutOut(watched()))
	require.Equal(t, rejectedByApplication, said.Name)
	require.Equal(t, Likely, said.Confidence)

	silent := cutOut(watched())
	silent.CheckedOut, silent.Absence.CheckedOut, silent.Absence.Most = nil, 0, 0
	require.Equal(t, Possible, first(silent).Confidence, "it may have been stopped")
	require.Contains(t, first(silent).Remedy, "Was the application stopped?")
	silent.Absence.AtEnd = false
	require.Empty(t, Of(Facts{Watched: silent}))

	barred := watched() // its sessions go on
	barred.Server.Barred = &monitor.Barred{Role: "app", Database: "flow", By: "VALID UNTIL"}
	require.Equal(t, Possible, first(barred).Confidence)
	barred.Absence = cutOut(watched()).Absence
	require.Equal(t, Certain, first(barred).Confidence)
	require.Equal(t, []string{
		"the password of role app has expired (VALID UNTIL)",
		"in 12 consecutive samples the server showed no session of it, to the end, with up to 15 connections checked out",
	}, first(barred).Evidence)

	restarted := cutOut(watched())
	restarted.Server.Restarted = true
	require.Equal(t, serverRestarted, first(restarted).Name)
}

func TestLoginsOfThePoolThatTheServerRefuses(t *testing.T) {
	for key, says := range map[string]string{
		LoginKey("28P01"): "Correct user and password", LoginKey("28000"): "pg_hba.conf", LoginKey("42501"): "GRANT CONNECT ON DATABASE", LoginKey("3D000"): "Correct the database",
		LoginKey("55000"): "ALLOW_CONNECTIONS true", LoginKey("22023"): "with SQLSTATE 22023", UntrustedKey(): "sslrootcert", UnknownHostKey(): "host name",
	} {
		found := Of(Facts{Pools: []Pool{{Name: "default", errors: map[string]int64{key: 356, "ConnectError": 2}, opened: 7}}})
		require.Len(t, found, 1, key)
		require.Equal(t, rejectedByApplication, found[0].Name)
		require.Equal(t, Certain, found[0].Confidence)
		require.Regexp(t, "^356 connections not opened: (SQLSTATE [0-9A-Z]{5}|certificate|host name)$", found[0].Evidence[0])
		require.Contains(t, found[0].Remedy, says)
		require.Contains(t, found[0].Remedy, "The pool's size is not the cause.")
	}
	require.Empty(t, Of(Facts{Pools: []Pool{{errors: map[string]int64{"3D000": 9}, opened: 1}}}), "a DROP DATABASE of a script's")
	require.Equal(t, "53300", LoginKey("53300"), "which is a cause of its own")
	found := Of(Facts{Pools: []Pool{{Name: "default", errors: map[string]int64{"PgBouncer: no such database": 9}}}})
	require.Len(t, found, 1)
	require.Contains(t, found[0].Remedy, "[databases]")
	late := Facts{Requests: Requests{Count: 10_000, Failed: 9}, Pools: []Pool{{Name: "default", errors: map[string]int64{UnknownHostKey(): 9}, opened: 60}}}
	require.Empty(t, Of(late), "a name server that is late now and then")
	late.Pools[0].opened = 0
	require.Len(t, Of(late), 1, "a name that was never found")
}

// One answer in the server's or a driver's words is not the cause of a hundred without any.
func TestOneAnswerInWordsAmongManyWithout(t *testing.T) {
	found := Of(Facts{Watched: watched(), Requests: overHTTP(failed(500, 100, 4), failure{status: 500, sqlState: "driver: connection refused", count: 1})})
	require.Len(t, found, 1)
	require.Equal(t, Likely, found[0].Confidence)
	require.Contains(t, found[0].Evidence[0], "100 × HTTP 500")
}

// Recorded of half of 86 requests whose statements took too many locks or read a table
// without the right to.
func TestStatementsOfThePoolThatTheServerRefuses(t *testing.T) {
	of := func(errors map[string]int64, failed float64) []Diagnosis {
		return Of(Facts{Requests: Requests{Count: 86, Failed: failed}, Pools: []Pool{{Name: "default", errors: errors, query: stats{count: 86}, opened: 4}}})
	}
	found := of(map[string]int64{"53200": 24, "42501": 20}, 44)
	require.Len(t, found, 1)
	require.Equal(t, rejectedByApplication, found[0].Name)
	require.Equal(t, Certain, found[0].Confidence)
	require.Equal(t, []string{"the server said 53200 24 times, 42501 20 times"}, found[0].Evidence)
	require.Contains(t, found[0].Remedy, "max_locks_per_transaction")
	require.Contains(t, of(map[string]int64{"42P01": 9}, 44)[0].Remedy, "migrations")
	require.Equal(t, Likely, of(map[string]int64{"42P01": 9}, 44)[0].Confidence, "most fail for another reason")
	require.Empty(t, of(map[string]int64{"53200": 24}, 0), "the script has expected them")
	require.Empty(t, of(map[string]int64{"23505": 24}, 24), "the application's own affair")
}
