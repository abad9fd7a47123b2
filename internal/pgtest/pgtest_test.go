package pgtest_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// leakVariable makes TestMain's process leave a goroutine behind.
const leakVariable = "PGTEST_LEAK"

func TestMain(m *testing.M) {
	if os.Getenv(leakVariable) != "" {
		go func() { select {} }()
	}
	pgtest.Main(m)
}

func TestURLIsTheSameServerForAll(t *testing.T) {
	t.Setenv("TEST_DATABASE_URL", "")
	first := pgtest.URL(t)
	require.Equal(t, first, pgtest.URL(t))
	var limit int
	err := pgtest.Conn(t, pgtest.URL(t)).QueryRow(t.Context(), "SELECT current_setting('max_connections')::int").Scan(&limit)
	require.NoError(t, err)
	require.GreaterOrEqual(t, limit, 300)
}

func TestDatabaseIsEmptyAndGoesWithItsTest(t *testing.T) {
	var database string
	t.Run("user", func(t *testing.T) {
		database = pgtest.Database(t)
		require.NotEqual(t, database, pgtest.Database(t))
		conn := pgtest.Conn(t, database)
		_, err := conn.Exec(t.Context(), "CREATE TABLE mine ()")
		require.NoError(t, err)
		_, err = pgx.Connect(context.Background(), database) // never closed
		require.NoError(t, err)
	})
	u, err := url.Parse(database)
	require.NoError(t, err)
	var count int
	err = pgtest.Conn(t, pgtest.URL(t)).QueryRow(t.Context(),
		"SELECT count(*) FROM pg_database WHERE datname = $1", filepath.Base(u.Path)).Scan(&count)
	require.NoError(t, err)
	require.Zero(t, count)
}

func TestAnotherServerCanBeNamed(t *testing.T) {
	other := pgtest.Server(t, embedded.Config{})
	t.Setenv("TEST_DATABASE_URL", other.URL())
	require.Equal(t, other.URL(), pgtest.URL(t))
	var dir string
	err := pgtest.Conn(t, pgtest.Database(t)).QueryRow(t.Context(), "SHOW data_directory").Scan(&dir)
	require.NoError(t, err)
	require.Equal(t, other.DataDir(), dir)
	if os.TempDir() == pgtest.Temp() { // TMPDIR was not set for the tests
		require.Equal(t, pgtest.Temp(), filepath.Dir(filepath.Dir(dir)))
	}
}

func TestBackendsCountsOneApplication(t *testing.T) {
	database := pgtest.Database(t)
	config, err := pgx.ParseConfig(database)
	require.NoError(t, err)
	config.RuntimeParams["application_name"] = t.Name()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	pgtest.Conn(t, database)

	require.Equal(t, 1, pgtest.Backends(t, database, t.Name()))
	require.NoError(t, conn.Close(t.Context()))
	require.Eventually(t, func() bool { return pgtest.Backends(t, database, t.Name()) == 0 }, 30*time.Second, 20*time.Millisecond)
}

func TestQuickLoginsKeepThePassword(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	pgtest.QuickLogins(t, server.URL())
	require.Regexp(t, `^SCRAM-SHA-256\$1:`, keptPassword(t, server.URL()))
	u, err := url.Parse(server.URL())
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), "wrong")
	_, err = pgx.Connect(t.Context(), u.String())
	require.ErrorContains(t, err, "28P01")
}

func TestQuickLoginsLeaveANamedServerAlone(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	before := keptPassword(t, server.URL())
	t.Setenv("TEST_DATABASE_URL", server.URL())
	pgtest.QuickLogins(t, server.URL())
	require.Equal(t, before, keptPassword(t, server.URL()))
}

// keptPassword is what the server keeps of the password of the URL's role.
func keptPassword(t *testing.T, server string) (kept string) {
	t.Helper()
	row := pgtest.Conn(t, server).QueryRow(t.Context(), "SELECT rolpassword FROM pg_authid WHERE rolname = current_user")
	require.NoError(t, row.Scan(&kept))
	return kept
}

func TestALeakFailsTheTests(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for leak, code := range map[string]int{"": 0, "yes": 1} {
		cmd := exec.Command(self, "-test.run=^TestURLIsTheSameServerForAll$")
		cmd.Env = append(os.Environ(), leakVariable+"="+leak)
		out, _ := cmd.CombinedOutput()
		require.Equal(t, code, cmd.ProcessState.ExitCode(), string(out))
		if code != 0 {
			require.Contains(t, string(out), "found unexpected goroutines")
		}
	}
}
