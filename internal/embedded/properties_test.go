package embedded_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

const (
	places  = 4 // of the pool in these tests
	ciToken = "a-token-of-the-ci"
)

// TestProperties looks at one server from all sides, as each start takes a second.
func TestProperties(t *testing.T) {
	t.Setenv("PGDATA", "/nonexistent")
	t.Setenv("PGCLIENTENCODING", "LATIN1")
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	t.Setenv("CI_JOB_TOKEN", ciToken)
	server := pgtest.Server(t, embedded.Config{
		MaxConnections: places,
		Settings:       map[string]string{"cluster_name": "it's #1", "fsync": "on"},
	})
	conn := pgtest.Conn(t, server.URL())
	for name, test := range map[string]func(*testing.T, *embedded.Server, *pgx.Conn){
		"only loopback is listened on":      testLoopback,
		"the password is needed":            testPasswordNeeded,
		"the password is shown nowhere":     testPasswordHidden,
		"the directory is private":          testPrivateDirectory,
		"the pool gets its connections":     testMaxConnections,
		"settings are taken literally":      testSettings,
		"the environment is not the user's": testEnvironment,
		"no secret of the user is in it":    testEnvironmentHidden,
	} {
		t.Run(name, func(t *testing.T) { test(t, server, conn) })
	}
}

func testLoopback(t *testing.T, server *embedded.Server, conn *pgx.Conn) {
	require.Equal(t, "127.0.0.1", scalar(t, conn, "SHOW listen_addresses"))
	require.Empty(t, scalar(t, conn, "SHOW unix_socket_directories"))
	for _, other := range []string{"127.0.0.2", "::1"} {
		_, err := net.Dial("tcp", net.JoinHostPort(other, portOf(t, server)))
		require.Error(t, err, "%s would be reached by a server that listens on every address", other)
	}
}

func testPasswordNeeded(t *testing.T, server *embedded.Server, conn *pgx.Conn) {
	_, err := pgx.Connect(t.Context(), as(t, server, "postgres", "wrong"))
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "28P01", refused.Code)

	require.Equal(t, "{scram-sha-256}", scalar(t, conn, "SELECT array_agg(DISTINCT auth_method)::text FROM pg_hba_file_rules"))
	require.Equal(t, "SCRAM", scalar(t, conn, "SELECT left(rolpassword, 5) FROM pg_authid WHERE rolname = current_user"))
}

func testPasswordHidden(t *testing.T, server *embedded.Server, _ *pgx.Conn) {
	password := server.Password()
	require.Contains(t, server.URL(), password)
	require.GreaterOrEqual(t, len(password), 26, "128 bits in base32")
	require.Empty(t, processes(t, password))
	log, err := os.ReadFile(filepath.Join(server.Dir(), "log"))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", server, server, server, log), password)
	require.NoFileExists(t, server.Dir()+"/password")
}

func testPrivateDirectory(t *testing.T, server *embedded.Server, _ *pgx.Conn) {
	for _, dir := range []string{server.Dir(), server.DataDir()} {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), dir)
	}
}

// testMaxConnections fills the pool's places with an ordinary role, which gets none of the superuser's.
func testMaxConnections(t *testing.T, server *embedded.Server, conn *pgx.Conn) {
	const reserved = 3
	require.Equal(t, strconv.Itoa(reserved), scalar(t, conn, "SHOW superuser_reserved_connections"))
	limit, err := strconv.Atoi(scalar(t, conn, "SHOW max_connections"))
	require.NoError(t, err)
	require.Greater(t, limit, places+reserved, "there is room for a monitor")

	_, err = conn.Exec(t.Context(), "CREATE ROLE plain LOGIN PASSWORD 'plain'")
	require.NoError(t, err)
	for range places {
		pgtest.Conn(t, as(t, server, "plain", "plain"))
	}
}

func testSettings(t *testing.T, _ *embedded.Server, conn *pgx.Conn) {
	require.Equal(t, "it's #1", scalar(t, conn, "SHOW cluster_name"))
	require.Equal(t, "on", scalar(t, conn, "SHOW fsync"), "the caller's word is the last one")
	require.Equal(t, "off", scalar(t, conn, "SHOW synchronous_commit"))
}

func testEnvironment(t *testing.T, _ *embedded.Server, conn *pgx.Conn) {
	require.Equal(t, "UTF8", scalar(t, conn, "SELECT reset_val FROM pg_settings WHERE name = 'client_encoding'"))
	require.Equal(t, "UTC", scalar(t, conn, "SHOW log_timezone"))
	require.Equal(t, "C", scalar(t, conn, "SHOW lc_messages"))
}

// testEnvironmentHidden reads what other programs of the server's account can read: the environment of the postmaster,
// its children and the watchdog.
func testEnvironmentHidden(t *testing.T, server *embedded.Server, _ *pgx.Conn) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	postmaster := strconv.Itoa(server.Pid())
	out, err := exec.Command("ps", "-A", "-ww", "-o", "pid=,ppid=,args=").Output()
	require.NoError(t, err)
	var read []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if fields[1] != postmaster && !strings.Contains(line, server.Dir()) {
			continue
		}
		environment, err := os.ReadFile("/proc/" + fields[0] + "/environ")
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // a child that has ended
		}
		require.NoError(t, err)
		for _, hidden := range []string{ciToken, "HOME="} { // the message must not show the environment either
			shown := strings.Contains(string(environment), hidden)
			require.False(t, shown, "%s is in the environment of %s", hidden, line)
		}
		read = append(read, fields[0])
	}
	require.Contains(t, read, postmaster)
	require.Greater(t, len(read), 3, "the watchdog, the postmaster and its children")
}

func portOf(t *testing.T, server *embedded.Server) string {
	t.Helper()
	u, err := url.Parse(server.URL())
	require.NoError(t, err)
	return u.Port()
}

// as is the server's URL for another login.
func as(t *testing.T, server *embedded.Server, role, password string) string {
	t.Helper()
	u, err := url.Parse(server.URL())
	require.NoError(t, err)
	u.User = url.UserPassword(role, password)
	return u.String()
}
