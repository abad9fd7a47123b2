//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// prometheus is a real one on the loopback with nothing in it, which takes remote
// writes and scrapes nobody. k6 writes to it, and a test asks it what a dashboard
// would ask.
type prometheus struct {
	address string
}

// vectorElement is one of an instant vector.
type vectorElement struct {
	labels map[string]string
	value  float64 // may be NaN
}

// startPrometheus starts a server, which ends with the test. Where Prometheus is
// not installed the test is skipped, but not in CI.
func startPrometheus(t testing.TB) *prometheus {
	t.Helper()
	const binary = "/usr/bin/prometheus" // where Debian puts it
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("prometheus is not installed: apt-get install prometheus")
		}
		t.Skip("prometheus is not installed: apt-get install prometheus")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, []byte("global:\n  scrape_interval: 1h\n"), 0o600))
	s := &prometheus{address: freeAddress(t)}
	cmd := exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), // #nosec G204 -- a fixed program
		"--web.listen-address="+s.address, "--web.enable-remote-write-receiver", "--log.level=warn")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait(), log.String())
	})
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + s.address + "/-/ready")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond, "prometheus does not get ready")
	return s
}

// writeURL is where remote writes go (K6_PROMETHEUS_RW_SERVER_URL).
func (s *prometheus) writeURL() string { return "http://" + s.address + "/api/v1/write" }

// query evaluates a PromQL expression now. It gives an instant vector, with no
// elements where there are no data.
func (s *prometheus) query(t testing.TB, expression string) []vectorElement {
	t.Helper()
	response, err := http.Get("http://" + s.address + "/api/v1/query?query=" + url.QueryEscape(expression))
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // read to its end
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any // the time and the value, as text
			}
		}
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(t, "success", answer.Status, "%s: %s", expression, answer.Error)
	var samples []vectorElement
	for _, result := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(result.Value[1]), 64)
		require.NoError(t, err)
		samples = append(samples, vectorElement{result.Metric, value})
	}
	return samples
}
