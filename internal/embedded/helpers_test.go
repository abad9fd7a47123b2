package embedded_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

const (
	patience = 30 * time.Second // for what comes within moments on a machine with nothing else to do
	glance   = 20 * time.Millisecond
)

// openDir is a directory that any account can work in, made the temporary one for this test.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(pgtest.Temp(), "embedded-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	t.Setenv("TMPDIR", dir)
	return dir
}

// processes returns the command lines of this machine's processes that mention the text.
func processes(t *testing.T, text string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-ww", "-o", "args=").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// requireEmpty makes sure that nothing was left in a directory, nor a process that uses it.
func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.Empty(t, processes(t, dir))
}

// scalar asks the server for one value as text.
func scalar(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	var value string
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&value))
	return value
}

// awaitFile returns when something matches the pattern, or with the context.
func awaitFile(ctx context.Context, pattern string) {
	for ctx.Err() == nil {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
