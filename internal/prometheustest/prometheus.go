//go:build unix

// Package prometheustest runs a real Prometheus for a test: k6 writes to it, and
// the test asks it what a dashboard would ask.
package prometheustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
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

// binary is where Debian puts it.
const binary = "/usr/bin/prometheus"

// startLimit is how long it may take until it answers.
const startLimit = 30 * time.Second

// Server is a Prometheus on the loopback with nothing in it, which takes remote
// writes and scrapes nobody.
type Server struct {
	address string
}

// Sample is one element of an instant vector.
type Sample struct {
	Labels map[string]string
	Value  float64 // may be NaN
}

// Start starts a server, which ends with the test. Where Prometheus is not
// installed the test is skipped, but not in CI.
func Start(t testing.TB) *Server {
	t.Helper()
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("prometheus is not installed: apt-get install prometheus")
		}
		t.Skip("prometheus is not installed: apt-get install prometheus")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, []byte("global:\n  scrape_interval: 1h\n"), 0o600))
	s := &Server{address: freeAddress(t)}
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
	}, startLimit, 50*time.Millisecond, "prometheus does not get ready")
	return s
}

// WriteURL is where remote writes go (K6_PROMETHEUS_RW_SERVER_URL).
func (s *Server) WriteURL() string { return "http://" + s.address + "/api/v1/write" }

// Query evaluates a PromQL expression now. It gives an instant vector, with no
// elements where there are no data.
func (s *Server) Query(t testing.TB, expression string) []Sample {
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
	var samples []Sample
	for _, result := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(result.Value[1]), 64)
		require.NoError(t, err)
		samples = append(samples, Sample{result.Metric, value})
	}
	return samples
}

// freeAddress is one on the loopback that nobody listens at.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // only its address was wanted
	return listener.Addr().String()
}
