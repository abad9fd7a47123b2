//go:build unix

package fastapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// startMonitor runs `k6 x pgxpool monitor` until the returned function sends it
// Ctrl-C, upon which it reports.
func startMonitor(t *testing.T, env map[string]string) (stop func() k6test.Result) {
	t.Helper()
	cmd := k6test.Command(context.Background(), t, k6test.Run{Plain: true,
		Args: []string{"x", "pgxpool", "monitor", "--interval", "0.5", "--format", "json", "--app-url", env["APP_URL"]},
		Env:  env,
	})
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped := false
	t.Cleanup(func() { // of a test that has failed meanwhile
		if !stopped {
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	return func() k6test.Result {
		stopped = true
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil {
				require.ErrorAs(t, err, &exit)
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
			require.Fail(t, "the monitor does not end with Ctrl-C")
		}
		return k6test.Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	}
}

func parseWatch(t *testing.T, r k6test.Result) watch {
	t.Helper()
	var w watch
	reported := false
	for line := range strings.Lines(r.Stdout) {
		var head struct {
			Type string `json:"type"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &head), line)
		switch head.Type {
		case "sample":
			var s watchedSample
			require.NoError(t, json.Unmarshal([]byte(line), &s), line)
			w.samples = append(w.samples, s)
		case "report":
			require.NoError(t, json.Unmarshal([]byte(line), &w.report), line)
			reported = true
		}
	}
	require.True(t, reported, "the monitor ends with a report: %s%s", r.Stdout, r.Stderr)
	return w
}

// watch is what `monitor --format json` wrote.
type watch struct {
	samples []watchedSample
	report  watchReport
}

type watchedSample struct {
	Active  int `json:"active"`
	AppPool *struct {
		CheckedOut int `json:"checkedout"`
	} `json:"app_pool"`
	Error string `json:"error"`
}

type watchReport struct {
	Active struct {
		Peak int `json:"peak"`
	} `json:"active"`
	Diagnoses []struct {
		Name string `json:"name"`
	} `json:"diagnoses"`
}

// cause is the first that the report names, "none" without one.
func (r watchReport) cause() string {
	if len(r.Diagnoses) == 0 {
		return "none"
	}
	return r.Diagnoses[0].Name
}

// underLoad leaves out the time before and after the load, which both sides
// see alike too easily, and samples that the application did not answer.
func (w watch) underLoad() []watchedSample {
	var pairs []watchedSample
	for _, s := range w.samples {
		if s.Error == "" && s.AppPool != nil && s.Active+s.AppPool.CheckedOut > 0 {
			pairs = append(pairs, s)
		}
	}
	return pairs
}
