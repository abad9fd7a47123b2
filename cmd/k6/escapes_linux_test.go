package main_test

import (
	"context"
	neturl "net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// What a role is called and what a server says reaches the terminal, the log and
// the results without what a terminal would obey.
func TestNamesAndErrorsOfAServerAreCleaned(t *testing.T) {
	t.Parallel()
	const role = "evil\x1b[2J\u009b31m\arole"
	url := pgtest.Database(t)
	conn := pgtest.Conn(t, url)
	name := pgx.Identifier{role}.Sanitize()
	_, err := conn.Exec(t.Context(), `CREATE ROLE `+name+` LOGIN SUPERUSER PASSWORD 'word'`)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.Background() // the test's is over
		after, err := pgx.Connect(ctx, url)
		require.NoError(t, err)
		_, err = after.Exec(ctx, `DROP OWNED BY `+name+`; DROP ROLE `+name)
		require.NoError(t, err)
		require.NoError(t, after.Close(ctx))
	})
	as := func(password string) string {
		u, err := neturl.Parse(url)
		require.NoError(t, err)
		u.User = neturl.UserPassword(role, password)
		return u.String()
	}
	clean := func(r k6test.Result, says ...string) {
		for _, text := range says {
			require.Contains(t, r.Output(), text)
		}
		require.NotRegexp(t, "[\x1b\a\u009b]", r.Output())
	}
	dir := t.TempDir()
	env := map[string]string{"DATABASE_URL": as("word"), "DB_APPLICATION_NAME": "appname"}
	script := k6test.Script(t, `
		import pgxpool from 'k6/x/pgxpool'
		const pool = pgxpool.open(__ENV.DATABASE_URL, { poolSize: 1 })
		export default function () {
			pool.query("DO $$ BEGIN RAISE EXCEPTION E'said \\x1b[2J\\x07 loud'; END $$")
		}`)
	clean(k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", "--quiet", script}, Env: env, Dir: dir}), "said", "loud")
	clean(k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"x", "pgxpool", "monitor", "--interval=0.5", "--duration=1"}, Env: env, Dir: dir,
	}), "Pool Status")
	clean(k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"x", "pgxpool", "monitor", "--url=" + as("wrong"), "--application-name=app", "--duration=1"}, Dir: dir,
	}), "evil", "role")
	verdict := shortRun(t, dir, map[string]string{"DATABASE_URL": as("word")})
	clean(verdict, "PASS limit")
	require.NotRegexp(t, "[\x1b\a\u009b]", verdict.File(t, "results/summary.md"))
	env["DB_APPLICATION_NAME"] = "app\x1b[2Jname"
	clean(k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", "--quiet", script}, Env: env, Dir: dir}), "applicationName", "is not accepted")
	clean(k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"x", "pgxpool", "monitor", "--duration=1"}, Env: env, Dir: dir,
	}), "app", "name")
}
