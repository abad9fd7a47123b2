package command

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/cmd/state"
)

func initIn(t *testing.T, dir string, force bool) (output string, err error) {
	t.Helper()
	var stdout bytes.Buffer
	err = runInit(&stdout, repository, dir, force)
	return stdout.String(), err
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(text)
}

func TestInitWritesEachFileInItsPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "load-tests")
	output, err := initIn(t, dir, false)
	require.NoError(t, err)
	require.Contains(t, output, "3 files written to "+dir+", 0 already there.")
	require.Equal(t, "export default () => {};\n", read(t, dir, "scripts/100users.js"))
	require.Equal(t, "DB_POOL_SIZE=20\n", read(t, dir, ".env.example"))
	require.Equal(t, "run: xk6 build --with "+module+"@latest\n", read(t, dir, ".github/workflows/nightly.yml"))

	output, err = initIn(t, dir, false)
	require.NoError(t, err)
	require.Contains(t, output, "0 files written to "+dir+", 3 already there.")
}

func TestInitOverwritesOnlyWhenForced(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env.example"), []byte("mine\n"), 0o600))
	_, err := initIn(t, dir, false)
	require.EqualError(t, err, "nothing was written: 1 file in "+dir+" with another content (.env.example); "+
		"give another directory, or --force to overwrite")
	require.Equal(t, "mine\n", read(t, dir, ".env.example"))
	require.NoDirExists(t, filepath.Join(dir, "scripts"))

	_, err = initIn(t, dir, true)
	require.NoError(t, err)
	require.Equal(t, "DB_POOL_SIZE=20\n", read(t, dir, ".env.example"))
}

func TestInitRefusesWrongUse(t *testing.T) {
	err := newInit(&state.GlobalState{}, repository).Args(nil, []string{"one", "two"})
	require.ErrorContains(t, err, "init takes one directory, got 2: one two")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = initIn(t, file, false)
	require.ErrorContains(t, err, "not a directory")
}
