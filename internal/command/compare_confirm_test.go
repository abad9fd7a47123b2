//go:build unix

package command

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/compare"
)

// runAsRerun makes the test binary a load test that does what is left of a plan:
// lines, of which each run takes the first and leaves a line of what it was given.
// It is one where it has an OUT, which reruns have and this test has not.
const runAsRerun = "XK6_PGXPOOL_TEST_RUN_AS_RERUN"

func runAgain(plan string) {
	text, err := os.ReadFile(plan)
	if err != nil {
		panic(err)
	}
	line, rest, _ := strings.Cut(string(text), "\n")
	given, err := os.OpenFile(plan+".given", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	var settings []string
	for _, name := range []string{"SIDE", "CONCURRENT", "DURATION", "DB_POOL_SIZE"} {
		settings = append(settings, os.Getenv(name))
	}
	_, _ = fmt.Fprintln(given, strings.Join(append(settings, os.Args[1:]...), " "))
	_ = os.WriteFile(plan, []byte(rest), 0o600)
	what, value, _ := strings.Cut(line, " ")
	switch what {
	case "hang":
		child := exec.Command("sleep", "600")
		_ = child.Start()
		_ = os.WriteFile(plan+".pids", fmt.Appendf(nil, "%d %d", os.Getpid(), child.Process.Pid), 0o600)
		select {}
	case "fail":
		fmt.Println("setup() failed: " + value)
		os.Exit(107)
	case "nothing":
		os.Exit(0)
	}
	_ = os.MkdirAll(os.Getenv("OUT"), 0o700)
	file, err := os.ReadFile(value)
	if err == nil {
		err = os.WriteFile(filepath.Join(os.Getenv("OUT"), "summary.json"), file, 0o600)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(99) // a measurement all the same
}

// reruns lays out what they will do, each "gives" a file or "fail", "hang" and
// "nothing", and gives what they were given.
func reruns(t *testing.T, plan ...string) (given func() []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plan")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(plan, "\n")), 0o600))
	t.Setenv(runAsRerun, file)
	t.Setenv("TMPDIR", t.TempDir())
	t.Cleanup(func() {
		left, err := os.ReadDir(os.Getenv("TMPDIR"))
		require.NoError(t, err)
		require.Empty(t, left, "the reruns' files are gone")
	})
	return func() []string {
		text, err := os.ReadFile(file + ".given")
		if os.IsNotExist(err) {
			return nil
		}
		require.NoError(t, err)
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

func scriptFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "100users.js")
	require.NoError(t, os.WriteFile(file, []byte("export default () => {};\n"), 0o600))
	return file
}

func TestConfirmRunsAgainWhatIsWorse(t *testing.T) {
	usual, slow, script := summaryFile(t, "usual.json", nil), slowRun(t), scriptFile(t)
	between := summaryFile(t, "between.json", map[string]any{"overview.response_p95_ms": 40.0})
	for name, c := range map[string]struct {
		plan []string
		code int
		runs int
		says string
	}{
		"worse again, twice":         {[]string{"gives " + slow, "gives " + between}, 2, 2, "response_p95: confirmed by 2 reruns: 50 ms, 40 ms against 5.8 ms."},
		"not worse again":            {[]string{"gives " + usual, "gives " + usual}, 0, 2, "response_p95: not confirmed by 2 reruns: 5.8 ms, 5.8 ms against 5.8 ms."},
		"two of three decide: worse": {[]string{"gives " + slow, "gives " + usual, "gives " + slow}, 2, 3, "confirmed by 3 reruns"},
		"two of three decide: same":  {[]string{"gives " + usual, "gives " + slow, "gives " + usual}, 0, 3, "not confirmed by 3 reruns"},
	} {
		t.Run(name, func(t *testing.T) {
			given := reruns(t, c.plan...)
			r := runComparison(t, usual, slow, script, "--confirm")
			require.Equal(t, c.code, r.code, r.output)
			require.Contains(t, r.output, c.says)
			require.Contains(t, r.output, "a machine that is slower than the baseline's")
			require.Len(t, given(), c.runs)
			require.Equal(t, "10 8 20 run --quiet "+script, given()[0], "users, whole seconds and pool of the result")
			if c.code == 0 {
				require.Contains(t, r.output, "same: reruns did not confirm what was worse: response_p95\n")
			}
		})
	}
}

func TestConfirmIsInEveryFormat(t *testing.T) {
	usual, slow, script := summaryFile(t, "usual.json", nil), slowRun(t), scriptFile(t)
	reruns(t, "gives "+usual, "gives "+usual)
	file := filepath.Join(t.TempDir(), "compare.json")
	r := runComparison(t, usual, slow, script, "--confirm", "--format", "json", "--output", file)
	require.Regexp(t, `(?m)^Metric .* Rerun +Answer$`, r.output)
	require.Regexp(t, `(?m)^Response, p95 .*50 ms.* 5\.8 ms +same$`, r.output)
	var report compare.Report
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &report))
	require.Equal(t, compare.Same, report.Answer)
	for _, row := range report.Rows {
		require.Equal(t, row.Name == "response_p95", row.Confirmation != nil, row.Name)
		if row.Confirmation != nil {
			require.False(t, row.Confirmation.Confirmed)
			require.Len(t, row.Confirmation.Results, 2)
			require.InDelta(t, 50, *row.Result, 1e-9, "what was measured first stands")
		}
	}
	reruns(t, "gives "+slow, "gives "+slow)
	r = runComparison(t, usual, slow, script, "--confirm", "--format", "markdown")
	require.Contains(t, r.output, "| Rerun |")
	require.Contains(t, r.output, "- response\\_p95: confirmed by 2 reruns")
}

