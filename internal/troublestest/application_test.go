//go:build unix

package troublestest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// application is one of testdata's, running.
type application struct {
	t       *testing.T
	baseURL string
	reports bool // it has /health/pool
}

// startLimit covers Python's imports on a busy machine.
const startLimit = time.Minute

// start runs an application of a folder until the test's end.
func start(t *testing.T, dir, app string, workers int, env map[string]string) application {
	t.Helper()
	flowboardtest.RequirePackages(t, "psycopg2")
	port := freePort(t)
	cmd := exec.Command(flowboardtest.Python(), "-m", "uvicorn", "--app-dir", dir, app+":app", // #nosec G204 -- the tester names the interpreter
		"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--workers", strconv.Itoa(workers), "--no-access-log")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PYTHONDONTWRITEBYTECODE=1"}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with its workers
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		_ = cmd.Wait() // says only that it was killed
		if t.Failed() {
			t.Logf("the application printed:\n%s", out.String()[max(0, out.Len()-2000):])
		}
	})
	a := application{t: t, baseURL: "http://127.0.0.1:" + strconv.Itoa(port)}
	require.Eventually(t, func() bool {
		status, err := a.ask("/health/pool")
		a.reports = status == http.StatusOK && env["POOL"] == ""
		return err == nil
	}, startLimit, 100*time.Millisecond, "the application does not start")
	if workers > 1 {
		time.Sleep(time.Second) // one answers, and the others start
	}
	return a
}

// get asks for a path.
func (a application) get(path string) {
	a.t.Helper()
	status, err := a.ask(path)
	require.NoError(a.t, err)
	require.Equal(a.t, http.StatusOK, status, path)
}

func (a application) ask(path string) (status int, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get(a.baseURL + path)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // only its number was wanted
	return listener.Addr().(*net.TCPAddr).Port
}

// cause is a diagnosis as both programs write it.
type cause struct {
	Name       string   `json:"name"`
	Confidence string   `json:"confidence"`
	Evidence   []string `json:"evidence"`
	Remedy     string   `json:"remedy"`
}

// seen is what the monitor and the load test say of one and the same run.
type seen struct {
	monitor, load []cause
	verdict       string // the monitor's
	loadVerdict   string
	lines         string // the load test's output
	notes         []string
	pairs         [][2]int // in use, and as the application counts it
	server        []int    // of the same moments, as the server alone shows it
}

// observe loads a path with so many users while the monitor watches.
func observe(t *testing.T, a application, path string, users int, seconds int, env map[string]string) seen {
	t.Helper()
	all := map[string]string{"BASE_URL": a.baseURL, "ENDPOINT": path, "CONCURRENT": strconv.Itoa(users),
		"DURATION": strconv.Itoa(seconds), "INTERVAL": "1"}
	for name, value := range env {
		all[name] = value
	}
	monitor := k6test.Command(context.Background(), t, k6test.Run{
		Args: []string{"x", "pgxpool", "monitor", "--interval", "0.5", "--format", "json", "--duration", strconv.Itoa(seconds + 60)}, Env: all, Plain: true,
	})
	var stdout, stderr bytes.Buffer
	monitor.Stdout, monitor.Stderr = &stdout, &stderr
	require.NoError(t, monitor.Start())
	result := k6test.K6(t, k6test.Run{
		Args: []string{"run", "--quiet", filepath.Join(k6test.Root(t), "scripts", "100users.js")}, Env: all, Plain: true,
	})
	require.NoError(t, monitor.Process.Signal(os.Interrupt)) // it watches for as long as there is load
	require.NoError(t, monitor.Wait(), stderr.String())
	var s seen
	s.lines = result.Stdout
	var summary struct {
		Verdict   string   `json:"verdict"`
		Diagnoses []cause  `json:"diagnoses"`
		Notes     []string `json:"notes"`
	}
	require.NoError(t, json.Unmarshal([]byte(result.File(t, "results/summary.json")), &summary))
	s.load, s.loadVerdict, s.notes = summary.Diagnoses, summary.Verdict, summary.Notes
	for line := range strings.Lines(stdout.String()) {
		s.read(t, line)
	}
	t.Logf("monitor: %s\nload test: %s\n%s", written(s.monitor), written(s.load), strings.Join(s.notes, "\n"))
	return s
}

// read takes one line of the monitor's.
func (s *seen) read(t *testing.T, line string) {
	t.Helper()
	var kind struct {
		Type string `json:"type"`
	}
	require.NoError(t, json.Unmarshal([]byte(line), &kind), line)
	if kind.Type == "report" {
		var report struct {
			Verdict   string  `json:"verdict"`
			Diagnoses []cause `json:"diagnoses"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &report), line)
		s.monitor, s.verdict = report.Diagnoses, report.Verdict
		return
	}
	var sample struct {
		Active  *int `json:"active"`
		AppPool *struct {
			CheckedOut int  `json:"checkedout"`
			Complete   bool `json:"complete"`
		} `json:"app_pool"`
		Database *struct {
			Active int `json:"active"`
		} `json:"database"`
	}
	require.NoError(t, json.Unmarshal([]byte(line), &sample), line)
	if sample.Active != nil && sample.AppPool != nil && sample.AppPool.Complete && sample.Database != nil {
		s.server = append(s.server, sample.Database.Active)
		s.pairs = append(s.pairs, [2]int{*sample.Active, sample.AppPool.CheckedOut})
	}
}

func written(causes []cause) string {
	var b strings.Builder
	for _, c := range causes {
		fmt.Fprintf(&b, "\n  %s (%s): %s\n    -> %s", c.Name, c.Confidence, strings.Join(c.Evidence, "; "), c.Remedy)
	}
	return b.String()
}
