package module

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib/fsext"
)

// On a machine a file is where its path says: one that is elsewhere under the same name is another file.
func TestWorkloadFilesAreNotLookedForOnDisks(t *testing.T) {
	root := t.TempDir()
	elsewhere := filepath.Join(root, "missing", "list.sql")
	require.NoError(t, os.MkdirAll(filepath.Dir(elsewhere), 0o700))
	require.NoError(t, os.WriteFile(elsewhere, []byte("SELECT 1;"), 0o600))
	// k6 reads a machine's disks through a cache; these have one directory.
	disks := fsext.NewCacheOnReadFs(fsext.NewChangePathFs(fsext.NewOsFs(), func(name string) (string, error) {
		return filepath.Join(root, name), nil
	}), fsext.NewMemMapFs(), 0)

	_, err := readFrom(disks, "/", "missing")
	require.EqualError(t, err, "missing: is a directory")
	content, err := readFrom(disks, "/missing", "list.sql")
	require.NoError(t, err)
	require.Equal(t, "SELECT 1;", string(content))
	_, err = readFrom(disks, "/work", "missing/list.sql")
	require.EqualError(t, err, "missing/list.sql: there is no such file in the working directory")
	_, err = readFrom(disks, "/work", "/list.sql")
	require.EqualError(t, err, "/list.sql: there is no such file on this machine")
}

func TestWorkloadFilesOfAnArchiveAreKnownByTheirEnd(t *testing.T) {
	archive := fsext.NewMemMapFs()
	for name, text := range map[string]string{
		"/there/a/list.sql": "a", "/there/list.sql": "of the directory", "/there/b/a/list.sql": "b", "/up.sql": "above",
		"/home/nobody/own.sql": "own",
	} {
		require.NoError(t, fsext.WriteFile(archive, name, []byte(text), 0o600))
	}
	for path, want := range map[string]string{
		"list.sql": "of the directory", "./list.sql": "of the directory", "a/list.sql": "a", "b/a/list.sql": "b", "../up.sql": "above",
		"/there/list.sql": "of the directory", "/home/somebody/own.sql": "own",
	} {
		content, err := readFrom(archive, "/here/there", path)
		require.NoError(t, err, path)
		require.Equal(t, want, string(content), path)
	}
	_, err := readFrom(archive, "/here", "other.sql")
	require.Error(t, err)
}
