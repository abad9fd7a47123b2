//go:build unix

package pool_test

import (
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// chownLike gives a file to the owner of another one: where root runs the
// tests, the server is somebody else.
func chownLike(t *testing.T, path string, model fs.FileInfo) {
	t.Helper()
	owner := model.Sys().(*syscall.Stat_t)
	require.NoError(t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
}
