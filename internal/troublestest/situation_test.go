//go:build unix

package troublestest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgbouncertest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// situation is a trouble that goes on.
type situation struct {
	application
	url   string // the application's database
	watch string // the monitor's
	env   map[string]string
	// server is the application's own, nil where it shares the tests'.
	server *embedded.Server
}

// run lets the trouble happen, and tells what is said of it.
func (tr trouble) run(t *testing.T, dir, app, path string) seen {
	tr.size, tr.over = orElse(tr.size, 5), orElse(tr.over, 10)
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
	k6test.PlainBinary(t) // built before time counts
	if tr.before != nil {
		tr.before(t, s)
	}
	return observe(t, s.application, path, orElse(tr.users, 40), orElse(tr.seconds, 6), env)
}

func orElse(value, otherwise int) int {
	if value == 0 {
		return otherwise
	}
	return value
}

// sqlAlchemy is a URL as the applications want it: asyncpg knows no sslmode.
func sqlAlchemy(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Scheme, u.RawQuery = "postgresql+asyncpg", ""
	return u.String()
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

// restartSoon has the server down for so long that each user's requests fail several
// times, of the few that fit in the time.
func restartSoon(t *testing.T, s *situation) {
	const down = 4 * time.Second
	done := make(chan error, 1)
	go func() {
		awaitLoad(s.watch)
		time.Sleep(2 * time.Second)
		if err := syscall.Kill(s.server.Pid(), syscall.SIGINT); err != nil { // a fast shutdown
			done <- err
			return
		}
		time.Sleep(down)
		done <- s.server.Restart(context.Background(), "fast") // starts one that is down, too
	}()
	t.Cleanup(func() { require.NoError(t, <-done) })
}

// awaitLoad returns when applications have opened connections, or after a minute.
func awaitLoad(watch string) {
	for range 600 {
		if conn, err := pgx.Connect(context.Background(), watch); err == nil {
			var n int
			err = conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'troubled%'").Scan(&n)
			_ = conn.Close(context.Background()) // it was only asked
			if err == nil && n > 2 {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// blockBehindAReader lets migrations wait for a reader, and the application for
// the migrations, until the load is over: k6 would wait for its requests.
func blockBehindAReader(t *testing.T, s *situation) {
	ctx, cancel := context.WithCancel(context.Background())
	reader := pgtest.Conn(t, s.watch)
	_, err := reader.Exec(ctx, "SET application_name = 'reporting'; BEGIN; SELECT * FROM items, projects")
	require.NoError(t, err)
	var wait sync.WaitGroup
	for _, table := range []string{"items", "projects"} {
		migration := pgtest.Conn(t, s.watch)
		wait.Go(func() {
			_, _ = migration.Exec(ctx, "SET application_name = 'migration'; BEGIN; LOCK TABLE "+table) // ends by being canceled
		})
	}
	end := time.AfterFunc(12*time.Second, func() {
		cancel()
		_ = reader.Close(context.Background()) // frees the migrations, whose clients have left
	})
	t.Cleanup(func() { end.Stop(); cancel(); wait.Wait() })
}
