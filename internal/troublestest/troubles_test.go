//go:build unix

package troublestest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgbouncertest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
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
	loose    bool   // in use is not what the application counts
}

// situation is a trouble that goes on.
type situation struct {
	application
	url   string // the application's database
	watch string // the monitor's
	env   map[string]string
	// server is the application's own, nil where it shares the tests'.
	server *embedded.Server
}

const mayGrow = "ncrease DB_POOL_SIZE"

var troubles = []trouble{
	{name: "too small", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 60,
		want: "pool exhausted", evidence: "HTTP 503 after"},
	{name: "pool timeout answered as 500", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 60,
		appEnv: map[string]string{"TIMEOUT_STATUS": "500", "H503": "0"}, want: "pool exhausted", evidence: "HTTP 500 after"},
	{name: "rests in autocommit", app: "queuepool", path: "/rest?s=0.5", fieldApp: "async_app", fieldPath: "/idle?hold=0.5",
		appEnv: map[string]string{"ISO": "AUTOCOMMIT"}, want: "pool exhausted", evidence: "15 of 15 connections"},
	{name: "rests in autocommit, unsaid", app: "queuepool", path: "/rest?s=0.5", fieldApp: "async_app", fieldPath: "/idle?hold=0.5",
		appEnv: map[string]string{"ISO": "AUTOCOMMIT"}, silent: true, want: "pool exhausted", evidence: "at least 10 of 15"},
	{name: "rests after commit", app: "queuepool", path: "/committed?s=0.5", fieldApp: "async_app", fieldPath: "/committed?hold=0.5",
		want: "pool exhausted", evidence: "rest outside a transaction"},
	{name: "asyncpg's pool", app: "asyncpg_pool", path: "/rest?s=0.5", fieldApp: "asyncpg_app", fieldPath: "/idle?hold=0.5",
		want: "pool exhausted", evidence: "15 of 15 connections"},
	{name: "idle in transaction", app: "queuepool", path: "/rest?s=0.5", fieldApp: "async_app", fieldPath: "/idle?hold=0.5",
		want: "idle in transaction", evidence: "idle in a transaction, for"},
	{name: "streams", app: "queuepool", path: "/stream?s=7", users: 20, seconds: 12, want: "idle in transaction"},
	{name: "nested checkout", app: "queuepool", path: "/second", fieldApp: "session_app", fieldPath: "/nested",
		env: map[string]string{"THINK": "0", "DB_POOL_TIMEOUT": "2"}, seconds: 10, want: "nested checkout", evidence: "HTTP 503 after"},
	{name: "kept for long", app: "queuepool", path: "/quick", fieldApp: "session_app", fieldPath: "/list", users: 3,
		before: func(_ *testing.T, s *situation) { s.either("/keep?n=4", "/leakn?n=4") },
		want:   "idle in transaction", evidence: "4 sessions idle in a transaction since before the watch"},
	{name: "a leak", app: "queuepool", path: "/forget?one_in=10", fieldApp: "session_app", fieldPath: "/leak?p=10", users: 20, seconds: 18,
		want: "connection leak", evidence: "never went on"},
	{name: "a row that all change", app: "queuepool", path: "/row", fieldApp: "session_app", fieldPath: "/update", want: "locks", evidence: "waited for pid"},
	{name: "DDL behind a reader", app: "queuepool", path: "/quick", fieldApp: "async_app", fieldPath: "/short", users: 30, seconds: 8,
		before: blockBehindAReader, want: "locks", evidence: "(reporting), idle in transaction"},
	{name: "the role's limit", app: "queuepool", path: "/work?s=0.5", fieldApp: "async_app", fieldPath: "/sql?hold=0.5",
		server: role("CONNECTION LIMIT 8"), want: "connection limit reached", evidence: "8 of 8 in use", loose: true},
	{name: "statement timeout", app: "queuepool", path: "/work?s=1", fieldApp: "async_app", fieldPath: "/sql?hold=1", users: 10,
		server: role("", "ALTER ROLE %s SET statement_timeout = '300ms'"), want: "statement timeout", evidence: "statement_timeout is 300 ms"},
	{name: "deadlines", app: "queuepool", path: "/deadline?s=1&limit=0.3", fieldApp: "cancel_app", fieldPath: "/deadline?hold=1&d=0.3", users: 30,
		want: "orphaned statements", evidence: "more sessions were at work", loose: true},
	{name: "deadlines, unsaid", app: "queuepool", path: "/deadline?s=1&limit=0.3", users: 30, silent: true, want: "orphaned statements"},
	{name: "asyncpg behind PgBouncer", app: "queuepool", path: "/work?s=0.1", fieldApp: "async_app", fieldPath: "/sql?hold=0.1", users: 20,
		server: behindPgBouncer(20), want: "prepared statements behind a pooler", onlyLoad: true, evidence: "transaction mode", loose: true},
	{name: "the queue is in PgBouncer", app: "threads", path: "/work?s=0.3", fieldApp: "sync_app", fieldPath: "/sql?hold=0.3", users: 40,
		size: 20, over: 20, server: behindPgBouncer(5), want: "pooler saturated", evidence: "cl_waiting"},
	{name: "busy with Python", app: "queuepool", path: "/quick", fieldApp: "async_app", fieldPath: "/short", users: 20,
		env: map[string]string{"THINK": "0"}, want: "application busy", evidence: "between two statements"},
	{name: "no pool", app: "threads", path: "/work?s=0.02", fieldApp: "sync_app", fieldPath: "/sql?hold=0.02", users: 20,
		appEnv: map[string]string{"POOL": "none"}, silent: true, want: "connection churn", evidence: "sessions opened in"},
	{name: "no application_name", app: "threads", path: "/work?s=0.5", fieldApp: "sync_app", fieldPath: "/sql?hold=0.5",
		appEnv: map[string]string{"NAME": ""}, server: selectedByRole, want: "pool exhausted"},
	{name: "an error of its own", app: "queuepool", path: "/broken", fieldApp: "slow_http_app", fieldPath: "/500", users: 5,
		want: "rejected by the application", onlyLoad: true, evidence: "HTTP 500 after"},
	{name: "one of four workers", app: "queuepool", path: "/work?s=0.7", fieldApp: "async_app", fieldPath: "/sql?hold=0.7", users: 58, workers: 4,
		env: map[string]string{"THINK": "0", "WORKERS": "4"}, want: "pool exhausted", evidence: "one of 4 workers", loose: true},
	{name: "healthy", app: "queuepool", path: "/work?s=0.05", fieldApp: "async_app", fieldPath: "/sql?hold=0.05", users: 10, size: 20, over: 40},
	{name: "restart", app: "queuepool", path: "/work?s=0.1", fieldApp: "async_app", fieldPath: "/sql?hold=0.1", users: 20,
		server: ownServer, before: restartSoon, want: "server restarted", loose: true},
}

