//go:build unix

package workflows

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// newNightly lays out a checkout for the nightly's job with five users.
func newNightly(t *testing.T) (job, *runner) {
	t.Helper()
	w := readWorkflow(t, "nightly.yml")
	load := w.Jobs["load-test"]
	r := &runner{dir: t.TempDir(), shell: w.Defaults.Run.Shell, env: load.Env}
	r.given = map[string]string{
		"inputs.users || '100'":                         "5",
		"inputs.duration || '300'":                      "3",
		"inputs.gate || 'fail'":                         "fail",
		"inputs.tolerance || '10'":                      "900",
		"inputs.new_baseline || 'false'":                "false",
		databaseExpression(t, load.Env["DATABASE_URL"]): pgtest.Database(t),
	}
	r.process = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "GITHUB_RUN_ID": "1",
		"GITHUB_STEP_SUMMARY": filepath.Join(t.TempDir(), "summary.md"),
		"ROUNDS":              "1", "SETTLE": "0.2", // of before-after.js
	}
	root := k6test.Root(t)
	for _, dir := range []string{"scripts", "thresholds"} {
		require.NoError(t, os.CopyFS(filepath.Join(r.dir, dir), os.DirFS(filepath.Join(root, dir))))
	}
	require.NoError(t, os.Symlink(k6test.PlainBinary(t), filepath.Join(r.dir, "k6"))) // the step Build
	return load, r
}

func databaseExpression(t *testing.T, text string) string {
	t.Helper()
	found := expression.FindStringSubmatch(text)
	require.NotNil(t, found)
	return found[1]
}

// night runs the steps that need no GitHub, from the second on.
func (r *runner) night(t *testing.T, load job, n int, steps ...string) map[string]ran {
	t.Helper()
	r.process["GITHUB_RUN_ID"] = fmt.Sprint(n)
	require.NoError(t, os.WriteFile(r.process["GITHUB_STEP_SUMMARY"], nil, 0o600))
	results := map[string]ran{}
	for _, name := range steps {
		delete(r.process, "WAIVE")
		if name == "100 users" {
			// Of a few seconds on a machine that is busy with other tests.
			r.process["WAIVE"] = "db_cpu,response_drift"
		}
		results[name] = r.run(t, load.step(t, name))
	}
	return results
}

func TestNightlyNights(t *testing.T) {
	load, r := newNightly(t)

	first := r.night(t, load, 1, "Version", "100 users", "Before and after", "Compare", "Summary", "Annotations")
	for name, step := range first {
		if name != "Before and after" {
			require.Zero(t, step.code, "%s: %s", name, step.output)
		}
	}
	require.Contains(t, []int{0, 99}, first["Before and after"].code, first["Before and after"].output)
	require.Contains(t, first["Compare"].output, "unknown: there is no baseline")
	require.Contains(t, first["Compare"].output, "::notice::This run is the baseline")
	summary := r.read(t, r.process["GITHUB_STEP_SUMMARY"])
	require.Regexp(t, `(?m)^# (PASS|WARNING)$`, summary)
	require.Contains(t, summary, "| Success rate | 100.0 % |")
	require.Contains(t, summary, "# Compared with the baseline: unknown")
	require.False(t, first["Before and after"].skipped)
	require.Contains(t, summary, "# Before and after")
	require.FileExists(t, r.file("out/before-after/results/before-after.json"))
	var run verdict.Summary
	require.NoError(t, json.Unmarshal([]byte(r.read(t, r.file("out/100users/results/summary.json"))), &run))
	require.Equal(t, 5, run.Run.Users)
	require.Positive(t, *run.Overview.Requests)
	require.FileExists(t, r.file("out/100users/results/junit.xml"))

	// The next night, as fast as the first.
	r.pretend(t, run, 1, 1)
	second := r.night(t, load, 2, "Compare", "Summary")
	require.Zero(t, second["Compare"].code, second["Compare"].output)
	require.Contains(t, r.read(t, r.process["GITHUB_STEP_SUMMARY"]), "# Compared with the baseline: same")

	// A night that is a hundred times slower, and cannot be run again, fails, and is
	// kept all the same.
	r.pretend(t, run, 2, 100)
	database := databaseExpression(t, load.Env["DATABASE_URL"])
	url := r.given[database]
	r.given[database] = "postgres://127.0.0.1:1/none?connect_timeout=1"
	third := r.night(t, load, 3, "Compare", "Summary")
	r.given[database] = url
	require.Equal(t, 2, third["Compare"].code, third["Compare"].output)
	require.Contains(t, third["Compare"].output, "Not confirmed, but still worse: rerun 1 of 3 failed")
	require.Contains(t, r.read(t, r.process["GITHUB_STEP_SUMMARY"]), "# Compared with the baseline: worse")
	require.Len(t, r.runs(t), 3)

	// One with other users cannot be compared: said, and no failure.
	other := run
	other.Run.Users = 7
	other.ConfigurationHash = other.Run.ConfigurationHash()
	r.pretend(t, other, 3, 1)
	fourth := r.night(t, load, 4, "Compare")
	require.Zero(t, fourth["Compare"].code, fourth["Compare"].output)
	require.Contains(t, fourth["Compare"].output, "::warning::Not compared")

	// Unless it is made the baseline.
	r.given["inputs.new_baseline || 'false'"] = "true"
	fifth := r.night(t, load, 5, "Compare")
	require.Contains(t, fifth["Compare"].output, "::notice::This run is the baseline")
	r.given["inputs.new_baseline || 'false'"] = "false"
	require.Zero(t, r.night(t, load, 6, "Compare")["Compare"].code)

	// The history does not grow for ever: it keeps its last nights, and those
	// around the baseline.
	for i := range 90 {
		text := r.read(t, r.file("history/baseline.json"))
		require.NoError(t, os.WriteFile(r.file(fmt.Sprintf("history/runs/2000-01-01T%06dZ-0.json", i)), []byte(text), 0o600))
	}
	r.night(t, load, 7, "Compare")
	left := r.runs(t)
	require.Len(t, left, 80)
	require.Contains(t, left, "2000-01-01T000019Z-0.json")
	require.NotContains(t, left, "2000-01-01T000020Z-0.json")
	require.NotContains(t, left, "2000-01-01T000036Z-0.json")
	require.Contains(t, left, "2000-01-01T000037Z-0.json")
}

