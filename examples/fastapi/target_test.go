//go:build unix

package fastapi_test

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// TestWhatWasNotSeenIsNoPass loads an application that is well, and watches it
// in ways that show nothing.
func TestWhatWasNotSeenIsNoPass(t *testing.T) {
	url := pgtest.Database(t)
	app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url})
	for _, test := range []struct{ name, url, application, why string }{
		{
			"another name", url, "flowbord",
			`no session of "flowbord" was seen (DB_APPLICATION_NAME); names with sessions: flowboard (`,
		},
		{
			"a role that may not look", asBlindRole(t, url), "flowboard",
			`the role of DATABASE_URL may not see what the sessions of "flowboard" do; GRANT pg_read_all_stats to it`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeEnvFile(t, dir, "DATABASE_URL="+test.url+"\nDB_POOL_USE_LIFO=sometimes # the application's own affair\n")
			result := runUsers(t, dir, map[string]string{"BASE_URL": app.BaseURL, "DB_APPLICATION_NAME": test.application})

			require.Equal(t, 99, result.Code, result.Output())
			summary, err := verdict.ParseSummary([]byte(result.File(t, "results/summary.json")))
			require.NoError(t, err)
			require.Equal(t, verdict.Fail, summary.Verdict)
			l := loaded{summary: summary}
			require.Equal(t, verdict.Pass, row(t, l, "success_rate").Verdict, result.Output())
			for _, name := range []string{"active_connections", "overflow_time"} {
				require.Equal(t, verdict.Fail, row(t, l, name).Verdict, name)
				require.Contains(t, row(t, l, name).Reason, "no data: "+test.why, name)
			}
		})
	}
}

// asBlindRole is the URL with a role of its own that may connect, and no more.
func asBlindRole(t *testing.T, url string) string {
	t.Helper()
	admin := pgtest.Conn(t, url)
	_, err := admin.Exec(t.Context(), "CREATE ROLE blind LOGIN PASSWORD 'sesame'")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(context.Background(), "DROP ROLE blind")
		require.NoError(t, err)
	})
	_, address, found := strings.Cut(url, "@")
	require.True(t, found)
	return "postgres://blind:sesame@" + address
}

// TestImpossibleTargetsEndBeforeTheRun holds each to one line that names the
// setting and keeps its password.
func TestImpossibleTargetsEndBeforeTheRun(t *testing.T) {
	const app, database = "http://127.0.0.1:1", "postgres://flow:sesame@127.0.0.1:1/flowboard"
	for _, test := range []struct {
		env  map[string]string
		says string
	}{
		{
			map[string]string{"BASE_URL": "flow:sesame@127.0.0.1:8000"},
			"BASE_URL is not the URL of an application; use http://HOST:PORT or https://HOST:PORT",
		},
		{
			map[string]string{"BASE_URL": app, "DATABASE_URL": database},
			"applicationName: it is not set",
		},
		{
			map[string]string{"BASE_URL": app, "DATABASE_URL": database, "DB_APPLICATION_NAME": "xk6-pgxpool-monitor"},
			"is the monitor's own",
		},
		{
			map[string]string{
				"BASE_URL": app, "DATABASE_URL": database, "DB_APPLICATION_NAME": "flowboard",
				"APP_URL": "flow:sesame@127.0.0.1:8000",
			},
			"APP_URL",
		},
		{
			map[string]string{"BASE_URL": app, "DATABASE_URL": database, "DB_APPLICATION_NAME": "flowboard"},
			"cannot connect to the application's database",
		},
	} {
		result := runUsers(t, t.TempDir(), test.env)
		require.NotZero(t, result.Code, test.says)
		require.Contains(t, result.Stderr, test.says)
		require.NotContains(t, result.Output(), "sesame")
	}
}

// runUsers is a short run of a few users.
func runUsers(t *testing.T, dir string, env map[string]string) k6test.Result {
	t.Helper()
	env = maps.Clone(env)
	maps.Copy(env, map[string]string{"CONCURRENT": "2", "DURATION": "2", "THINK": "0.1"})
	return k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "--quiet", filepath.Join(k6test.Root(t), "scripts", "100users.js")},
		Env:  env, Dir: dir,
	})
}