func TestTroublesOfApplications(t *testing.T) {
	for _, trouble := range troubles {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			trouble.run(t, "testdata", trouble.app, trouble.path)
		})
	}
}

// Applications from outside, which nobody here wrote.
func TestTroublesOfApplicationsFromOutside(t *testing.T) {
	dir := os.Getenv("XK6_PGXPOOL_FIELD")
	if dir == "" {
		t.Skip("XK6_PGXPOOL_FIELD names no folder of applications")
	}
	for _, trouble := range troubles {
		if trouble.fieldApp == "" {
			continue
		}
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			trouble.run(t, dir, trouble.fieldApp, trouble.fieldPath)
		})
	}
}

func (tr trouble) run(t *testing.T, dir, app, path string) {
	if tr.size == 0 {
		tr.size, tr.over = 5, 10
	}
	s := &situation{url: pgtest.Database(t), env: map[string]string{}}
	s.watch = s.url
	if tr.server != nil {
		tr.server(t, s)
	}
	fill(t, s.watch)
	appEnv := map[string]string{
		"URL": sqlAlchemy(t, s.url), "NAME": identifier(t), "TIMEOUT": "2",
		"SIZE": fmt.Sprint(tr.size), "OVER": fmt.Sprint(tr.over),
	}
	if tr.appEnv["POOL"] == "none" {
		appEnv["POOL"] = "null"
	}
	for name, value := range tr.appEnv {
		if dir == "testdata" || name != "POOL" {
			appEnv[name] = value
		}
	}
	s.application = start(t, dir, app, max(1, tr.workers), appEnv)
	env := map[string]string{
		"DATABASE_URL": s.watch, "DB_APPLICATION_NAME": identifier(t), "DB_POOL_SIZE": appEnv["SIZE"], "DB_MAX_OVERFLOW": appEnv["OVER"],
	}
	if s.reports && !tr.silent {
		env["APP_URL"] = s.baseURL + "/health/pool"
	}
	for _, more := range []map[string]string{tr.env, s.env} {
		for name, value := range more {
			env[name] = value
			if value == "" {
				delete(env, name)
			}
		}
	}
	if tr.before != nil {
		tr.before(t, s)
	}
	look := func() seen {
		return observe(t, s.application, path, orElse(tr.users, 40), orElse(tr.seconds, 6), env)
	}
	was := look()
	// On a machine that is starved the application and its driver stumble on their
	// own: they are given a second look, with the same bounds, where nothing of the
	// first is left.
	if tr.before == nil && starved(t) && !holds(func(t require.TestingT) { tr.judge(t, was) }) {
		t.Log("the machine is starved: looking again")
		was = look()
	}
	tr.judge(t, was)
}