// Reruns that cannot be measured clear nothing: an outage stays red.
func TestConfirmClearsNothingThatCouldNotBeMeasured(t *testing.T) {
	usual, slow, script := summaryFile(t, "usual.json", nil), slowRun(t), scriptFile(t)
	other := summaryFile(t, "other.json", map[string]any{"run.configuration.poolSize": "7"})
	run, err := compare.ReadSummary(other)
	require.NoError(t, err)
	run.ConfigurationHash = run.Run.ConfigurationHash()
	text, err := json.Marshal(run)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(other, text, 0o600))
	thin := summaryFile(t, "thin.json", map[string]any{"overview.response_p95_ms": nil})
	for plan, says := range map[string]string{
		"fail no connection": "Not confirmed, but still worse: rerun 1 of 3 failed: exit status 107: setup() failed: no connection.",
		"nothing":            "100users.js wrote no summary.json; give the script that made the result.",
		"gives " + other:     "rerun 1 of 3 failed: it has another configuration (poolSize 7, the result 20); run compare with the settings that the result had.",
		"gives " + thin:      "response_p95: the reruns did not measure it, so it stays worse.",
	} {
		t.Run(plan, func(t *testing.T) {
			reruns(t, plan, plan, plan)
			r := runComparison(t, usual, slow, script, "--confirm")
			require.Equal(t, 2, r.code, r.output)
			require.Contains(t, r.output, says)
			require.NotContains(t, r.output, "confirmed by")
		})
	}
}

func TestConfirmInTurnWithTheBaseline(t *testing.T) {
	usual, slow, script := summaryFile(t, "usual.json", nil), slowRun(t), scriptFile(t)
	old := filepath.Join(t.TempDir(), "k6-before")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(old, []byte("#!/bin/sh\nSIDE=before exec "+self+" \"$@\"\n"), 0o700))
	given := reruns(t, "gives "+slow, "gives "+slow, "gives "+slow, "gives "+slow)
	r := runComparison(t, usual, slow, script, "--confirm", "--confirm-baseline", old)
	require.Zero(t, r.code, "the machine is slow tonight, with the baseline's build as well: "+r.output)
	require.Contains(t, r.output, "not confirmed by 2 reruns in turn with the baseline: 50 ms, 50 ms against 50 ms, 50 ms.")
	require.NotContains(t, r.output, "a machine that is slower")
	var sides []string
	for _, line := range given() {
		side, _, _ := strings.Cut(line, " ")
		sides = append(sides, side)
	}
	require.Equal(t, []string{"before", "", "", "before"}, sides)
	reruns(t, "gives "+usual, "gives "+slow, "gives "+slow, "gives "+usual)
	require.Equal(t, 2, runComparison(t, usual, slow, script, "--confirm", "--confirm-baseline", old).code)
}

