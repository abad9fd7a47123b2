package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"

	"github.com/flowboard/xk6-pgxpool/internal/compare"
)

// summaryFile writes a run's summary.json, changed from a real one, and gives
// its path. Changes are by path, such as "overview.response_p95_ms".
func summaryFile(t *testing.T, name string, changes map[string]any) string {
	t.Helper()
	text, err := os.ReadFile("../compare/testdata/schema1.json")
	require.NoError(t, err)
	var run map[string]any
	require.NoError(t, json.Unmarshal(text, &run))
	for path, value := range changes {
		part, names := run, strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			part = part[name].(map[string]any)
		}
		part[names[len(names)-1]] = value
	}
	text, err = json.Marshal(run)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// comparison is what a call of `k6 x pgxpool compare` came to.
type comparison struct {
	code   int
	err    error
	output string
}

func runComparison(t *testing.T, args ...string) comparison {
	t.Helper()
	gs := state.NewGlobalState(t.Context())
	var output bytes.Buffer
	gs.Stdout.Writer = &output
	cmd := newRoot(gs, nil)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true // as k6 does
	cmd.SetArgs(append([]string{"compare"}, args...))
	c := comparison{err: cmd.Execute(), output: ""}
	c.output = output.String()
	if c.err != nil {
		c.code = -1 // k6 would make 255 of it
		var coded errext.HasExitCode
		if errors.As(c.err, &coded) {
			c.code = int(coded.ExitCode())
		}
	}
	return c
}

func slowRun(t *testing.T) string {
	return summaryFile(t, "slow.json", map[string]any{"overview.response_p95_ms": 50.0})
}

func TestCompareAnswersByExitCode(t *testing.T) {
	usual, slow := summaryFile(t, "usual.json", nil), slowRun(t)
	elsewhere := summaryFile(t, "elsewhere.json", map[string]any{"run.cores": 64})

	c := runComparison(t, usual, usual)
	require.NoError(t, c.err)
	require.Contains(t, c.output, "\nsame: no metric changed by more than its tolerance and noise\n")

	c = runComparison(t, slow, usual)
	require.NoError(t, c.err)
	require.Contains(t, c.output, "\nbetter: response_p95 -44 ms (-88.3 %)\n")

	c = runComparison(t, usual, slow)
	require.Equal(t, 2, c.code)
	require.EqualError(t, c.err, "worse: response_p95 +44 ms (+757.6 %)")
	require.Contains(t, c.output, c.err.Error(), "the report is written before the exit code says it")

	c = runComparison(t, elsewhere, usual)
	require.Equal(t, 3, c.code)
	require.EqualError(t, c.err, "unknown: the baseline has another machine (64 cores, the result 2)")

	c = runComparison(t, "none", usual)
	require.Equal(t, 3, c.code, "the first night has no baseline")
	require.EqualError(t, c.err, "unknown: there is no baseline")
	require.Contains(t, c.output, "Response, p95")

	history := filepath.Join(t.TempDir(), "none")
	c = runComparison(t, "none", usual, "--history", history)
	require.Equal(t, 3, c.code, "nor a history")
	require.Contains(t, c.output, "--history: "+history+" does not exist; ")
}

func TestCompareWritesEveryFormat(t *testing.T) {
	usual, slow := summaryFile(t, "usual.json", nil), slowRun(t)
	require.Contains(t, runComparison(t, usual, slow, "--format", "markdown").output, "| Response, p95 | 5.8 ms | 50 ms |")
	var report struct{ Answer string }
	require.NoError(t, json.Unmarshal([]byte(runComparison(t, usual, slow, "--format", "json").output), &report))
	require.Equal(t, "worse", report.Answer)

	file := filepath.Join(t.TempDir(), "deep", "compare.md")
	c := runComparison(t, usual, slow, "--output", file) // in the format of its ending
	require.Equal(t, 2, c.code)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "# Compared with the baseline: worse")
	require.Contains(t, c.output, "Response, p95   ", "standard output has the text")
}

func TestCompareTakesTolerancesAndMetrics(t *testing.T) {
	usual, slow := summaryFile(t, "usual.json", nil), slowRun(t)
	require.NoError(t, runComparison(t, usual, slow, "--tolerance", "800").err)
	require.NoError(t, runComparison(t, usual, slow, "--tolerance", "5,response_p95=800").err)
	require.NoError(t, runComparison(t, usual, slow, "--only", "throughput,wait_p95").err)
	require.Equal(t, 2, runComparison(t, usual, slow, "--tolerance", "5%", "--only", "response_p95").code)
}

func TestCompareReadsTheHistory(t *testing.T) {
	history := t.TempDir()
	for i := range compare.MinNights {
		file := summaryFile(t, "summary.json", map[string]any{
			"run.started":              "2026-11-0" + strconv.Itoa(i+1) + "T02:00:00Z",
			"overview.response_p95_ms": 10.0 + 15*float64(i),
		})
		night := filepath.Join(history, strconv.Itoa(i), "summary.json")
		require.NoError(t, os.MkdirAll(filepath.Dir(night), 0o700))
		require.NoError(t, os.Rename(file, night))
	}
	require.NoError(t, os.WriteFile(filepath.Join(history, "other.json"), []byte("{}"), 0o600))
	usual, slow := summaryFile(t, "usual.json", nil), slowRun(t)
	c := runComparison(t, usual, slow, "--history", history)
	require.NoError(t, c.err, "so much it varies anyway")
	require.Contains(t, c.output, "45 ms ±")
	require.Contains(t, c.output, "other.json is not a results/summary.json: it has no schema.")
}