// starved tells whether some process waited for a CPU for a tenth of the last
// minute.
func starved(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return false // a kernel without it
	}
	var ten, sixty float64
	_, err = fmt.Sscanf(string(text), "some avg10=%f avg60=%f", &ten, &sixty)
	require.NoError(t, err)
	return sixty > 10
}

// holds tells whether a check would pass.
func holds(check func(require.TestingT)) bool {
	var r recorder
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(&r)
	}()
	<-done
	return !r.failed
}

// recorder notes a failure instead of reporting it.
type recorder struct{ failed bool }

func (r *recorder) Errorf(string, ...any) { r.failed = true }

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

func (tr trouble) judge(t require.TestingT, s seen) {
	if tr.want == "" {
		for _, c := range append(append([]cause{}, s.monitor...), s.load...) {
			require.Equal(t, "possible", c.Confidence, "%s, and a machine that is busy makes an application busy", c.Name)
		}
	} else {
		require.NotEmpty(t, s.load)
		require.Equal(t, tr.want, s.load[0].Name)
		require.Contains(t, strings.Join(s.load[0].Evidence, "\n"), tr.evidence)
		if !tr.onlyLoad {
			require.NotEmpty(t, s.monitor)
			require.Equal(t, tr.want, s.monitor[0].Name)
			require.NotEqual(t, "PASS", s.verdict+ifOf(tr.want == "idle in transaction" || tr.want == "connection churn", " at rest"))
		}
	}
	for _, c := range append(append([]cause{}, s.monitor...), s.load...) {
		if tr.want != "pool exhausted" {
			require.NotContains(t, c.Remedy, mayGrow, c.Name)
		}
	}
	if !tr.loose {
		off := 0
		for _, pair := range s.pairs {
			if pair[0] < pair[1]-1 || pair[0] > pair[1]+1 {
				off++
			}
		}
		require.LessOrEqual(t, 10*off, len(s.pairs), "in use and checked out: %v", s.pairs)
	}
}

// sqlAlchemy is a URL as the applications want it: asyncpg knows no sslmode.
func sqlAlchemy(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Scheme, u.RawQuery = "postgresql+asyncpg", ""
	return u.String()
}