func TestConfirmRunsNothingWhereNothingIsWorse(t *testing.T) {
	usual := summaryFile(t, "usual.json", nil)
	given := reruns(t)
	require.NoError(t, runComparison(t, usual, usual, scriptFile(t), "--confirm").err)
	require.Empty(t, given())
}

func TestConfirmRefusesBadInputInOneLine(t *testing.T) {
	usual, script := summaryFile(t, "usual.json", nil), scriptFile(t)
	outside := summaryFile(t, "outside.json", map[string]any{"run.script": "../" + strings.TrimSuffix(script, ".js")})
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{usual, usual, script}, "compare takes two files, got 3: give a baseline's summary.json and a result's"},
		{[]string{usual, usual, script, script, "--confirm"}, "compare --confirm takes two files and the script that made the second, got 4"},
		{[]string{usual, usual, "--confirm"}, `--confirm: there is no script "scripts/100users.js"; give the one that made the result after the two files`},
		{[]string{usual, outside, "--confirm"}, `--confirm: there is no script "scripts/100users.js"; give the one that made the result after the two files`},
		{[]string{usual, usual, "--confirm-runs", "3"}, "--confirm-runs has no effect without --confirm; give that too, or leave it out"},
		{[]string{usual, usual, script, "--confirm", "--confirm-runs", "0"}, "--confirm-runs: 0 is not accepted; use 1 to 20"},
		{[]string{usual, usual, script, "--confirm", "--confirm-baseline", "nowhere"}, `--confirm-baseline: "nowhere" is not an executable program; use the path of a k6`},
		{[]string{usual, usual, script, "--confirm", "--confirm-baseline", "sh", "--confirm-runs", "3"},
			"--confirm-runs: 3 is not accepted with --confirm-baseline; use an even number, so that neither side is always first"},
	} {
		c := runComparison(t, row.args...)
		require.EqualError(t, c.err, row.want)
		require.Equal(t, 104, c.code, row.want)
	}
}

// Ctrl-C reaches what was started, and its children; what was worse stands.
func TestConfirmStopsWithCtrlC(t *testing.T) {
	usual, slow, script := summaryFile(t, "usual.json", nil), slowRun(t), scriptFile(t)
	reruns(t, "hang")
	plan := os.Getenv(runAsRerun)
	cmd := exec.Command(os.Args[0], "x", "pgxpool", "compare", usual, slow, script, "--confirm")
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.Getenv("TMPDIR"), runAsK6 + "=1", runAsRerun + "=" + plan,
		"K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false"}
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	var pids [2]int
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(plan + ".pids")
		n, _ := fmt.Sscan(string(text), &pids[0], &pids[1])
		return n == len(pids)
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	_ = cmd.Wait() // the exit code says it
	require.Equal(t, 2, cmd.ProcessState.ExitCode(), output.String())
	require.Contains(t, output.String(), "never more than 6 min 53 s; Ctrl-C stops them", "the time is said before")
	require.Contains(t, output.String(), "Not confirmed, but still worse: the reruns were stopped early.")
	for _, pid := range pids {
		require.Eventually(t, func() bool {
			state, err := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output()
			return err != nil || strings.HasPrefix(string(state), "Z")
		}, time.Minute, 20*time.Millisecond, "%d is left", pid)
	}
}
