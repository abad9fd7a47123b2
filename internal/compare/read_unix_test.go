//go:build unix

package compare

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A pipe that nobody writes to would be read for ever.
func TestHistoryWithAPipe(t *testing.T) {
	dir := t.TempDir()
	old, err := os.ReadFile(schema1)
	require.NoError(t, err)
	write(t, dir, "summary.json", string(old))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600))
	runs, notes, err := ReadHistory(dir)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.Empty(t, notes)
}
