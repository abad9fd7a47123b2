//go:build unix

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// ours tells the metrics of the extension and its scripts from k6's.
func ours(metric string) bool {
	return strings.HasPrefix(metric, "pgxpool_") || strings.HasPrefix(metric, "request_") || metric == "response_drift"
}

// requireEverythingStreamed compares what the cloud got with the run's own
// summary, to the sample.
func requireEverythingStreamed(t *testing.T, stub *cloudStub, r k6test.Result) {
	t.Helper()
	var told struct {
		Metrics map[string]struct {
			Type   string
			Values map[string]float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.File(t, "results/summary.json")), &told))
	streamed := stub.byMetric()
	checked := 0
	for name, metric := range told.Metrics {
		if !ours(name) {
			continue
		}
		checked++
		require.Equal(t, metric.Type, streamed[name].Type, name)
		switch metric.Type {
		case "counter":
			require.InDelta(t, metric.Values["count"], streamed[name].Sum, 1e-6, name)
		case "trend":
			require.InDelta(t, metric.Values["count"], float64(streamed[name].Count), 0, name)
		case "rate":
			require.InDelta(t, metric.Values["passes"]+metric.Values["fails"], float64(streamed[name].Count), 0, name)
		case "gauge":
			require.Positive(t, streamed[name].Count, name)
		}
	}
	require.Greater(t, checked, 15, "metrics of ours in the summary")
	for _, series := range stub.series {
		if strings.HasPrefix(series.Metric, "pgxpool_") {
			require.Equal(t, "default", series.Labels["pool"], "%s %v", series.Metric, series.Labels)
		}
	}
}

// everything makes every metric of a pool's own have a sample.
func everything(t testing.TB) string {
	return k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';

const pool = new Pool({ poolSize: 1, maxOverflow: 1, poolTimeout: 10, poolRecycle: 500 });
const verdict = judge({ script: 'everything', criteria: poolCriteria });
export const options = { vus: 4, duration: '5s', ...verdict.options };
export const handleSummary = verdict.handleSummary;
export default function () {
  request(() => pool.query('SELECT pg_sleep(0.05)'));
  request(() => pool.query('SELECT nothing'));
  if (__ITER %% 10 === 0) {
    try { pool.acquire(); } catch (_) { } // never released: a leak
  }
}
`, k6test.Root(t)))
}

var poolMetrics = []string{
	"pgxpool_acquire_duration", "pgxpool_connect_duration", "pgxpool_use_duration", "pgxpool_query_duration",
	"pgxpool_query_failed", "pgxpool_acquire_failed", "pgxpool_acquire_timeouts", "pgxpool_connections_opened",
	"pgxpool_connections_closed", "pgxpool_leaks", "pgxpool_active", "pgxpool_idle", "pgxpool_total", "pgxpool_overflow",
	"pgxpool_waiting", "pgxpool_active_sampled", "pgxpool_waiting_sampled", "pgxpool_utilization", "pgxpool_in_overflow",
	"pgxpool_samples", "pgxpool_db_cpu", "request_success", "request_duration", "request_timeouts", "response_drift",
}

func TestCloudLocalExecution(t *testing.T) {
	t.Parallel()
	stub := newCloudStub(t)
	r := k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"cloud", "run", "--local-execution", "-e", "CONCURRENT=10", "-e", "DURATION=6", "-e", "THINK=0.1",
			"-e", "GATE=fail", "-e", "WAIVE=" + k6test.Noisy, filepath.Join(k6test.Root(t), "scripts", "100users.js")},
		Env: stub.environment(map[string]string{"DATABASE_URL": secretURL(t)}),
	})
	require.Zero(t, r.Code, r.Output())
	requireEverythingStreamed(t, stub, r)
	require.Equal(t, []int64{cloudProject}, stub.projects)
	require.Contains(t, stub.names[0], "FlowBoard 100users")
	require.Len(t, stub.archives, 1)
	require.Equal(t, 1, stub.finished)
	stub.requireNoSecret(t)
}

// k6 v2.2 sends its log to the cloud as well, unless it is told not to.
func TestCloudLogs(t *testing.T) {
	t.Parallel()
	missing, err := url.Parse(secretURL(t))
	require.NoError(t, err)
	missing.Path = "/no_such_database"
	script := k6test.Script(t, `
import { Pool } from 'k6/x/pgxpool';
const pool = new Pool();
export default () => { pool.query('SELECT 1'); };
`)
	run := func(more ...string) *cloudStub {
		stub := newCloudStub(t)
		args := append([]string{"cloud", "run", "--local-execution"}, more...)
		r := k6test.K6(t, k6test.Run{Plain: true,
			Args: append(args, script), Env: stub.environment(map[string]string{"DATABASE_URL": missing.String()}),
		})
		require.Contains(t, r.Output(), "no_such_database")
		return stub
	}
	logs := strings.Join(run().logs, "")
	require.Contains(t, logs, "no_such_database", "why it failed is in the log")
	requireNoSecret(t, logs)
	require.NotContains(t, logs, "postgres://")
	require.Empty(t, run("--no-cloud-logs").logs)
}

func TestCloudOutput(t *testing.T) {
	t.Parallel()
	stub := newCloudStub(t)
	r := k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "-o", "cloud", everything(t)},
		Env:  stub.environment(map[string]string{"DATABASE_URL": secretURL(t)}),
	})
	require.Equal(t, exitThresholds, r.Code, r.Output())
	requireEverythingStreamed(t, stub, r)
	streamed := stub.byMetric()
	for _, name := range poolMetrics {
		require.Positive(t, streamed[name].Count+int(streamed[name].Sum), name)
	}
	require.Empty(t, stub.archives)
	require.Contains(t, stub.names[0], "FlowBoard everything")
	require.Contains(t, stub.names[0], fmt.Sprintf(`"project_id":%d`, cloudProject))
	require.Equal(t, 1, stub.finished)
	stub.requireNoSecret(t)
}

// With -e the project is named in the script's options, which an archive keeps.
func TestCloudProjectOfAnArchive(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "archive.tar")
	scenario := filepath.Join(k6test.Root(t), "scripts", "100users.js")
	r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"archive", "-e", "K6_CLOUD_PROJECT_ID=12", "-O", archive, scenario}})
	require.Zero(t, r.Code, r.Output())
	r = k6test.K6(t, k6test.Run{Plain: true, Args: []string{"inspect", archive}})
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stdout, `"projectID": 12`)
	r = k6test.K6(t, k6test.Run{Plain: true, Args: []string{"inspect", "-e", "K6_CLOUD_PROJECT_ID=mine", scenario}})
	require.Equal(t, exitScriptException, r.Code, r.Output())
	require.Contains(t, r.Stderr, `K6_CLOUD_PROJECT_ID: \"mine\" is not accepted; use an integer of at least 1`)
}

// secretURL is a database of the test's own for a user with a password to be
// looked for.
func secretURL(t *testing.T) string {
	t.Helper()
	database := pgtest.Database(t)
	conn := pgtest.Conn(t, database)
	role := "cloud_" + strings.ToLower(t.Name())
	_, err := conn.Exec(t.Context(), "CREATE ROLE "+role+" SUPERUSER LOGIN PASSWORD '"+strings.ReplaceAll(secret, "'", "''")+"'")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := conn.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		require.NoError(t, err)
	})
	return asRole(t, database, role, secret)
}

// requireNoSecret looks through all that the cloud was sent.
func (s *cloudStub) requireNoSecret(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.sent)
	for _, body := range s.sent {
		requireNoSecret(t, string(body))
	}
}
