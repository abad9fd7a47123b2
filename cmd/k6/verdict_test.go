//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/schematest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// exitThresholds is k6's exit code for thresholds that were crossed.
const exitThresholds = 99

// judged is a scenario of its own: users who hold a connection for a while,
// judged by the runbook's criteria.
func judged(t *testing.T, options, body string) string {
	root := k6test.Root(t)
	return k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import { sleep } from 'k6';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';

const pool = new Pool(%[2]s);
const verdict = judge({ script: 'test', users: 4, criteria: poolCriteria });
export const options = { vus: 4, duration: '4s', ...verdict.options };
export const handleSummary = verdict.handleSummary;
export default function () { %[3]s }
`, root, options, body))
}

type summary struct {
	Verdict  string
	Criteria []struct{ Name, Verdict, Reason string }
	Overview struct {
		RequestsPerSecond float64 `json:"requests_per_s"`
		InUse             float64 `json:"connections_in_use_mean"`
	}
}

func summaryOf(t *testing.T, r k6test.Result) (s summary) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.File(t, "results/summary.json")), &s))
	followsSchema(t, r, "summary.json", "verdict")
	return s
}

// followsSchema holds a file in results/ to the schema that docs/output.md names.
func followsSchema(t *testing.T, r k6test.Result, file, schema string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), "internal", schema, "schema.json"))
	require.NoError(t, err)
	require.NoError(t, schematest.Errors(t, text, []byte(r.File(t, "results/"+file))), file)
}

func run(t *testing.T, script string, env map[string]string, flags ...string) k6test.Result {
	t.Helper()
	env = maps.Clone(env) // tests that run side by side share some
	if env == nil {
		env = map[string]string{}
	}
	if _, ok := env["DATABASE_URL"]; !ok {
		env["DATABASE_URL"] = pgtest.Database(t)
	}
	return k6test.K6(t, k6test.Run{Args: append(append([]string{"run"}, flags...), script), Env: env})
}

const holding = `request(() => pool.query('SELECT pg_sleep(0.05)')); sleep(0.05);`

func TestPassExitsZero(t *testing.T) {
	t.Parallel()
	r := run(t, judged(t, `{ poolSize: 10 }`, holding), map[string]string{"WAIVE": k6test.Noisy})
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stdout, "PASS")
	require.Equal(t, "PASS", summaryOf(t, r).Verdict)
	require.Contains(t, r.File(t, "results/summary.md"), "waived", "the report shows the waiver")
	require.Contains(t, r.File(t, "results/junit.xml"), "<testsuite")
	require.Contains(t, r.File(t, "results/report.html"), "<svg")
	summary, err := verdict.ParseSummary([]byte(r.File(t, "results/summary.json")))
	require.NoError(t, err)
	for _, program := range []string{"go", "k6", "pgx", "pgxpool", "postgresql"} {
		require.NotEmpty(t, summary.Run.Versions[program], program)
	}
}

// With compact metrics k6 sees no Trend of ours, and verdict and exit code are
// those of full metrics: by gauges that k6 judges.
func TestCompactMetricsHaveTheSameVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options, verdict string
		code             int
	}{
		"enough connections": {`{ poolSize: 10 }`, "PASS", 0},
		"too few":            {`{ poolSize: 1, maxOverflow: 0 }`, "FAIL", exitThresholds},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, judged(t, c.options, holding), map[string]string{"WAIVE": k6test.Noisy, "METRICS": "compact"}, "--out", "json=samples.json")
			require.Equal(t, c.code, r.Code, r.Output())
			require.Equal(t, c.verdict, summaryOf(t, r).Verdict)
			summary, err := verdict.ParseSummary([]byte(r.File(t, "results/summary.json")))
			require.NoError(t, err)
			require.Greater(t, summary.Metrics["pgxpool_use_duration"].Values["p(95)"], 50.0, "the report has the distribution")
			samples := r.File(t, "samples.json")
			require.Contains(t, samples, `"metric":"pgxpool_utilization_p95"`)
			for _, trend := range []string{"pgxpool_query_duration", "pgxpool_acquire_duration", "request_duration", "pgxpool_utilization"} {
				require.NotContains(t, samples, `"metric":"`+trend+`","type":"Point"`)
			}
		})
	}
}

func TestWarningHoldsOnlyTheFailGate(t *testing.T) {
	t.Parallel()
	// All four connections of the base size in use all the time, nobody waits.
	script := judged(t, `{ poolSize: 4, maxOverflow: 4 }`, `request(() => pool.query('SELECT pg_sleep(0.05)'));`)
	for gate, code := range map[string]int{"pass": exitThresholds, "fail": 0} {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			r := run(t, script, map[string]string{"WAIVE": k6test.Noisy, "GATE": gate})
			require.Equal(t, code, r.Code, r.Output())
			require.Equal(t, "WARNING", summaryOf(t, r).Verdict, r.Output())
		})
	}
}

func TestFailHoldsNoGate(t *testing.T) {
	t.Parallel()
	script := judged(t, `{ poolSize: 1, maxOverflow: 0, poolTimeout: 50 }`, `request(() => pool.query('SELECT pg_sleep(0.2)'));`)
	for _, gate := range []string{"pass", "fail"} {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			r := run(t, script, map[string]string{"GATE": gate, "WAIVE": k6test.Noisy})
			require.Equal(t, exitThresholds, r.Code, r.Output())
			require.Equal(t, "FAIL", summaryOf(t, r).Verdict)
			require.Contains(t, r.Output(), "PoolTimeoutError")
		})
	}
}

func TestNoDataIsAFail(t *testing.T) {
	t.Parallel()
	for _, gate := range []string{"pass", "fail"} {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			r := run(t, judged(t, `{}`, `sleep(0.5);`), map[string]string{"GATE": gate})
			require.Equal(t, exitThresholds, r.Code, r.Output())
			s := summaryOf(t, r)
			require.Equal(t, "FAIL", s.Verdict)
			for _, row := range s.Criteria {
				require.Equal(t, "FAIL", row.Verdict, row.Name)
				require.NotEmpty(t, row.Reason, row.Name)
			}
		})
	}
}

// The CPU of a database that this role may not look at: a WARNING that says
// which grant is missing, and no more than that.
func TestUnreadableCPUIsAWarning(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	conn := pgtest.Conn(t, url)
	_, err := conn.Exec(t.Context(), "DROP ROLE IF EXISTS blind; CREATE ROLE blind LOGIN PASSWORD 'blind'")
	require.NoError(t, err)
	blind := asRole(t, url, "blind", "blind")
	script := judged(t, `{ poolSize: 10 }`, holding)
	for name, test := range map[string]struct {
		gate, waived string
		code         int
		verdict      string
	}{
		"only the fail gate holds": {"fail", "response_drift,longest_stall", 0, "WARNING"},
		"the pass gate does not":   {"pass", "response_drift,longest_stall", exitThresholds, "WARNING"},
		"waived":                   {"pass", k6test.Noisy, 0, "PASS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, script, map[string]string{"DATABASE_URL": blind, "GATE": test.gate, "WAIVE": test.waived})
			require.Equal(t, test.code, r.Code, r.Output())
			require.Equal(t, test.verdict, summaryOf(t, r).Verdict)
			require.Equal(t, 1, strings.Count(r.Stderr, "pg_read_server_files"), "one warning that names the grant: %s", r.Stderr)
		})
	}
}

// The main job itself, short, on the temporary PostgreSQL.
func Test100Users(t *testing.T) {
	t.Parallel()
	script := filepath.Join(k6test.Root(t), "scripts", "100users.js")
	r := k6test.K6(t, k6test.Run{
		Args: []string{"run", "-e", "CONCURRENT=10", "-e", "DURATION=6", "-e", "THINK=0.2", "-e", "INTERVAL=1",
			"-e", "WAIVE=" + k6test.Noisy, script},
	})
	require.Zero(t, r.Code, r.Output())
	require.Regexp(t, `(?m)^Pool Status: Active=\d+, Available=\d+, Total=20, Utilization=\d+\.\d%$`, r.Stdout)
	require.Contains(t, r.Output(), "temporary PostgreSQL")
	s := summaryOf(t, r)
	require.Equal(t, "PASS", s.Verdict)
	require.Len(t, s.Criteria, 7)
	// Little's law, of the connections: whatever the machine takes, as much is in use.
	held := reportOf(t, r).Metrics["pgxpool_use_duration"].Values["avg"] / 1000
	require.InDelta(t, held*s.Overview.RequestsPerSecond, s.Overview.InUse, 1.5)
	require.Greater(t, held, 0.05, "HOLD is 0.1 s on average")
	require.Regexp(t, `This load never had more than \d+ of 60 connections in use: it cannot tell 20\+40 from \d+\+0\.`, r.File(t, "results/summary.md"))
}

// A script that imports nothing of the clone: its iterations are its requests.
func TestAnyScriptIsJudged(t *testing.T) {
	t.Parallel()
	const script = `
import pgxpool, { Pool } from 'k6/x/pgxpool';
const pool = new Pool({ poolSize: 5, maxOverflow: 0 });
export const options = { vus: 2, duration: '4s', thresholds: pgxpool.thresholds() };
export const handleSummary = (data) => pgxpool.verdict(data);
export default function () {
  pool.query('SELECT pg_sleep(0.02)');
  if (__ENV.BREAK && __ITER % 4 === 0) throw new Error('broken');
}`
	for name, test := range map[string]struct {
		breaks string
		code   int
		check  func(t *testing.T, r k6test.Result)
	}{
		"sound": {"", 0, func(t *testing.T, r k6test.Result) {
			require.Equal(t, "PASS", summaryOf(t, r).Verdict)
			require.NotContains(t, r.Output(), "k6 will exit with 0")
		}},
		"broken": {"1", exitThresholds, func(t *testing.T, r k6test.Result) {
			require.Regexp(t, `Success rate +7\d\.\d %`, r.Stdout)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, k6test.Script(t, script), map[string]string{"BREAK": test.breaks, "WAIVE": k6test.Noisy}, "--quiet")
			require.Equal(t, test.code, r.Code, r.Output())
			test.check(t, r)
		})
	}
}

// Without thresholds of the criteria k6 exits with 0: said before the load and
// in the report.
func TestAVerdictWithoutThresholdsSaysSo(t *testing.T) {
	t.Parallel()
	r := run(t, k6test.Script(t, `
import pgxpool, { Pool } from 'k6/x/pgxpool';
const pool = new Pool();
export const options = { iterations: 1 };
export function handleSummary(data) { return pgxpool.verdict(data); }
export default function () { pool.query('SELECT 1'); }`), nil, "--quiet")
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stderr, "k6 will exit with 0 whatever the verdict")
	require.Contains(t, r.Stdout, "exits with 0: put pgxpool.thresholds() into the script's options")
}

// With --summary-mode full every metric stands beside the verdict.
func TestTheFullSummaryShowsEveryMetric(t *testing.T) {
	t.Parallel()
	script := judged(t, `{ poolSize: 10 }`, holding)
	r := run(t, script, map[string]string{"WAIVE": k6test.Noisy}, "--quiet", "--summary-mode", "full", "--duration", "1s")
	require.Regexp(t, `(?m)^  pgxpool_query_duration +avg=\S+ms .*p\(95\)=`, r.Stdout)
	require.Regexp(t, `(?m)^  request_success +.*rate=100\.0%`, r.Stdout)
	require.Contains(t, r.Stdout, "Criterion")
	r = run(t, script, map[string]string{"WAIVE": k6test.Noisy}, "--quiet", "--duration", "1s")
	require.NotContains(t, r.Stdout, "pgxpool_query_duration")
}
