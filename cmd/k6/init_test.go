//go:build unix

package main_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// initialized is a directory with what `k6 x pgxpool init` wrote, and nothing of the repository.
func initialized(t *testing.T) string {
	t.Helper()
	r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"x", "pgxpool", "init", "load"}})
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stdout, "k6 run load/scripts/100users.js")
	return filepath.Join(r.Dir, "load")
}

func TestInitWritesWhatTheRepositoryHas(t *testing.T) {
	t.Parallel()
	dir, root := initialized(t), k6test.Root(t)
	for _, below := range []string{"scripts", "thresholds"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, below), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(root, path)
			require.NoError(t, err)
			written, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Equal(t, projectFile(t, name), string(written), name)
			return nil
		}))
	}
	for _, name := range []string{"index.d.ts", "jsconfig.json", ".env.example", ".dashboard.json"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	workflow, err := os.ReadFile(filepath.Join(dir, ".github", "workflows", "nightly.yml"))
	require.NoError(t, err)
	require.NotContains(t, string(workflow), "xk6-pgxpool=.", "the clone is not there")
	require.Contains(t, string(workflow), "--with github.com/flowboard/xk6-pgxpool@")
}

func TestInitsScriptsRun(t *testing.T) {
	t.Parallel()
	dir := initialized(t)
	scripts, err := filepath.Glob(filepath.Join(dir, "scripts", "*.js"))
	require.NoError(t, err)
	require.Greater(t, len(scripts), 10)
	for _, script := range scripts {
		r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"inspect", script}, Dir: dir})
		require.Zero(t, r.Code, r.Output())
	}
	// What .env.example says is understood as .env.
	example, err := os.ReadFile(filepath.Join(dir, ".env.example"))
	require.NoError(t, err)
	env := strings.Replace(string(example), "#DATABASE_URL=postgresql+asyncpg://user:password@host/database", "DATABASE_URL="+pgtest.Database(t), 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(env), 0o600))
	for _, args := range [][]string{
		{"--vus", "20", "--duration", "5s", "-e", "WAIVE=" + k6test.Noisy + ",active_connections", "scripts/own.js"},
		{"-e", "CONCURRENT=5", "-e", "DURATION=3", "-e", "THINK=0.1", "-e", "HOLD=0",
			"-e", "WAIVE=" + k6test.Noisy, "scripts/100users.js"},
	} {
		r := k6test.K6(t, k6test.Run{Plain: true, Args: append([]string{"run"}, args...), Dir: dir})
		require.Zero(t, r.Code, r.Output())
		require.Contains(t, r.File(t, "results/summary.json"), `"verdict": "PASS"`)
	}
	r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", "--duration", "2s", "scripts/own.js"}, Dir: dir,
		Env: map[string]string{"DATABASE_URL": "postgres://user@127.0.0.1:1/none"}})
	require.Equal(t, 107, r.Code, r.Output())
}

// An editor finds k6 and the extension, and no fault in what was written.
func TestInitsScriptsAreTyped(t *testing.T) {
	t.Parallel()
	modules := filepath.Join(k6test.Root(t), "internal", "typecheck", "node_modules")
	if _, err := os.Stat(modules); err != nil {
		require.Empty(t, os.Getenv("CI"), "npm ci must run in CI: %v", err)
		t.Skip("npm --prefix internal/typecheck ci was not run")
	}
	dir := initialized(t)
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	check := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), "node", filepath.Join(modules, "typescript", "bin", "tsc"), "--project", "jsconfig.json")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := check()
	require.NoError(t, err, out)
	wrong := filepath.Join(dir, "scripts", "wrong.js")
	require.NoError(t, os.WriteFile(wrong, []byte("import { Pool } from 'k6/x/pgxpool';\nnew Pool({ poolSiz: 3 });\n"), 0o600))
	out, err = check()
	require.Error(t, err)
	require.Contains(t, out, "'poolSiz' does not exist in type 'Options'")
}
