package verdict_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/schematest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func schema(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("schema.json")
	require.NoError(t, err)
	return text
}

func TestSummaryFollowsItsSchema(t *testing.T) {
	for name, report := range reports(t) {
		text, err := report.JSON()
		require.NoError(t, err)
		require.NoError(t, schematest.Errors(t, schema(t), text), name)
	}
}

func TestSchemaSeesViolations(t *testing.T) {
	text, err := reports(t)["pass"].JSON()
	require.NoError(t, err)
	for name, change := range map[string]func(map[string]any){
		"missing": func(s map[string]any) { delete(s, "verdict") },
		"unknown": func(s map[string]any) { s["mood"] = "good" },
		"enum":    func(s map[string]any) { s["verdict"] = "pass" },
		"version": func(s map[string]any) { s["schema"] = verdict.SchemaVersion + 1 },
		"type":    func(s map[string]any) { s["notes"] = "none" },
		"date":    func(s map[string]any) { s["run"].(map[string]any)["started"] = "yesterday" },
		"ref": func(s map[string]any) {
			delete(s["criteria"].([]any)[0].(map[string]any)["guard"].(map[string]any), "metric")
		},
	} {
		var summary map[string]any
		require.NoError(t, json.Unmarshal(text, &summary))
		change(summary)
		changed, err := json.Marshal(summary)
		require.NoError(t, err)
		require.Error(t, schematest.Errors(t, schema(t), changed), name)
	}
}

func TestSummaryRoundTrip(t *testing.T) {
	for name, report := range reports(t) {
		text, err := report.JSON()
		require.NoError(t, err)
		summary, err := verdict.ParseSummary(text)
		require.NoError(t, err)
		require.Equal(t, report.Verdict, summary.Verdict, name)
		require.Equal(t, report.Gate, summary.Gate)
		require.Equal(t, report.GateHolds, summary.GateHolds)
		require.Equal(t, report.Run, summary.Run)
		require.Equal(t, append([]string{}, report.Notes...), summary.Notes)
		require.Equal(t, report.Overview(), summary.Overview)
		require.Equal(t, report.Metrics, summary.Metrics)
		require.Equal(t, report.Run.ConfigurationHash(), summary.ConfigurationHash)
		for i, row := range report.Rows {
			got := summary.Criteria[i]
			require.Equal(t, row.Verdict, got.Verdict)
			require.Equal(t, row.Waived, got.Waived)
			require.Equal(t, row.Measured, got.Measured)
			require.Equal(t, row.Reason, got.Reason)
			require.Equal(t, row.Guard, got.Guard)
		}
	}
}

func TestSummaryOfAnotherSchema(t *testing.T) {
	_, err := verdict.ParseSummary([]byte(`{"schema": 2}`))
	require.EqualError(t, err, "summary has schema 2; use 1")
	_, err = verdict.ParseSummary([]byte(`PASS`))
	require.ErrorContains(t, err, "verdict: reading summary: ")
}

// Values that no run has, of a file that somebody wrote, are refused by name.
func TestParseSummaryRefuses(t *testing.T) {
	for file, want := range map[string]string{
		`{"schema": 1}`:                    "it has no verdict",
		`{"schema": 1, "verdict": "GOOD"}`: `its verdict is "GOOD"; use PASS, WARNING or FAIL`,
		`{"schema": 1, "verdict": "PASS", "run": {"duration_s": -1}}`:                                                  "-1 s; use 0 to 1e9",
		`{"schema": 1, "verdict": "PASS", "run": {"users": 2000000000}}`:                                               "its run has 2000000000 users",
		`{"schema": 1, "verdict": "PASS", "metrics": {"request_success": {"type": "rate", "values": {"fails": -1}}}}`:  "its metric request_success has a fails of -1",
		`{"schema": 1, "verdict": "PASS", "metrics": {"vus": {"type": "gauge", "values": {"value": 1e101}}}}`:          "its metric vus has a value of 1e+101",
		`{"schema": 1, "verdict": "PASS", "metrics": {"wait": {"type": "trend", "values": {"count": -1, "avg": -1}}}}`: "its metric wait has a count of -1",
		`{"schema": 1, "verdict": "PASS", "recording": {"phases": {"load": {"windows": [{"start": "yesterday"}]}}}}`:   "verdict: reading summary: ",
		`{"schema": 1, "verdict": "PASS", "run": {"users": "many"}}`:                                                   "verdict: reading summary: ",
	} {
		_, err := verdict.ParseSummary([]byte(file))
		require.ErrorContains(t, err, want, file)
	}
}

func TestWhatJSONHasNoNumberForIsLeftOutAndSaid(t *testing.T) {
	report, err := verdict.Evaluate(verdict.Input{
		Criteria: loadScript(t).rows("poolCriteria"),
		Metrics: map[string]verdict.Metric{
			"response_drift": {Type: "gauge", Values: map[string]float64{"value": math.Inf(1), "min": 1}},
			"mine":           {Type: "trend", Values: map[string]float64{"avg": math.NaN()}},
		},
	})
	require.NoError(t, err)
	text, err := report.JSON()
	require.NoError(t, err)
	summary, err := verdict.ParseSummary(text)
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"min": 1}, summary.Metrics["response_drift"].Values)
	require.Contains(t, summary.Notes, "value of response_drift is +Inf and left out.")
	require.Contains(t, summary.Notes, "avg of mine is NaN and left out.")
}

func TestConfigurationHash(t *testing.T) {
	run := testRun()
	same := testRun()
	same.Cores, same.Started, same.Duration, same.Versions = 64, run.Started.AddDate(1, 0, 0), 10, nil
	require.Equal(t, run.ConfigurationHash(), same.ConfigurationHash(), "machine, time and versions are compared apart")
	for name, change := range map[string]func(*verdict.Run){
		"script":        func(r *verdict.Run) { r.Script = "spike" },
		"users":         func(r *verdict.Run) { r.Users++ },
		"target":        func(r *verdict.Run) { r.Target = "http://app" },
		"configuration": func(r *verdict.Run) { r.Configuration = verdict.Configuration{"poolSize": "21"} },
	} {
		other := testRun()
		change(&other)
		require.NotEqual(t, run.ConfigurationHash(), other.ConfigurationHash(), name)
	}
	require.Equal(t, verdict.Run{}.ConfigurationHash(), verdict.Run{Configuration: verdict.Configuration{}}.ConfigurationHash())
}
