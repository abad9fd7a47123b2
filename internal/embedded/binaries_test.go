package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestAWrongFolderIsNamed(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PG_BIN", empty)
	_, err := embedded.Start(t.Context(), embedded.Config{})
	require.ErrorContains(t, err, "is not a folder with PostgreSQL's initdb and postgres")
	require.Contains(t, err.Error(), `PG_BIN="`+empty+`"`)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAFolderOfOtherProgramsIsRefused(t *testing.T) {
	for name, script := range map[string]string{
		"fails":   "#!/bin/sh\nexit 3\n",
		"strange": "#!/bin/sh\necho something else\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			for _, program := range []string{"initdb", "postgres"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755))
			}
			t.Setenv("PG_BIN", dir)
			_, err := embedded.Start(t.Context(), embedded.Config{})
			require.ErrorContains(t, err, "is not a folder with PostgreSQL's initdb and postgres")
			require.Contains(t, err.Error(), "postgres --version")
		})
	}
}

// The account that root drops to cannot use a folder that only root can enter.
func TestAFolderOutOfReachIsRefused(t *testing.T) {
	dir := t.TempDir() // within a private one
	for _, program := range []string{"initdb", "postgres"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\necho 15.1\n"), 0o755))
	}
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(filepath.Join(dir, "postgres"), 0))
	}
	t.Setenv("PG_BIN", dir)
	_, err := embedded.Start(t.Context(), embedded.Config{})
	require.ErrorContains(t, err, "is not a folder with PostgreSQL's initdb and postgres")
	require.ErrorIs(t, err, os.ErrPermission)
}

func TestTheGivenFolderIsUsed(t *testing.T) {
	found := pgtest.Server(t, embedded.Config{}).BinDir()
	t.Setenv("PG_BIN", found)
	server, err := embedded.StartLooking(t.Context(), embedded.Config{}) // finds nothing by itself
	require.NoError(t, err)
	require.Equal(t, found, server.BinDir())
	require.NoError(t, server.Stop())
}

func TestAnIncompletePlaceIsSkipped(t *testing.T) {
	good := pgtest.Server(t, embedded.Config{}).BinDir()
	server, err := embedded.StartLooking(t.Context(), embedded.Config{}, t.TempDir(), "/nonexistent", good)
	require.NoError(t, err)
	require.Equal(t, good, server.BinDir())
	require.NoError(t, server.Stop())
}

func TestTheNewestVersionComesFirst(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"9.6", "14", "18", "15"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, version, "bin"), 0o755))
	}
	var order []string
	for _, dir := range embedded.NewestFirst(root + "/*/bin") {
		order = append(order, filepath.Base(filepath.Dir(dir)))
	}
	require.Equal(t, []string{"18", "15", "14", "9.6"}, order)
}

// Relative folders are relative to the user's directory, not to the server's.
func TestRelativeFoldersAreTheUsers(t *testing.T) {
	found := pgtest.Server(t, embedded.Config{}).BinDir()
	dir := openDir(t)
	require.NoError(t, os.Symlink(found, filepath.Join(dir, "programs")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "temp"), 0o700))
	require.NoError(t, os.Chmod(filepath.Join(dir, "temp"), 0o777|os.ModeSticky))
	t.Chdir(dir)
	t.Setenv("PG_BIN", "programs")
	t.Setenv("TMPDIR", "temp")
	server, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "programs"), server.BinDir())
	require.Equal(t, filepath.Join(dir, "temp"), filepath.Dir(server.Dir()))
	require.NoError(t, server.Stop())
	requireEmpty(t, filepath.Join(dir, "temp"))
}
