package command

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/workload"
)

// A known mix becomes files with its weights, of one role alone and without what
// was called before.
func TestRecordWritesTheMixOfARole(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, embedded.Config{Settings: map[string]string{"shared_preload_libraries": "pg_stat_statements"}})
	admin := session(t, server.URL(), "admin", "CREATE EXTENSION pg_stat_statements", "CREATE ROLE app LOGIN PASSWORD 'geheim'",
		"CREATE TABLE issues (id int, title text, added timestamptz DEFAULT now())", "GRANT ALL ON issues TO app")
	app := session(t, asRole(t, server.URL(), "app"), "app")
	do := func(times int, sql string, args ...any) {
		t.Helper()
		for range times {
			_, err := app.Exec(t.Context(), sql, args...)
			require.NoError(t, err)
		}
	}
	const list = "SELECT id FROM issues WHERE title = 'geheim' AND added > now() - interval '3 days' ORDER BY 1 LIMIT 10"
	do(5, list)
	p := prepareCommand(t, "record", []string{"DATABASE_URL=" + server.URL(), "APP_ROLE=app"}, "-o", "mix")
	require.NoError(t, p.Start())
	p.until(t, "progress", func() bool { return strings.Contains(p.stdout.String(), " of 1 min: ") })
	do(80, list)
	do(20, "UPDATE issues SET title = $1 WHERE id = $2", "geheim", 7)
	do(3, "BEGIN")
	do(3, "ROLLBACK")
	do(1, "SET statement_timeout = '77s'")
	do(2, "SELECT count(*) FROM pg_stat_activity")
	_, err := admin.Exec(t.Context(), "SELECT 'of another role'")
	require.NoError(t, err)
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.Zero(t, p.end(t), p.stderr)

	said := p.stdout.String()
	require.Contains(t, said, "100 calls of 2 statements by role app in database postgres in ")
	require.Regexp(t, `Left out: 3 calls of BEGIN, 3 calls of ROLLBACK, 1 call of SET\n`, said)
	require.Contains(t, said, "k6 run -e WORKLOAD=mix/select_issues.sql@4,mix/update_issues.sql@1 scripts/100users.js\n")
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(p.Dir, name))
		require.NoError(t, err)
		require.NotContains(t, string(content)+said+p.stderr.String(), "geheim")
		return string(content)
	}
	update := read("mix/update_issues.sql")
	require.Regexp(t, `^-- recorded from pg_stat_statements: 20 calls in .*, .* ms each\n-- p1: text; .*\n\\set p1 \?\n-- p2: integer\n\\set p2 \?\nUPDATE issues SET title = :p1 WHERE id = :p2;\n$`, update)
	require.Contains(t, read("mix/select_issues.sql"), "added > now() - :p2::interval ORDER BY 1 LIMIT :p3;\n")
	const mix = "mix/select_issues.sql@4,mix/update_issues.sql@1"
	_, err = workload.Load(mix, func(name string) ([]byte, error) { return []byte(read(name)), nil })
	require.EqualError(t, err, `select_issues.sql:3: \set p1 ?: fill in the parameter that was recorded, such as random(1, 1000)`)
	_, err = workload.Load(mix, func(name string) ([]byte, error) { return []byte(strings.ReplaceAll(read(name), " ?\n", " 1\n")), nil })
	require.NoError(t, err)

	again := prepareCommand(t, "record", []string{"DATABASE_URL=" + server.URL()}, "-o", filepath.Join(p.Dir, "mix"))
	require.Equal(t, 104, again.run(t))
	require.Contains(t, again.stderr.String(), `holds \"select_issues.sql\"; give another folder`)
	quiet := prepareCommand(t, "record", []string{"DATABASE_URL=" + asRole(t, server.URL(), "app")}, "--duration=0.1")
	require.Equal(t, 107, quiet.run(t))
	require.Contains(t, quiet.stderr.String(), "role app called no statement that can be replayed in database postgres in 1")
	poor := prepareCommand(t, "record", []string{"DATABASE_URL=" + asRole(t, server.URL(), "app")}, "--role=postgres", "--duration=0.1")
	require.Equal(t, 107, poor.run(t))
	require.Contains(t, poor.stderr.String(), "role app may not see the statements of role postgres: GRANT pg_read_all_stats TO app")
}

// asRole is the URL with another role, whose password is the same in all tests.
func asRole(t *testing.T, server, role string) string {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "geheim")
	return u.String()
}

// Without pg_stat_statements it says how to get it.
func TestRecordSaysHowToGetTheExtension(t *testing.T) {
	database := pgtest.Database(t)
	run := func(code int, says string, args ...string) {
		t.Helper()
		p := prepareCommand(t, "record", []string{"DATABASE_URL=" + database}, append([]string{"--duration=0.1"}, args...)...)
		require.Equal(t, code, p.run(t), p.stderr)
		require.Contains(t, p.stderr.String(), says)
	}
	run(107, "has no pg_stat_statements: CREATE EXTENSION pg_stat_statements there, as a superuser; where it was never used, first set "+
		"shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart it")
	_, err := pgtest.Conn(t, database).Exec(t.Context(), "CREATE EXTENSION pg_stat_statements")
	require.NoError(t, err)
	run(107, "the server has not loaded pg_stat_statements: set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart it")
	run(107, `there is no role \"nobody-there\"; --role takes the one that the application connects as`, "--role=nobody-there")
	run(104, "--duration: ", "--duration=soon")
}
