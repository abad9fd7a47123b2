//go:build unix

// Package pgbouncertest puts a real PgBouncer in transaction mode in front of a
// test's PostgreSQL.
package pgbouncertest

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary is where Debian puts it.
const binary = "/usr/sbin/pgbouncer"

// Start gives the database's URL as it is behind PgBouncer, with size server
// connections. PgBouncer is stopped at the test's end. Where it is not
// installed the test is skipped, but not in CI.
func Start(t testing.TB, database string, size int) string {
	t.Helper()
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pgbouncer is not installed: apt-get install pgbouncer")
		}
		t.Skip("pgbouncer is not installed: apt-get install pgbouncer")
	}
	target, err := url.Parse(database)
	require.NoError(t, err)
	port := freePort(t)
	dir, err := os.MkdirTemp("", "pgbouncer-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	config := filepath.Join(dir, "pgbouncer.ini")
	password, _ := target.User.Password()
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `[databases]
* = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
admin_users = console
pool_mode = transaction
default_pool_size = %d
`, target.Hostname(), target.Port(), target.User.Username(), password, port, size), 0o600))

	cmd := exec.Command(binary, config) // #nosec G204 -- a fixed program
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	dropRoot(t, cmd, dir, config)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
		_ = cmd.Wait() // says only that it was killed
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	require.Eventually(t, func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	target.Host = address
	return target.String()
}

// dropRoot lets PgBouncer, which refuses to be root, run as nobody.
func dropRoot(t testing.TB, cmd *exec.Cmd, paths ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.Atoi(nobody.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(nobody.Gid)
	require.NoError(t, err)
	for _, path := range paths {
		require.NoError(t, os.Chown(path, uid, gid))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, // #nosec G115 -- ids of an account
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // only its number was wanted
	return listener.Addr().(*net.TCPAddr).Port
}
