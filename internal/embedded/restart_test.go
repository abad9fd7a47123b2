//go:build unix

package embedded_test

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestRestart(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	url, pid := server.URL(), server.Pid()
	conn := pgtest.Conn(t, url)
	_, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 42 AS answer")
	require.NoError(t, err)

	for _, mode := range []string{"fast", "immediate"} {
		require.NoError(t, server.Restart(t.Context(), mode), mode)
		require.NotEqual(t, pid, server.Pid())
		pid = server.Pid()
		require.Error(t, conn.Ping(t.Context()), "a restart ends the sessions")
		conn = pgtest.Conn(t, url)
		require.Equal(t, "42", scalar(t, conn, "SELECT answer::text FROM kept"), mode)
	}
}

func TestRestartRevivesAKilledServer(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	conn := pgtest.Conn(t, server.URL())
	require.NoError(t, syscall.Kill(server.Pid(), syscall.SIGKILL))
	require.NoError(t, server.Restart(t.Context(), "fast"))
	require.Error(t, conn.Ping(t.Context()))
	require.NoError(t, pgtest.Conn(t, server.URL()).Ping(t.Context()))
}

func TestRestartRefusals(t *testing.T) {
	dir := openDir(t)
	server, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	require.ErrorContains(t, server.Restart(t.Context(), "smart"), `restart mode is "smart"; accepted: "fast", "immediate"`)
	require.NoError(t, pgtest.Conn(t, server.URL()).Ping(t.Context()))
	require.NoError(t, server.Stop())
	require.EqualError(t, server.Restart(t.Context(), "fast"), "the temporary PostgreSQL is stopped")
	requireEmpty(t, dir)
}

func TestAFailedRestartCanBeStopped(t *testing.T) {
	dir := openDir(t)
	server, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	_, err = pgtest.Conn(t, server.URL()).Exec(t.Context(), "ALTER SYSTEM SET shared_preload_libraries = 'missing'")
	require.NoError(t, err)
	require.ErrorContains(t, server.Restart(t.Context(), "fast"), `could not access file "missing"`)
	require.NoError(t, server.Stop())
	requireEmpty(t, dir)
}

func TestStopEndsASuspendedServer(t *testing.T) {
	dir := openDir(t)
	server, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(server.Pid(), syscall.SIGSTOP))
	require.NoError(t, server.Stop())
	requireEmpty(t, dir)
}

func TestStopAfterTheServerWasKilled(t *testing.T) {
	dir := openDir(t)
	server, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	pid := strconv.Itoa(server.Pid())
	require.Contains(t, sharedMemoryCreators(t), pid)
	require.NoError(t, syscall.Kill(server.Pid(), syscall.SIGKILL))
	require.NoError(t, server.Stop())
	requireEmpty(t, dir)
	require.NotContains(t, sharedMemoryCreators(t), pid)
}

// sharedMemoryCreators are the numbers that ipcs shows, among them the process ids of the segments' creators.
func sharedMemoryCreators(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("ipcs", "-m", "-p").Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}
