package verdict_test

import (
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

var update = flag.Bool("update", false, "write the golden files anew")

func testRun() verdict.Run {
	return verdict.Run{
		Script: "100users", Users: 100, Duration: 300, Started: began, Cores: 2, Platform: "linux/amd64",
		Configuration: verdict.Configuration{"poolSize": "20", "maxOverflow": "40", "poolTimeout": "30s"},
		Versions:      map[string]string{"k6": "v2.2.0", "pgxpool": "v0.1.0", "postgresql": "15.8", "go": "go1.26.0"},
	}
}

// recorded is what the recording of a run has of its timeouts.
func recorded(r run) timeline.Snapshot {
	var recorder timeline.Recorder
	for range r.timeouts {
		recorder.Record([]timeline.Observation{
			{Measure: timeline.Wait, At: began, Value: 30_000, Pool: "default"},
			{Measure: timeline.AcquireTimeout, At: began, Value: 1, Pool: "default"},
			{Measure: timeline.Active, At: began, Value: 60, Pool: "default"},
			{Measure: timeline.Waiting, At: began, Value: 40, Pool: "default"},
		})
	}
	return recorder.Snapshot()
}

// report is the judgment of a run for the renderings.
func report(t *testing.T, gate string, waive []string, change func(*run)) verdict.Report {
	t.Helper()
	r := goodRun()
	change(&r)
	js := loadScript(t)
	e := engineOf(t, r)
	e.judge(js.thresholds("poolCriteria", gate, waive))
	e.add("pgxpool_active_sampled", 12, 34)
	report, err := verdict.Evaluate(verdict.Input{
		Criteria: js.rows("poolCriteria"), Metrics: e.decoded(), Gate: gate, Waived: waive,
		Unmeasured: map[string]string{"pgxpool_db_cpu": "the role may not read /proc/stat (pg_read_server_files)"},
		Missing:    map[string]string{"response_drift": "the first third of the run has 3 responses: at least 20 are needed"},
		Notes:      []string{"The first run also fills the tables."},
		Run:        testRun(),
		Timeline:   recorded(r),
	})
	require.NoError(t, err)
	return report
}

func reports(t *testing.T) map[string]verdict.Report {
	workload := report(t, "pass", nil, func(*run) {})
	workload.Statements = []verdict.Statement{
		{Name: "list.sql:3", Calls: 1200, Failed: 4, Mean: 1.25, P95: 4, HoldShare: 0.75},
		{Name: "list.sql:9"},
	}
	return map[string]verdict.Report{
		"pass": report(t, "pass", nil, func(*run) {}),
		"warning": report(t, "fail", nil, func(r *run) {
			r.utilization, r.timeouts, r.success, r.failed = []float64{230}, 4, 996, 4
		}),
		"fail": report(t, "pass", nil, func(r *run) {
			r.success, r.failed, r.timeouts = 526, 474, 474
			r.utilization, r.waiting, r.inOverflow = []float64{300}, []float64{40}, 98
			r.drift = []float64{1.62}
		}),
		"stopped": report(t, "pass", nil, func(r *run) { r.cpu = []float64{64} }),
		"waived":  report(t, "pass", []string{"db_cpu"}, func(r *run) { r.cpu = nil }),
		"nodata":  report(t, "fail", nil, func(r *run) { *r = run{} }),
		"setup": evaluated(t, verdict.Input{Setup: &verdict.SetupFailure{
			Cause: "permission denied for schema xk6_pgxpool (42501)", Advice: "GRANT CREATE ON DATABASE lets the role make it.",
		}}),
		"interrupted": evaluated(t, verdict.Input{Setup: &verdict.SetupFailure{Cause: "setup() was cut off", Stopped: true}, Gate: "fail"}),
		"workload":    workload,
	}
}

// evaluated is the judgment of a run whose setup() failed.
func evaluated(t *testing.T, in verdict.Input) verdict.Report {
	t.Helper()
	in.Run, in.Criteria, in.Metrics = testRun(), loadScript(t).rows("poolCriteria"), map[string]verdict.Metric{}
	report, err := verdict.Evaluate(in)
	require.NoError(t, err)
	return report
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s: go test ./verdict -update writes it anew", name)
}

func TestGolden(t *testing.T) {
	for name, report := range reports(t) {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", report.Terminal(false, 80))
			golden(t, name+".md", report.Markdown())
			json, err := report.JSON()
			require.NoError(t, err)
			golden(t, name+".json", string(json))
			junit, err := report.JUnit()
			require.NoError(t, err)
			golden(t, name+".xml", string(junit))
		})
	}
}

