package verdict_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func scriptOptions(js *script) map[string]any {
	return map[string]any{
		"criteria": js.criteria("poolCriteria").Export(),
		"gate":     "fail",
		"waive":    []any{"db_cpu"},
		"notes":    []any{"a note"},
		"run": map[string]any{
			"script": "100users", "users": int64(100), "target": "",
			"configuration": map[string]any{"think": 1.5, "hold": 0.25, "users": 100.0, "endpoint": "/api", "warm": true, "none": nil},
		},
	}
}

func TestFromScript(t *testing.T) {
	js := loadScript(t)
	e := engineOf(t, goodRun())
	e.judge(js.thresholds("poolCriteria", "fail", []string{"db_cpu"}))
	in, err := verdict.FromScript(e.data(), scriptOptions(js))
	require.NoError(t, err)
	require.Equal(t, js.rows("poolCriteria"), in.Criteria)
	require.Equal(t, "fail", in.Gate)
	require.Equal(t, []string{"db_cpu"}, in.Waived)
	require.Equal(t, []string{"a note"}, in.Notes)
	require.False(t, in.NoThresholds)
	require.Equal(t, verdict.Run{
		Script: "100users", Users: 100, Duration: testDuration.Seconds(),
		Configuration: verdict.Configuration{"think": "1.5", "hold": "0.25", "users": "100", "endpoint": "/api", "warm": "true"},
	}, in.Run)
	require.InDelta(t, 0, in.Metrics["request_timeouts"].Values["count"], 0)
	require.Equal(t, map[string]bool{"rate>=0.90": true}, in.Metrics["request_success"].Thresholds)

	report, err := verdict.Evaluate(in)
	require.NoError(t, err)
	require.Equal(t, verdict.Pass, report.Verdict)
}

// A script may have copied the data, which makes k6's Go maps plain ones.
func TestFromScriptTakesCopiedData(t *testing.T) {
	in, err := verdict.FromScript(map[string]any{"metrics": map[string]any{
		"request_success": map[string]any{"type": "rate", "values": map[string]any{"rate": int64(1), "passes": int64(7), "fails": 0.0}},
	}}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"rate": 1, "passes": 7, "fails": 0}, in.Metrics["request_success"].Values)
}

// --summary-trend-stats decides how k6 spells a percentile.
func TestPercentilesAreFoundInAnySpelling(t *testing.T) {
	e := engineOf(t, goodRun())
	e.stats = []string{"p(95.0)"}
	row := rowOf(t, e.evaluate(loadScript(t).rows("poolCriteria"), "pass", nil, nil), "active_connections")
	require.Equal(t, verdict.Pass, row.Verdict, row.Reason)
	require.InDelta(t, 50, *row.Measured, 0)
}

// k6's machine-readable data are a Go type of its own.
func TestFromScriptTakesMachineReadableData(t *testing.T) {
	type metric struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Contains string `json:"contains"`
		Values   any    `json:"values"`
	}
	data := struct {
		Config  map[string]any `json:"config"`
		Results map[string]any `json:"results"`
	}{
		map[string]any{"duration": 12.5},
		map[string]any{"metrics": []metric{
			{"request_success", "rate", "default", map[string]float64{"matches": 9, "total": 10, "rate": 0.9}},
			{"response_drift", "gauge", "default", map[string]float64{"value": 1.1}},
		}},
	}
	in, err := verdict.FromScript(data, scriptOptions(loadScript(t)))
	require.NoError(t, err)
	require.InDelta(t, 12.5, in.Run.Duration, 0)
	require.InDelta(t, 9, in.Metrics["request_success"].Values["passes"], 0)
	require.InDelta(t, 1, in.Metrics["request_success"].Values["fails"], 0)
	require.False(t, in.NoThresholds, "the machine-readable form does not say")
	require.False(t, verdict.Color(data))
}

func TestFromScriptRefuses(t *testing.T) {
	js := loadScript(t)
	data := engineOf(t, goodRun()).data()
	options := func(change func(map[string]any)) map[string]any {
		options := scriptOptions(js)
		change(options)
		return options
	}
	const noMetrics = "there are no metrics in it: hand over what k6 gave to handleSummary"
	for name, test := range map[string]struct {
		data, options any
		want          string
	}{
		"unknown option": {data, options(func(o map[string]any) { o["waived"] = "x" }), `verdict: options: json: unknown field "waived"`},
		"mistyped":       {data, options(func(o map[string]any) { o["waive"] = "db_cpu" }), "verdict: options: waive is a string; use an array"},
		"unknown column": {data, options(func(o map[string]any) { o["criteria"] = []any{map[string]any{"limit": 1}} }), `verdict: options: json: unknown field "limit"`},
		"no data":        {nil, scriptOptions(js), "verdict: data: " + noMetrics},
		"other data":     {map[string]any{"metrics": 1}, scriptOptions(js), "verdict: data: " + noMetrics},
		"no type":        {map[string]any{"metrics": map[string]any{"m": 1}}, scriptOptions(js), `verdict: data: metric "m" has no type`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verdict.FromScript(test.data, test.options)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestWithoutThresholdsTheExitCodeIsNotPromised(t *testing.T) {
	js := loadScript(t)
	r := goodRun()
	r.failed = 1000
	in, err := verdict.FromScript(engineOf(t, r).data(), scriptOptions(js))
	require.NoError(t, err)
	report, err := verdict.Evaluate(in)
	require.NoError(t, err)
	require.Contains(t, report.Terminal(false, 200), "GATE=fail does not hold, but k6 judged no thresholds")
	require.NotContains(t, report.Markdown(), "exits with 99")
}

// k6 has another exit code for a run that was stopped, whatever the gate says.
func TestACutShortRunPromisesNoExitCode(t *testing.T) {
	js := loadScript(t)
	for failed, want := range map[int]string{
		0:    "GATE=fail holds as far as the run went. It was cut short; k6's exit code says by what",
		1000: "GATE=fail does not hold, and the run was cut short; k6's exit code says by what",
	} {
		r := goodRun()
		r.failed = failed
		in, err := verdict.FromScript(engineOf(t, r).data(), scriptOptions(js))
		require.NoError(t, err)
		in.Run.CutShort = true
		report, err := verdict.Evaluate(in)
		require.NoError(t, err)
		require.Contains(t, report.Terminal(false, 200), want)
		require.NotContains(t, report.Markdown(), "exits with 99")
		require.NotContains(t, report.GateText(), "--no-thresholds")
	}
}

func TestColor(t *testing.T) {
	data := func(terminal, off bool) map[string]any {
		return map[string]any{
			"state": map[string]any{"isStdOutTTY": terminal}, "options": map[string]any{"noColor": off},
		}
	}
	require.True(t, verdict.Color(data(true, false)))
	require.False(t, verdict.Color(data(true, true)))
	require.False(t, verdict.Color(data(false, false)))
	require.False(t, verdict.Color(nil))
}

func TestRunLengths(t *testing.T) {
	for length, want := range map[time.Duration]string{
		400 * time.Millisecond: "400 ms", 5 * time.Second: "5 s", 45 * time.Second: "45 s", 300400 * time.Millisecond: "5 min",
		90 * time.Second: "1 min 30 s", time.Hour: "1 h", 65 * time.Minute: "1 h 5 min",
	} {
		report, err := verdict.Evaluate(verdict.Input{
			Criteria: loadScript(t).rows("poolCriteria"), Run: verdict.Run{Script: "s", Duration: length.Seconds()},
		})
		require.NoError(t, err)
		require.Contains(t, report.Terminal(false, 0), "FAIL  s, "+want+"\n")
	}
}
