//go:build unix

package workflows

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// climbed is a checkout after twenty nights of which each was slower than the
// one before, and after another that has no baseline to be compared with.
func climbed(t *testing.T) (job, *runner) {
	t.Helper()
	load, r := newNightly(t)
	r.given["inputs.tolerance || '10'"] = "25"
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), "internal", "compare", "testdata", "schema1.json"))
	require.NoError(t, err)
	run, err := verdict.ParseSummary(text)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(r.file("history/runs"), 0o700))
	require.NoError(t, os.MkdirAll(r.file("out/100users/results"), 0o700))
	for n := range 21 {
		p95 := 100 * (1 + 0.05*float64(n))
		run.Run.Started = run.Run.Started.Add(24 * time.Hour)
		run.Overview.ResponseP95 = &p95
		text, err := json.Marshal(run)
		require.NoError(t, err)
		file := fmt.Sprintf("history/runs/2000-01-%02dT000000Z-0.json", n+1)
		if n == 20 {
			file = "out/100users/results/summary.json"
		}
		require.NoError(t, os.WriteFile(r.file(file), text, 0o600))
	}
	return load, r
}

// What climbed before it is accepted with a new baseline.
func TestNightlyAcceptsAClimbWithANewBaseline(t *testing.T) {
	load, r := climbed(t)
	before := "an older baseline"
	require.NoError(t, os.WriteFile(r.file("history/baseline.json"), []byte(before), 0o600))
	r.given["inputs.new_baseline || 'false'"] = "true"

	failed := r.night(t, load, 1, "Compare")["Compare"]
	require.Zero(t, failed.code, failed.output)
	require.Contains(t, failed.output, "unknown: there is no baseline")
	require.Contains(t, failed.output, "::warning::No baseline was made: this run does not hold its gate.")
	require.Equal(t, before, r.read(t, r.file("history/baseline.json")), "the old one stays")

	require.NoError(t, os.WriteFile(r.file("out/100users/held"), nil, 0o600))
	held := r.night(t, load, 2, "Compare")["Compare"]
	require.Zero(t, held.code, held.output)
	require.Contains(t, held.output, "::notice::This run is the baseline")
	require.Equal(t, r.read(t, r.file("out/100users/results/summary.json")), r.read(t, r.file("history/baseline.json")))

	r.given["inputs.new_baseline || 'false'"] = "false"
	next := r.night(t, load, 3, "Compare")["Compare"]
	require.Zero(t, next.code, next.output)
}

// A night that fails, or that left nothing readable, is no baseline.
func TestNightlyMakesNoBaselineOfAFailure(t *testing.T) {
	load, r := newNightly(t)
	r.given[databaseExpression(t, load.Env["DATABASE_URL"])] = "postgres://127.0.0.1:1/none?connect_timeout=1"
	night := r.night(t, load, 1, "100 users", "Compare")
	require.NotZero(t, night["100 users"].code)
	require.NoFileExists(t, r.file("history/baseline.json"), night["Compare"].output)

	require.NoError(t, os.MkdirAll(r.file("out/100users/results"), 0o700))
	require.NoError(t, os.WriteFile(r.file("out/100users/results/summary.json"), []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(r.file("out/100users/held"), nil, 0o600))
	broken := r.night(t, load, 2, "Compare")["Compare"]
	require.Equal(t, 104, broken.code, broken.output)
	require.NoFileExists(t, r.file("history/baseline.json"))
}