func TestTerminalFitsItsWidth(t *testing.T) {
	for name, report := range reports(t) {
		for _, width := range []int{80, 100, 200} {
			for line := range strings.Lines(report.Terminal(false, width)) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), width, "%s: %s", name, line)
			}
		}
	}
}

func TestTheVerdictIsTheLastLine(t *testing.T) {
	for name, report := range reports(t) {
		lines := strings.Split(strings.TrimSpace(report.Terminal(false, 0)), "\n")
		require.Equal(t, string(report.Verdict), lines[len(lines)-1], name)
		require.Regexp(t, "^"+string(report.Verdict)+"(  |: setup failed: )", lines[0], name)
	}
}

func TestColorOnlyWhenAsked(t *testing.T) {
	report := reports(t)["fail"]
	require.NotContains(t, report.Terminal(false, 80), "\x1b")
	colored := report.Terminal(true, 80)
	require.Contains(t, colored, "\x1b[31mFAIL\x1b[0m")
	require.Contains(t, colored, "\x1b[32mPASS\x1b[0m")
	require.Contains(t, reports(t)["warning"].Terminal(true, 80), "\x1b[33mWARNING\x1b[0m")
	plain := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(colored)
	require.Equal(t, report.Terminal(false, 80), plain, "color changes nothing else")
}

// What pipelines read of a JUnit report.
type suites struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Name      string `xml:"name,attr"`
			ClassName string `xml:"classname,attr"`
			Time      string `xml:"time,attr"`
			Failure   *struct {
				Message string `xml:"message,attr"`
				Type    string `xml:"type,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
			Skipped *struct {
				Message string `xml:"message,attr"`
			} `xml:"skipped"`
			SystemOut string `xml:"system-out"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func parseJUnit(t *testing.T, report verdict.Report) suites {
	t.Helper()
	text, err := report.JUnit()
	require.NoError(t, err)
	var parsed suites
	require.NoError(t, xml.Unmarshal(text, &parsed), "%s", text)
	return parsed
}

func TestJUnitFailsWhatTheGateStops(t *testing.T) {
	for name, report := range reports(t) {
		parsed := parseJUnit(t, report)
		require.Len(t, parsed.Suites, 1)
		suite := parsed.Suites[0]
		if report.Setup != nil {
			require.Len(t, suite.Cases, 1)
			require.Equal(t, "setup", suite.Cases[0].Name)
			require.Equal(t, report.Setup.Reason(), suite.Cases[0].Failure.Message)
			continue
		}
		require.Len(t, suite.Cases, len(report.Rows))
		failures, skipped := 0, 0
		for i, row := range report.Rows {
			c := suite.Cases[i]
			require.Equal(t, row.Name, c.Name)
			require.Equal(t, "pgxpool.100users", c.ClassName)
			require.Contains(t, c.SystemOut, string(row.Verdict), "a WARNING that the gate lets through is still said")
			require.Equal(t, row.Waived, c.Skipped != nil, "%s: %s", name, c.Name)
			require.Equal(t, !row.Waived && !report.Gate.Holds(row.Verdict), c.Failure != nil, "%s: %s", name, c.Name)
			if c.Failure != nil {
				failures++
				require.Equal(t, string(row.Verdict), c.Failure.Type)
				require.Equal(t, row.Reason, c.Failure.Message)
			}
			if c.Skipped != nil {
				skipped++
				require.Contains(t, c.Skipped.Message, "waived: ")
			}
		}
		require.Equal(t, report.GateHolds, failures == 0, name)
		for _, counts := range [][]int{
			{parsed.Tests, parsed.Failures, parsed.Errors, parsed.Skipped},
			{suite.Tests, suite.Failures, 0, suite.Skipped},
		} {
			require.Equal(t, []int{len(report.Rows), failures, 0, skipped}, counts, name)
		}
	}
}

// Times have a unit, shares are percents; what was counted has none.
func TestTheTableOfMetricsHasUnits(t *testing.T) {
	table := verdict.Report{Metrics: map[string]verdict.Metric{
		"pgxpool_query_duration": {Type: "trend", Contains: "time", Values: map[string]float64{"avg": 1.5, "count": 12, "p(95)": 2500}},
		"pgxpool_in_overflow":    {Type: "rate", Contains: "default", Values: map[string]float64{"rate": 0.125, "passes": 1}},
		"pgxpool_queries":        {Type: "counter", Contains: "default", Values: map[string]float64{"count": 12, "rate": 0.5}},
	}}.MetricsTable()
	require.Equal(t, [][]string{
		{"pgxpool_in_overflow", "passes=1 rate=12.5%"},
		{"pgxpool_queries", "count=12 rate=0.5"},
		{"pgxpool_query_duration", "avg=1.5ms count=12 p(95)=2.50s"},
	}, table.Rows)
}