func TestCompareRefusesBadInputInOneLine(t *testing.T) {
	usual, dir := summaryFile(t, "usual.json", nil), t.TempDir()
	text := filepath.Join(dir, "notes.json")
	require.NoError(t, os.WriteFile(text, []byte("PASS"), 0o600))
	newer := summaryFile(t, "newer.json", map[string]any{"schema": 99})
	empty := t.TempDir()
	for _, row := range []struct {
		args []string
		want string
	}{
		{nil, "compare takes two files, got 0: give a baseline's summary.json and a result's"},
		{[]string{usual}, "compare takes two files, got 1: give a baseline's summary.json and a result's"},
		{[]string{usual, "missing.json"}, "missing.json does not exist; give a results/summary.json"},
		{[]string{"nofile.json", usual}, "nofile.json does not exist; give a results/summary.json, or none instead on the first night"},
		{[]string{text, usual}, text + " is not a results/summary.json: invalid character 'P' looking for beginning of value"},
		{[]string{newer, usual}, newer + " has schema 99, this pgxpool reads up to 1; use a newer one"},
		{[]string{dir, usual}, dir + " cannot be read: is a directory"},
		{[]string{usual, usual, "--history", empty}, "--history: " + empty + " has no summary.json of an earlier run"},
		{[]string{usual, usual, "--history", "nowhere"},
			"--history: nowhere does not exist; give a directory with summary.json files of earlier runs"},
		{[]string{usual, usual, "--history="}, "--history is empty; give a directory's name, or leave it out"},
		{[]string{usual, usual, "--output="}, "--output is empty; give a file's name, or leave it out"},
		{[]string{usual, usual, "--tolerance=-1"},
			`--tolerance: "-1" is not accepted; use a number of percent of at least 0, such as 10 or response_p95=20`},
		{[]string{usual, usual, "--history", dir, "--last", "2"}, "--last: 2 is not accepted; use 6 or more: with fewer runs the noise is not known"},
		{[]string{usual, usual, "--format", "xml"}, `--format: "xml" is not accepted; use text, markdown or json`},
		{[]string{usual, usual, "--only", "p95"},
			`--only: there is no metric "p95"; use one of ` + strings.Join(compare.Metrics(), ", ")},
		{[]string{usual, usual, "--loose"}, "unknown flag: --loose; pgxpool compare --help lists what is accepted"},
	} {
		c := runComparison(t, row.args...)
		require.EqualError(t, c.err, row.want)
		require.Equal(t, 104, c.code, row.want)
		require.Empty(t, c.output)
	}
	c := runComparison(t, usual, usual, "--output", filepath.Join(text, "file"))
	require.Equal(t, 104, c.code)
	require.ErrorContains(t, c.err, "--output: ")
}

// The exit codes as a pipeline sees them, from a process.
func TestCompareProcessExitCodes(t *testing.T) {
	usual, slow := summaryFile(t, "usual.json", nil), slowRun(t)
	for code, args := range map[int][]string{
		0:   {usual, usual},
		2:   {usual, slow},
		3:   {"none", usual},
		104: {"missing.json", usual},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"x", "pgxpool", "compare"}, args...)...)
		cmd.Dir = t.TempDir()
		cmd.Env = []string{"HOME=" + cmd.Dir, runAsK6 + "=" + root(), "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false"}
		output, _ := cmd.CombinedOutput() // the exit code says it
		require.Equal(t, code, cmd.ProcessState.ExitCode(), string(output))
	}
}

// Files that somebody made end both commands at once, before memory is taken or
// a loop begun for a number in them.
func TestCraftedSummariesAreRefusedInOneLine(t *testing.T) {
	recording := func(distribution, level map[string]any) any {
		return map[string]any{
			"start": "2026-11-26T11:32:10Z", "window_s": 0.25,
			"totals": map[string]any{"database_cpu": distribution}, "levels": map[string]any{"default": []any{level}},
		}
	}
	level := func(samples float64) map[string]any {
		return map[string]any{"at_s": 0, "samples": samples, "active": 1}
	}
	sketch := func(base64 string) map[string]any { return map[string]any{"count": 2, "max": 1, "ddsketch": base64} }
	wide := "CgkJoGXHcyop8D8SIgoPCP3///8PEQAAAAAAAPA/Cg8I/v///w8RAAAAAAAA8D8=" // a bin at either end of int32
	for says, changes := range map[string]map[string]any{
		"of 1000000000000000 samples": {"recording": recording(map[string]any{}, level(1e15))},
		"its sketch has a bin":        {"recording": recording(sketch(wide), level(1))},
		"has a fails of -1":           {"metrics.request_success.values.fails": -1},
		"has a max of 1e+300":         {"metrics.request_duration.values.max": 1e300},
		"its run has 10 users":        {"run.duration_s": -1},
	} {
		file := summaryFile(t, "crafted.json", changes)
		c := runComparison(t, summaryFile(t, "usual.json", nil), file)
		require.ErrorContains(t, c.err, says)
		require.NotContains(t, c.err.Error(), "\n")

		gs := state.NewGlobalState(t.Context())
		gs.Stdout.Writer = io.Discard
		merged := newMerge(gs)
		merged.SilenceErrors, merged.SilenceUsage = true, true
		merged.SetArgs([]string{"--output", t.TempDir(), file})
		require.ErrorContains(t, merged.Execute(), says)
	}
}

func TestProgressIsSaidOfLongWorkOnly(t *testing.T) {
	var said bytes.Buffer
	p := newProgress(&said, "merging 2 summaries")
	p.done(0.25)
	require.Empty(t, said.String())
	p.next = time.Now().Add(-time.Second)
	p.done(0.5)
	p.done(0.75)
	require.Equal(t, "merging 2 summaries: 50 %\n", said.String())
}
