package testrun_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fullDisk is a small disk for the temporary server.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "small-disk-") // the server's account cannot work below t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=160m,mode=1777"); err != nil {
		require.Empty(t, os.Getenv("CI"), "a disk must be mounted in CI: %v", err)
		t.Skipf("a full disk takes the right to mount one: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// A server that cannot write its log ends all sessions without a word, and then
// itself: who lost a connection learns why, and so does who opens the next one.
func TestATemporaryServerWithoutDiskSaysSo(t *testing.T) {
	dir := fullDisk(t)
	t.Setenv("TMPDIR", dir)
	u := onTemporaryServer(t)
	t.Cleanup(func() { u.Run.End(false) }) // before the disk goes
	u.JS(`pool.queryRow('SELECT 1')`)
	fill(t, filepath.Join(dir, "ballast"))
	lost := u.JS(`
		const conn = pool.acquire(); // a lost one that rests in the pool would be replaced
		let lost = ''; // by what fills the write-ahead log alone: a table that cannot grow is a QueryError
		for (let i = 0; i < 200 && !lost.startsWith('ConnectionLostError'); i++) {
			try { conn.query("SELECT pg_logical_emit_message(true, 'filling', repeat('x', 1000000))") } catch (e) { lost = told(e) }
		}
		conn.release();
		lost`).String()
	require.Contains(t, lost, "ConnectionLostError: connection lost")
	require.Contains(t, lost, "the disk of the temporary PostgreSQL, "+dir+", is full: make room, or set TMPDIR to a folder on another disk")
	require.NotContains(t, lost, "poolPrePing")
	require.Contains(t, u.JS(`failure(() => { for (let i = 0; i < 3; i++) pool.queryRow('SELECT 1') })`).String(), "is full: make room")
}

// fill leaves a megabyte free.
func fill(t *testing.T, name string) {
	t.Helper()
	var disk syscall.Statfs_t
	require.NoError(t, syscall.Statfs(filepath.Dir(name), &disk))
	left := int64(disk.Bavail)*disk.Bsize - 1<<20 // #nosec G115 -- a small disk
	require.Positive(t, left)
	require.NoError(t, os.WriteFile(name, make([]byte, left), 0o600))
}