func ifOf(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

func orElse(value, otherwise int) int {
	if value == 0 {
		return otherwise
	}
	return value
}

// either asks for one of two paths, of which an application has one.
func (s *situation) either(own, outside string) {
	if status, err := s.ask(own); err == nil && status == 200 {
		return
	}
	s.get(outside)
}

// fill makes the tables that the applications read.
func fill(t *testing.T, url string) {
	t.Helper()
	conn := pgtest.Conn(t, url)
	for _, table := range []string{"items", "projects", "users", "issues"} {
		_, err := conn.Exec(t.Context(), "CREATE TABLE "+table+" (id int PRIMARY KEY, name text); INSERT INTO "+table+" SELECT i, 'n' FROM generate_series(1, 10) i; "+
			"GRANT ALL ON "+table+" TO PUBLIC")
		require.NoError(t, err)
	}
}

// role gives the application a role of its own.
func role(options string, statements ...string) func(*testing.T, *situation) {
	return func(t *testing.T, s *situation) {
		name := identifier(t)
		admin := pgtest.Conn(t, s.watch)
		exec := func(sql string) {
			_, err := admin.Exec(context.Background(), sql)
			require.NoError(t, err, sql)
		}
		exec("CREATE ROLE " + name + " LOGIN PASSWORD 'secret' " + options)
		t.Cleanup(func() { exec("DROP OWNED BY " + name + "; DROP ROLE " + name) })
		for _, statement := range statements {
			exec(fmt.Sprintf(statement, name))
		}
		u, err := url.Parse(s.url)
		require.NoError(t, err)
		u.User = url.UserPassword(name, "secret")
		s.url = u.String()
		s.env["APP_ROLE"] = name
	}
}

// identifier is the test's alone, as a role and as an application_name: tests
// share a server.
func identifier(t *testing.T) string {
	t.Helper()
	name := strings.TrimPrefix(strings.ToLower(t.Name()), "testtroublesofapplications")
	name = "troubled" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), 60)]
}

func selectedByRole(t *testing.T, s *situation) {
	role("")(t, s)
	s.env["DB_APPLICATION_NAME"] = "" // not set
}

func behindPgBouncer(size int) func(*testing.T, *situation) {
	return func(t *testing.T, s *situation) {
		s.url = pgbouncertest.Start(t, s.url, size)
		console, err := url.Parse(s.url)
		require.NoError(t, err)
		console.User, console.Path = url.User("console"), "/pgbouncer"
		s.env["PGBOUNCER_URL"] = console.String()
	}
}

func ownServer(t *testing.T, s *situation) {
	s.server = pgtest.Server(t, embedded.Config{})
	s.url, s.watch = s.server.URL(), s.server.URL()
}

func restartSoon(t *testing.T, s *situation) {
	done := make(chan error, 1)
	go func() {
		for range 600 { // until there is load
			if conn, err := pgx.Connect(context.Background(), s.watch); err == nil {
				var n int
				err = conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'troubled%'").Scan(&n)
				_ = conn.Close(context.Background()) // it was only asked
				if err == nil && n > 2 {
					break
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		done <- s.server.Restart(context.Background(), "fast")
	}()
	t.Cleanup(func() { require.NoError(t, <-done) })
}

// blockBehindAReader lets migrations wait for a reader, and the application for
// the migrations.
func blockBehindAReader(t *testing.T, s *situation) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := pgtest.Conn(t, s.watch).Exec(ctx, "SET application_name = 'reporting'; BEGIN; SELECT * FROM items, projects")
	require.NoError(t, err)
	var wait sync.WaitGroup
	for _, table := range []string{"items", "projects"} {
		migration := pgtest.Conn(t, s.watch)
		wait.Go(func() {
			_, _ = migration.Exec(ctx, "SET application_name = 'migration'; BEGIN; LOCK TABLE "+table) // ends by being cancelled
		})
	}
	t.Cleanup(func() { cancel(); wait.Wait() })
}
