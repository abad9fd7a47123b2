//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// short makes a scenario last seconds. k6 keeps options and -e in the archive. A
// setting that a scenario does not read is refused.
func short(scenario string) []string {
	switch scenario {
	case "own.js": // reads no setting but k6's own
		return []string{"--vus", "2", "--duration", "2s"}
	case "deploy.js": // two pools, once
		return nil
	}
	args := []string{"-e", "CONCURRENT=2"}
	for setting, scenarios := range map[string]string{
		"DURATION=2": "100users exhaustion failover n-plus-one recycle restart slow-query soak stale-connections",
		"DURATION=1": "before-after capacity tune", // of each step
		"THINK=0.1":  "100users before-after capacity n-plus-one restart slow-query soak tune",
		"INTERVAL=0": "100users soak",
		"ROUNDS=1":   "before-after tune",
		"SETTLE=0.2": "before-after capacity tune", // of 5 s
		"STEPS=2":    "capacity",                   // of up to 400 users
	} {
		if slices.Contains(strings.Fields(scenarios), strings.TrimSuffix(scenario, ".js")) {
			args = append(args, "-e", setting)
		}
	}
	return args
}

// Every scenario's archive runs in another directory, after all that it was
// made from is gone.
func TestArchivesRunElsewhere(t *testing.T) {
	root := k6test.Root(t)
	scenarios, err := filepath.Glob(filepath.Join(root, "scripts", "*.js"))
	require.NoError(t, err)
	require.NotEmpty(t, scenarios)
	for _, path := range scenarios {
		scenario := filepath.Base(path)
		t.Run(strings.TrimSuffix(scenario, ".js"), func(t *testing.T) {
			t.Parallel()
			archive := filepath.Join(t.TempDir(), "archive.tar")
			archiveCopy(t, root, scenario, archive)
			content, err := os.ReadFile(archive)
			require.NoError(t, err)
			requireNoSecret(t, string(content))
			// Each on a temporary PostgreSQL: some scenarios restart it, or kill
			// what is connected.
			r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", archive}})
			if scenario == "abandon.js" { // it runs, and wants an application
				require.Equal(t, exitScriptException, r.Code, r.Output())
				require.Contains(t, r.Output(), "BASE_URL")
				return
			}
			require.Contains(t, []int{0, exitThresholds}, r.Code, r.Output())
			require.NotEmpty(t, summaryOf(t, r).Criteria)
			require.Contains(t, r.File(t, "results/summary.json"), `"pgxpool_acquire_duration"`, "it ran")
		})
	}
}

// archiveCopy archives a scenario from a copy of the sources, which then goes.
// An archive is handed on: the address of the database stays out of it, unless
// it is given with -e.
func archiveCopy(t *testing.T, root, scenario, archive string) {
	t.Helper()
	sources, err := os.MkdirTemp("", "sources-")
	require.NoError(t, err)
	for _, folder := range []string{"scripts", "thresholds"} {
		require.NoError(t, os.CopyFS(filepath.Join(sources, folder), os.DirFS(filepath.Join(root, folder))))
	}
	args := append([]string{"archive", "-O", archive}, short(scenario)...)
	args = append(args, filepath.Join(sources, "scripts", scenario))
	r := k6test.K6(t, k6test.Run{Plain: true, Args: args, Env: map[string]string{
		"DATABASE_URL": asRole(t, "postgres://127.0.0.1/db", "user", secret),
	}})
	require.NoError(t, os.RemoveAll(sources))
	require.Zero(t, r.Code, r.Output())
}

// What is given with -e when the archive is made holds when it runs, and k6's
// own flags win over it.
func TestAnArchiveKeepsItsSettings(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "archive.tar")
	archiveCopy(t, k6test.Root(t), "100users.js", archive)
	r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"inspect", "--execution-requirements", archive}})
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stdout, `"maxVUs": 2`)
	require.Contains(t, r.Stdout, `"name": "FlowBoard 100users"`)
	r = k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "--vus", "3", "--duration", "2s", "-e", "CONCURRENT=50", archive},
		Env:  map[string]string{"DATABASE_URL": pgtest.Database(t)},
	})
	require.Contains(t, []int{0, exitThresholds}, r.Code, r.Output())
	require.Contains(t, r.File(t, "results/summary.json"), `"users": 3`)
}
