//go:build unix

package troublestest

import (
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// trouble is a situation of a real application, and what is wrong there.
type trouble struct {
	name string
	app  string // of testdata; beside it of XK6_PGXPOOL_FIELD, empty where that has none
	path string
	// The same of the applications that XK6_PGXPOOL_FIELD names.
	fieldApp, fieldPath string

	users   int // 40
	seconds int // 8
	workers int
	size    int               // 5
	over    int               // 10
	appEnv  map[string]string // the application's
	env     map[string]string // the monitor's and the load test's
	silent  bool              // without APP_URL
	server  func(t *testing.T, s *situation)
	before  func(t *testing.T, s *situation)

	want string // cause that both name first, "" for none
	// only the load test can know: the monitor does not see how requests fail.
	onlyLoad bool
	evidence string // in the load test's
	breaks   bool   // so many requests that the load test cannot pass
	loose    bool   // in use is not what the application counts
}

// allTheTime lets users hardly rest: they want more connections than there are,
// however slow the machine.
var allTheTime = map[string]string{"THINK": "0.2"}

var troubles = []trouble{
	{name: "too small", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 60,
		want: "pool exhausted", evidence: "HTTP 503 after"},
	{name: "pool timeout answered as 500", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 60,
		appEnv: map[string]string{"TIMEOUT_STATUS": "500", "H503": "0"}, want: "pool exhausted", evidence: "HTTP 500 after"},
	{name: "rests in autocommit", app: "queuepool", path: "/rest?s=1", fieldApp: "async_app", fieldPath: "/idle?hold=1", env: allTheTime,
		appEnv: map[string]string{"ISO": "AUTOCOMMIT"}, want: "pool exhausted", evidence: "15 of 15 connections"},
	{name: "rests in autocommit, unsaid", app: "queuepool", path: "/rest?s=1", fieldApp: "async_app", fieldPath: "/idle?hold=1", env: allTheTime,
		appEnv: map[string]string{"ISO": "AUTOCOMMIT"}, silent: true, want: "pool exhausted", evidence: "at least 10 of 15"},
	{name: "rests after commit", app: "queuepool", path: "/committed?s=1", fieldApp: "async_app", fieldPath: "/committed?hold=1", env: allTheTime,
		want: "pool exhausted", evidence: "are outside a transaction"},
	{name: "asyncpg's pool", app: "asyncpg_pool", path: "/rest?s=1", fieldApp: "asyncpg_app", fieldPath: "/idle?hold=1", env: allTheTime,
		want: "pool exhausted", evidence: "15 of 15 connections"},
	{name: "idle in transaction", app: "queuepool", path: "/rest?s=1", fieldApp: "async_app", fieldPath: "/idle?hold=1", env: allTheTime,
		want: "idle in transaction", evidence: "idle in a transaction, for"},
	{name: "streams", app: "queuepool", path: "/stream?s=7", users: 20, seconds: 12, want: "idle in transaction"},
	{name: "nested checkout", app: "queuepool", path: "/second", fieldApp: "session_app", fieldPath: "/nested",
		env: map[string]string{"THINK": "0", "DB_POOL_TIMEOUT": "2"}, seconds: 10, want: "nested checkout", evidence: "HTTP 503 after"},
	{name: "kept for long", app: "queuepool", path: "/quick", fieldApp: "session_app", fieldPath: "/list", users: 3,
		before: func(_ *testing.T, s *situation) { s.either("/keep?n=4", "/leakn?n=4") },
		want:   "idle in transaction", evidence: "4 sessions idle in a transaction from before the watch"},
	{name: "a leak", app: "queuepool", path: "/forget?one_in=10", fieldApp: "session_app", fieldPath: "/leak?p=10", users: 20, seconds: 21,
		want: "connection leak", evidence: "stayed idle in a transaction until the end"},
	{name: "a row that all change", app: "queuepool", path: "/row", fieldApp: "session_app", fieldPath: "/update", want: "locks", evidence: "waited for pid"},
	{name: "DDL behind a reader", app: "queuepool", path: "/quick", fieldApp: "async_app", fieldPath: "/short", users: 30, seconds: 8,
		before: blockBehindAReader, want: "locks", evidence: "(reporting), idle in transaction"},
	{name: "the role's limit", app: "queuepool", path: "/work?s=0.5", fieldApp: "async_app", fieldPath: "/sql?hold=0.5",
		server: role("CONNECTION LIMIT 8"), want: "connection limit reached", evidence: "8 of 8 in use", loose: true},
	{name: "statement timeout", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 10,
		server: role("", "ALTER ROLE %s SET statement_timeout = '300ms'"), want: "statement timeout", evidence: "statement_timeout is 300 ms"},
	{name: "deadlines", app: "queuepool", path: "/deadline?s=10&limit=2.5", fieldApp: "cancel_app", fieldPath: "/deadline?hold=10&d=2.5", users: 30, seconds: 12,
		want: "orphaned statements", evidence: "more sessions were at work", loose: true},
	{name: "deadlines, unsaid", app: "queuepool", path: "/deadline?s=10&limit=2.5", users: 30, seconds: 12, silent: true, want: "orphaned statements"},
	{name: "asyncpg behind PgBouncer", app: "queuepool", path: "/work?s=0.1", fieldApp: "async_app", fieldPath: "/sql?hold=0.1", users: 20,
		server: behindPgBouncer(20), want: "prepared statements behind a pooler", onlyLoad: true, evidence: "transaction mode", loose: true},
	{name: "the queue is in PgBouncer", app: "threads", path: "/work?s=0.3", fieldApp: "sync_app", fieldPath: "/sql?hold=0.3", users: 40,
		size: 20, over: 20, server: behindPgBouncer(5), want: "pooler saturated", evidence: "cl_waiting"},
	{name: "busy with Python", app: "queuepool", path: "/quick", fieldApp: "async_app", fieldPath: "/short", users: 20,
		env: map[string]string{"THINK": "0"}, want: "application busy", evidence: "between two statements"},
	{name: "no pool", app: "threads", path: "/work?s=0.02", fieldApp: "sync_app", fieldPath: "/sql?hold=0.02", users: 20,
		appEnv: map[string]string{"POOL": "none"}, silent: true, want: "connection churn", evidence: "sessions opened in"},
	{name: "no application_name", app: "threads", path: "/work?s=1", fieldApp: "sync_app", fieldPath: "/sql?hold=1", env: allTheTime,
		appEnv: map[string]string{"NAME": ""}, server: selectedByRole, want: "pool exhausted"},
	{name: "an error of its own", app: "queuepool", path: "/broken", fieldApp: "slow_http_app", fieldPath: "/500", users: 5,
		want: "rejected by the application", onlyLoad: true, evidence: "HTTP 500 after"},
	{name: "one of four workers", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 58, workers: 4, seconds: 9,
		env: map[string]string{"THINK": "0", "WORKERS": "4"}, want: "pool exhausted", evidence: "one of 4 workers", loose: true},
	{name: "healthy", app: "queuepool", path: "/work?s=0.05", fieldApp: "async_app", fieldPath: "/sql?hold=0.05", users: 10, size: 20, over: 40},
	{name: "restart", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 20, over: 20, seconds: 14,
		server: ownServer, before: restartSoon, want: "server restarted", breaks: true, loose: true},
}

// Those of XK6_PGXPOOL_FIELD nobody here wrote. What does not hold beside the others is
// looked at again when they are done: on a starved machine the application and its
// driver stumble on their own.
func TestTroublesOfApplications(t *testing.T) {
	t.Parallel()
	var again []func(*testing.T)
	var lock sync.Mutex
	look := func(t *testing.T, name, dir, app, path string, trouble trouble) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trouble.run(t, dir, app, path)
			var r recorder
			if r.holds(func(t require.TestingT) { trouble.judge(t, s) }) {
				return
			}
			t.Logf("looking again when the others are done: %s", r.failed)
			lock.Lock()
			defer lock.Unlock()
			again = append(again, func(t *testing.T) { trouble.judge(t, trouble.run(t, dir, app, path)) })
		})
	}
	t.Run("all", func(t *testing.T) {
		for _, trouble := range troubles {
			look(t, trouble.name, "testdata", trouble.app, trouble.path, trouble)
			if dir := os.Getenv("XK6_PGXPOOL_FIELD"); dir != "" && trouble.fieldApp != "" {
				look(t, trouble.name+", from outside", dir, trouble.fieldApp, trouble.fieldPath, trouble)
			}
		}
	})
	for _, look := range again {
		t.Run("again", look)
	}
}
