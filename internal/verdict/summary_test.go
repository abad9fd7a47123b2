package verdict_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func TestSummaryFollowsItsSchema(t *testing.T) {
	var schema map[string]any
	require.NoError(t, json.Unmarshal(verdict.Schema, &schema))
	require.InDelta(t, verdict.SchemaVersion, schema["properties"].(map[string]any)["schema"].(map[string]any)["const"], 0)
	for name, report := range reports(t) {
		text, err := report.JSON()
		require.NoError(t, err)
		var summary any
		require.NoError(t, json.Unmarshal(text, &summary))
		require.Empty(t, violations(schema, schema, summary, name))
	}
}

func TestSchemaCheckSeesViolations(t *testing.T) {
	var schema map[string]any
	require.NoError(t, json.Unmarshal(verdict.Schema, &schema))
	text, err := reports(t)["pass"].JSON()
	require.NoError(t, err)
	for name, change := range map[string]func(map[string]any){
		"missing": func(s map[string]any) { delete(s, "verdict") },
		"unknown": func(s map[string]any) { s["mood"] = "good" },
		"enum":    func(s map[string]any) { s["verdict"] = "pass" },
		"const":   func(s map[string]any) { s["schema"] = 2.0 },
		"type":    func(s map[string]any) { s["notes"] = "none" },
		"ref": func(s map[string]any) {
			delete(s["criteria"].([]any)[0].(map[string]any)["guard"].(map[string]any), "metric")
		},
	} {
		var summary map[string]any
		require.NoError(t, json.Unmarshal(text, &summary))
		change(summary)
		require.Len(t, violations(schema, schema, summary, "$"), 1, name)
	}
}

// violations checks the part of JSON Schema that schema.json uses.
func violations(root, schema map[string]any, value any, path string) []string {
	if ref, ok := schema["$ref"].(string); ok {
		schema = root["$defs"].(map[string]any)[ref[len("#/$defs/"):]].(map[string]any)
	}
	var found []string
	complain := func(format string, args ...any) {
		found = append(found, path+": "+fmt.Sprintf(format, args...))
	}
	if want, ok := schema["const"]; ok && value != want {
		complain("%v is not %v", value, want)
	}
	if accepted, ok := schema["enum"].([]any); ok && !slices.Contains(accepted, value) {
		complain("%v is not one of %v", value, accepted)
	}
	if want, ok := schema["type"]; ok && !isType(want, value) {
		complain("%v is not of type %v", value, want)
		return found
	}
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			found = append(found, violations(root, schema["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case map[string]any:
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := value[name.(string)]; !ok {
				complain("%v is missing", name)
			}
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, item := range value {
			part, ok := properties[name].(map[string]any)
			if !ok {
				part, ok = schema["additionalProperties"].(map[string]any)
			}
			if !ok {
				complain("%s is unknown", name)
				continue
			}
			found = append(found, violations(root, part, item, path+"."+name)...)
		}
	}
	return found
}

func isType(want, value any) bool {
	if choices, ok := want.([]any); ok {
		return slices.ContainsFunc(choices, func(choice any) bool { return isType(choice, value) })
	}
	switch value := value.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	case float64:
		return want == "number" || want == "integer" && value == math.Trunc(value)
	default:
		return false
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
		require.Equal(t, report.Notes, summary.Notes)
		require.Equal(t, report.Overview(), summary.Overview)
		require.Equal(t, report.Metrics, summary.Metrics)
		require.Equal(t, report.Run.ConfigurationHash(), summary.ConfigurationHash)
		for i, row := range report.Rows {
			got := summary.Criteria[i]
			require.Equal(t, row.Verdict, got.Verdict)
			require.Equal(t, row.Waived, got.Waived)
			require.Equal(t, row.Measured, got.Measured)
			require.Equal(t, row.Reason, got.Reason)
			require.Equal(t, row.Criterion.Guard, got.Guard)
		}
	}
}

func TestSummaryOfAnotherSchema(t *testing.T) {
	_, err := verdict.ParseSummary([]byte(`{"schema": 2}`))
	require.EqualError(t, err, "summary has schema 2: accepted is 1")
	_, err = verdict.ParseSummary([]byte(`PASS`))
	require.ErrorContains(t, err, "verdict: reading summary: ")
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
		"configuration": func(r *verdict.Run) { r.Configuration = verdict.ConfigurationOf(map[string]string{"poolSize": "21"}) },
	} {
		other := testRun()
		change(&other)
		require.NotEqual(t, run.ConfigurationHash(), other.ConfigurationHash(), name)
	}
	require.Equal(t, verdict.Run{}.ConfigurationHash(), verdict.Run{Configuration: verdict.ConfigurationOf(map[string]string{})}.ConfigurationHash())
}
