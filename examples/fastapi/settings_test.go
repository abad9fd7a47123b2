package fastapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func testEnvFile(t *testing.T, url string) {
	dir := t.TempDir()
	writeEnvFile(t, dir, `# Connection pool settings (E1.6)
DB_POOL_SIZE=1
DB_MAX_OVERFLOW = 0      # none
export DB_POOL_TIMEOUT="0.5"
DB_POOL_RECYCLE='3600'
DB_POOL_PRE_PING=true
DB_APPLICATION_NAME=

DATABASE_URL=`+url+`
`)
	app := flowboardtest.Start(t, flowboardtest.Config{Dir: dir})
	answers := hold(t, app, 2, "/api/issues?hold=5")()
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusServiceUnavailable: 1}, statuses(answers))
	for _, a := range answers {
		if a.status == http.StatusServiceUnavailable {
			require.Equal(t, "no database connection became free within 0.5 s (pool size 1, max overflow 0)",
				decode(t, a.body)["detail"])
		}
	}
	awaitSessions(t, pgtest.Conn(t, url), 1, "application_name = 'flowboard'") // its empty value counts as not set
}

func testEnvironmentWins(t *testing.T, url string) {
	dir := t.TempDir()
	writeEnvFile(t, dir, "DB_POOL_SIZE=1\nDATABASE_URL=postgres://127.0.0.1:1/nobody-listens\n")
	app := flowboardtest.Start(t, flowboardtest.Config{Dir: dir, DatabaseURL: url, PoolSize: 7})
	require.Equal(t, 7, app.Levels(t).Size)
}

func writeEnvFile(t *testing.T, dir, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600))
}

func testDatabaseURL(t *testing.T, url string) {
	_, rest, found := strings.Cut(url, "://")
	require.True(t, found)
	for _, scheme := range []string{"postgres", "postgresql", "postgresql+asyncpg"} {
		app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: scheme + "://" + rest})
		require.Equal(t, 20_000, list(t, app, "limit=1").Total, scheme)
	}
}

// testImpossibleSettings also holds them to silence about the password.
func testImpossibleSettings(t *testing.T, _ string) {
	flowboardtest.RequirePackages(t)
	const url = "postgres://flow:sesame@127.0.0.1/flowboard"
	for setting, want := range map[string]string{
		"DATABASE_URL=": "DATABASE_URL is not set; set it to a postgres://, postgresql:// or postgresql+asyncpg:// URL",
		"DATABASE_URL=mysql://flow:sesame@127.0.0.1/flowboard": "DATABASE_URL does not begin with postgres://, postgresql:// or postgresql+asyncpg://",
		"DATABASE_URL=postgres://flow:sesame/x@127.0.0.1/x": "DATABASE_URL is not a URL; " +
			"write special characters of its password as %40, %2F and so on",
		"DB_POOL_SIZE=0":       "DB_POOL_SIZE='0' is not accepted; use an integer of at least 1",
		"DB_POOL_SIZE=abc":     "DB_POOL_SIZE='abc' is not accepted; use an integer of at least 1",
		"DB_MAX_OVERFLOW=-1":   "DB_MAX_OVERFLOW='-1' is not accepted; use an integer of at least 0",
		"DB_POOL_TIMEOUT=30s":  "DB_POOL_TIMEOUT='30s' is not accepted; use a number of seconds",
		"DB_POOL_RECYCLE=-2":   "DB_POOL_RECYCLE='-2' is not accepted; use an integer of at least -1",
		"DB_POOL_PRE_PING=yep": "DB_POOL_PRE_PING='yep' is not accepted; use true or false",
		"HOLD=61":              "HOLD='61' is not accepted; use a number of seconds, at most 60",
	} {
		_, err := flowboardtest.Launch(flowboardtest.Config{DatabaseURL: url, Dir: t.TempDir(), Env: []string{setting}})
		require.Error(t, err, setting)
		require.Contains(t, err.Error(), "\nflowboard: "+want+"\n", setting)
		require.NotContains(t, err.Error(), "Traceback", setting)
		require.NotContains(t, err.Error(), "sesame", setting)
	}
}