// pretend makes the night's run a copy of another, so many days later and so
// many times slower.
func (r *runner) pretend(t *testing.T, run verdict.Summary, days int, slower float64) {
	t.Helper()
	run.Run.Started = run.Run.Started.Add(time.Duration(days) * 24 * time.Hour)
	p95 := slower * max(*run.Overview.ResponseP95, 1)
	if slower != 1 {
		run.Overview.ResponseP95 = &p95
	}
	text, err := json.Marshal(run)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.file("out/100users/results/summary.json"), text, 0o600))
}

func (r *runner) file(name string) string { return filepath.Join(r.dir, name) }

func (*runner) read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func (r *runner) runs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(r.file("history/runs"))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A night without a result: nothing is compared, nothing pretended.
func TestNightlyWithoutResults(t *testing.T) {
	load, r := newNightly(t)
	r.given[databaseExpression(t, load.Env["DATABASE_URL"])] = "postgres://127.0.0.1:1/none?connect_timeout=1"
	night := r.night(t, load, 1, "100 users", "Compare", "Summary", "Annotations")
	require.NotZero(t, night["100 users"].code)
	require.Zero(t, night["Summary"].code, night["Summary"].output)
	require.Zero(t, night["Annotations"].code, night["Annotations"].output)
	if !night["Compare"].skipped { // k6 calls handleSummary even where setup() failed
		require.Zero(t, night["Compare"].code, night["Compare"].output)
	}
}

func TestNightlyAnnotatesWhatFailed(t *testing.T) {
	load, r := newNightly(t)
	failed := r.read(t, filepath.Join(k6test.Root(t), "internal", "verdict", "testdata", "fail.xml"))
	require.NoError(t, os.MkdirAll(r.file("out/100users/results"), 0o700))
	require.NoError(t, os.WriteFile(r.file("out/100users/results/junit.xml"), []byte(failed), 0o600))
	step := r.run(t, load.step(t, "Annotations"))
	require.Zero(t, step.code, step.output)
	require.Equal(t, strings.Count(failed, "<failure"), strings.Count(step.output, "::error title="))
	require.Contains(t, step.output, "::error title=pgxpool.100users success_rate::52.6 %25, WARNING needs at least 90.0 %25.")
}

// A schedule has no inputs: what it falls back to is what the form shows.
func TestNightlyDefaultsAgree(t *testing.T) {
	w := readWorkflow(t, "nightly.yml")
	fallback := regexp.MustCompile(`^\$\{\{ inputs\.(\w+) \|\| '(.*)' \}\}$`)
	found := 0
	for _, value := range w.Jobs["load-test"].Env {
		if match := fallback.FindStringSubmatch(value); match != nil {
			require.Equal(t, w.On.Dispatch.Inputs[match[1]].Default, match[2], match[1])
			found++
		}
	}
	require.Equal(t, len(w.On.Dispatch.Inputs)-1, found, "all inputs but database, whose default is the service")
	require.Equal(t, "service", w.On.Dispatch.Inputs["database"].Default)
}

// The step that a test cannot run does what xk6.yaml says.
func TestNightlyBuildsByTheRecipe(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), "xk6.yaml"))
	require.NoError(t, err)
	var recipe struct{ Build struct{ Xk6, Command string } }
	require.NoError(t, yaml.Unmarshal(text, &recipe))
	arguments, ok := strings.CutPrefix(recipe.Build.Command, "xk6 ")
	require.True(t, ok)
	build := readWorkflow(t, "nightly.yml").Jobs["load-test"].step(t, "Build")
	require.Equal(t, "go run "+recipe.Build.Xk6+" "+arguments, build.Run)
}
