//go:build unix

package main_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// rawSamples is where the runners write every sample that k6 took, for a look
// at the test that saw everything.
const rawSamples = "raw.json"

// everyValue is a metric's values of all runners together, sorted.
func everyValue(t *testing.T, results []k6test.Result, metric string) []float64 {
	t.Helper()
	var values []float64
	for _, r := range results {
		lines := bufio.NewScanner(strings.NewReader(r.File(t, rawSamples)))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line struct {
				Type, Metric string
				Data         struct{ Value float64 }
			}
			require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
			if line.Type == "Point" && line.Metric == metric {
				values = append(values, line.Data.Value)
			}
		}
		require.NoError(t, lines.Err())
	}
	slices.Sort(values)
	return values
}

// requireMerged judges the runners as one and holds the answer to the raw
// samples of all.
func requireMerged(t *testing.T, results []k6test.Result) {
	t.Helper()
	args := []string{"x", "pgxpool", "merge"}
	for _, r := range results {
		args = append(args, filepath.Join(r.Dir, "results", "summary.json"))
	}
	merged := k6test.K6(t, k6test.Run{Plain: true, Args: args})
	require.Contains(t, []int{0, exitThresholds}, merged.Code, merged.Output())
	summary, err := verdict.ParseSummary([]byte(merged.File(t, "results/summary.json")))
	require.NoError(t, err)
	followsSchema(t, merged, "summary.json", "verdict")
	require.Equal(t, summary.GateHolds, merged.Code == 0)
	require.Contains(t, merged.Stdout, string(summary.Verdict))
	require.Contains(t, merged.File(t, "results/junit.xml"), "<testsuite")
	require.Contains(t, merged.File(t, "results/summary.md"), "4 runners judged as one")
	require.Contains(t, merged.File(t, "results/summary.md"), "CPU is of the whole database host")
	require.NotContains(t, merged.File(t, "results/summary.md"), "One runner of several")
	page := merged.File(t, "results/report.html")
	require.Contains(t, page, "<figcaption>Connections")
	require.Contains(t, page, "maxOverflow 13", "the whole pool's, not a runner's")

	require.Equal(t, 40, summary.Run.Users)
	size, overflow, _ := summary.Run.Configuration.Sizes("default")
	require.Equal(t, []int{7, 6}, []int{size, overflow})
	for _, metric := range []string{"request_duration", "pgxpool_acquire_duration", "pgxpool_query_duration", "pgxpool_use_duration"} {
		all, values := everyValue(t, results, metric), summary.Metrics[metric].Values
		require.Equal(t, float64(len(all)), values["count"], metric)
		require.Equal(t, all[0], values["min"], metric)
		require.Equal(t, all[len(all)-1], values["max"], metric)
		require.InEpsilon(t, all[int(0.95*float64(len(all)-1))], values["p(95)"], 0.02, metric)
	}
	passes := 0.0
	for _, value := range everyValue(t, results, "request_success") {
		passes += value
	}
	require.Equal(t, passes, summary.Metrics["request_success"].Values["passes"])
	require.LessOrEqual(t, *summary.Overview.PeakActive, 13.0, "levels add moment by moment")
	require.Greater(t, *summary.Overview.PeakActive, 6.0, "and not of one runner alone")

	before := results[0].File(t, "results/summary.json")
	over := k6test.K6(t, k6test.Run{Plain: true, Args: append(args, "--output", filepath.Join(results[0].Dir, "results"))})
	require.Equal(t, 104, over.Code)
	require.Contains(t, over.Stderr, "is a runner's own and would be overwritten; give another directory")
	require.Equal(t, before, results[0].File(t, "results/summary.json"))

	partial := k6test.K6(t, k6test.Run{Plain: true, Args: args[:len(args)-1]})
	require.Equal(t, 104, partial.Code)
	require.Contains(t, partial.Stderr, "execution segment 3/4:1 is missing")
}

func TestMergeRefusesBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, other := filepath.Join(dir, "empty.json"), filepath.Join(dir, "before-after.json")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, os.WriteFile(other, []byte(`{"schema": 1, "name": "before-after"}`), 0o600))
	old := filepath.Join(k6test.Root(t), "internal", "compare", "testdata", "schema1.json")
	for says, args := range map[string][]string{
		"merge takes files, got none":                                        {},
		"cannot be read: is a directory":                                     {dir},
		"empty.json is not a results/summary.json: it is empty":              {empty},
		"before-after.json is not a results/summary.json: it has no verdict": {other},
		"schema1.json: it has no recording to merge":                         {old},
		"nowhere.json does not exist":                                        {"nowhere.json"},
		"unknown flag: --outputs":                                            {"--outputs", "there"},
	} {
		r := k6test.K6(t, k6test.Run{Plain: true, Args: append([]string{"x", "pgxpool", "merge"}, args...)})
		require.Equal(t, 104, r.Code, r.Output())
		require.Contains(t, r.Stderr, says)
		require.Equal(t, 1, strings.Count(r.Stderr, "level=error"), r.Stderr)
	}
}
