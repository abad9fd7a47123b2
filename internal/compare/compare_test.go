package compare

import (
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// measured are the metrics of a run made up for a test.
type measured struct {
	p95     float64 // ms, of response, wait, query and use
	success float64
	rps     float64
}

var usual = measured{p95: 100, success: 1, rps: 100}

// night is the n-th night's run.
func night(n int, m measured) verdict.Summary {
	run := verdict.Run{
		Script: "100users", Users: 100, Duration: 300, Cores: 2, Platform: "linux/amd64",
		Started:       time.Date(2026, 3, 1+n, 2, 0, 0, 0, time.UTC),
		Configuration: verdict.Configuration{"poolSize": "20"},
		Versions:      map[string]string{"k6": "v2.2.0"},
	}
	const requests = 10_000
	failed := requests * (1 - m.success)
	metrics := map[string]verdict.Metric{
		"request_success": {Type: "rate", Values: map[string]float64{
			"rate": m.success, "passes": requests - failed, "fails": failed}},
		"pgxpool_query_duration": {Type: "trend", Values: map[string]float64{"p(95)": m.p95, "max": 2 * m.p95}},
		"pgxpool_use_duration":   {Type: "trend", Values: map[string]float64{"p(95)": m.p95, "max": 2 * m.p95}},
	}
	return verdict.Summary{
		Schema: verdict.SchemaVersion, Verdict: verdict.Pass, Run: run, ConfigurationHash: run.ConfigurationHash(),
		Metrics:  metrics,
		Overview: verdict.Overview{RequestsPerSecond: &m.rps, ResponseP95: &m.p95, WaitP95: &m.p95},
	}
}

// nights are runs that differ from the usual one by noise alone.
func nights(random *rand.Rand, n int, noise float64) []verdict.Summary {
	all := make([]verdict.Summary, n)
	for i := range all {
		m := usual
		m.p95 *= 1 + noise*random.NormFloat64()
		m.rps *= 1 + noise*random.NormFloat64()
		all[i] = night(i, m)
	}
	return all
}

func compared(t *testing.T, in Input) Report {
	t.Helper()
	report, err := Compare(in)
	require.NoError(t, err)
	return report
}

func (r Report) row(t *testing.T, name string) row {
	t.Helper()
	for _, row := range r.Rows {
		if row.Name == name {
			return row
		}
	}
	require.Fail(t, "no row", name)
	return row{}
}

func TestToleranceDecidesWithoutHistory(t *testing.T) {
	for _, c := range []struct {
		name   string
		result measured
		metric string
		want   Answer
	}{
		{"as before", usual, "response_p95", Same},
		{"10 % slower", measured{110, 1, 100}, "response_p95", Same},
		{"10 % faster, seen from the result", measured{100 / 1.1, 1, 100}, "response_p95", Same},
		{"11 % slower", measured{111, 1, 100}, "response_p95", Worse},
		{"faster", measured{89, 1, 100}, "response_p95", Better},
		{"wait is another row", measured{111, 1, 100}, "wait_p95", Worse},
		{"query, from the metrics", measured{111, 1, 100}, "query_p95", Worse},
		{"more requests", measured{100, 1, 111}, "throughput", Better},
		{"fewer requests", measured{100, 1, 89}, "throughput", Worse},
		{"half a point fails", measured{100, 0.995, 100}, "success_rate", Same},
		{"one point fails", measured{100, 0.99, 100}, "success_rate", Worse},
	} {
		baseline := night(0, usual)
		report := compared(t, Input{Baseline: &baseline, Result: night(1, c.result)})
		require.Equal(t, c.want, report.row(t, c.metric).Answer, c.name)
		require.Nil(t, report.row(t, c.metric).Noise)
		require.Contains(t, report.Notes, "The noise is not known: only the tolerance decides (give --history).")
	}
}

func TestASmallChangeOfASmallMetricIsTheSame(t *testing.T) {
	baseline := night(0, measured{0.2, 1, 100})
	require.Equal(t, Same, compared(t, Input{Baseline: &baseline, Result: night(1, measured{0.6, 1, 100})}).Answer)
	require.Equal(t, Worse, compared(t, Input{Baseline: &baseline, Result: night(1, measured{0.8, 1, 100})}).Answer)
}

func TestNoiseHidesAChange(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	baseline, result := night(0, usual), night(30, measured{120, 1, 100})
	quiet := compared(t, Input{Baseline: &baseline, Result: result, History: nights(random, 20, 0.02)})
	require.Equal(t, Worse, quiet.row(t, "response_p95").Answer)
	noisy := compared(t, Input{Baseline: &baseline, Result: result, History: nights(random, 20, 0.1)})
	require.Equal(t, Same, noisy.row(t, "response_p95").Answer)
	row := noisy.row(t, "response_p95")
	require.Equal(t, 21, row.Noise.Runs, "the baseline is the first of the history, and the result is one more")
	require.InDelta(t, 10, row.Noise.Deviation, 6)
}

func TestOneBrokenNightIsNoNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	history := nights(random, 12, 0.01)
	history[5] = night(5, measured{5000, 0.2, 3})
	baseline := night(0, usual)
	report := compared(t, Input{Baseline: &baseline, Result: night(30, measured{130, 1, 100}), History: history})
	require.Equal(t, Worse, report.row(t, "response_p95").Answer)
	require.Equal(t, night(30, usual).Run.Started, *report.row(t, "response_p95").Since)
	require.Equal(t, Same, report.row(t, "success_rate").Answer)
}

func TestWhatCannotBeComparedIsUnknown(t *testing.T) {
	result := night(1, usual)
	for want, change := range map[string]func(*verdict.Summary){
		"the baseline has another configuration (50 users, the result 100)":          func(s *verdict.Summary) { s.Run.Users = 50 },
		"the baseline has another configuration (script spike, the result 100users)": func(s *verdict.Summary) { s.Run.Script = "spike" },
		"the baseline has another configuration (target)":                            func(s *verdict.Summary) { s.Run.Target = "http://u:secret@app" },
		"the baseline has another configuration (poolSize 5, the result 20)": func(s *verdict.Summary) {
			s.Run.Configuration = verdict.Configuration{"poolSize": "5"}
		},
		"the baseline has another machine (8 cores, the result 2)":                func(s *verdict.Summary) { s.Run.Cores = 8 },
		"the baseline has another machine (darwin/arm64, the result linux/amd64)": func(s *verdict.Summary) { s.Run.Platform = "darwin/arm64" },
		"the baseline has another duration (60 s, the result 300 s)":              func(s *verdict.Summary) { s.Run.Duration = 60 },
		"the baseline has a failed setup(): connection refused": func(s *verdict.Summary) {
			s.Run.Users, s.SetupFailed = 98, "connection refused"
		},
	} {
		baseline := night(0, usual)
		change(&baseline)
		baseline.ConfigurationHash = baseline.Run.ConfigurationHash()
		report := compared(t, Input{Baseline: &baseline, Result: result})
		require.Equal(t, Unknown, report.Answer, want)
		require.Equal(t, want, report.Obstacle)
		require.NotEmpty(t, report.Rows)
		for _, row := range report.Rows {
			require.Equal(t, Unknown, row.Answer, row.Name)
			require.Nil(t, row.Change)
		}
		require.NotContains(t, report.Text(), "secret")
	}
	report := compared(t, Input{Result: result})
	require.Equal(t, Unknown, report.Answer)
	require.Equal(t, "unknown: there is no baseline", report.Summary())
	for _, page := range []string{report.Text(), report.Markdown()} {
		require.Equal(t, 1, strings.Count(page, "there is no baseline"), page)
	}
}

func TestAMetricOfOneRunOnlyIsUnknown(t *testing.T) {
	without := func(s verdict.Summary) verdict.Summary {
		s.Metrics = maps.Clone(s.Metrics)
		delete(s.Metrics, "pgxpool_query_duration")
		return s
	}
	a, b := night(0, usual), night(1, usual)
	thin := without(a)
	report := compared(t, Input{Baseline: &thin, Result: b})
	require.Equal(t, Unknown, report.Answer)
	require.Equal(t, "unknown: query_p95 the baseline did not measure it", report.Summary())
	report = compared(t, Input{Baseline: &a, Result: without(b)})
	require.Equal(t, "the result did not measure it", report.row(t, "query_p95").Reason)
	report = compared(t, Input{Baseline: &thin, Result: without(b)})
	require.Equal(t, Same, report.Answer, "what nobody measured is no row")
	worse := compared(t, Input{Baseline: &thin, Result: night(1, measured{200, 1, 100})})
	require.Equal(t, Worse, worse.Answer, "worse beats unknown")
}

func TestEmptyMetricsAreNotMeasured(t *testing.T) {
	empty := night(0, usual)
	empty.Metrics = map[string]verdict.Metric{
		"request_success":        {Type: "rate", Values: map[string]float64{"rate": 0, "passes": 0, "fails": 0}},
		"pgxpool_query_duration": {Type: "trend", Values: map[string]float64{"p(95)": 0, "max": 0}},
	}
	empty.Overview = verdict.Overview{}
	report := compared(t, Input{Baseline: &empty, Result: empty})
	require.Empty(t, report.Rows)
	require.Equal(t, Unknown, report.Answer)
	require.Equal(t, "unknown: neither run measured a metric to compare", report.Summary())
}

func TestOnlyAndTolerances(t *testing.T) {
	baseline, result := night(0, usual), night(1, measured{150, 1, 100})
	tolerances, err := ParseTolerances([]string{"60"})
	require.NoError(t, err)
	require.Equal(t, Same, compared(t, Input{Baseline: &baseline, Result: result, Tolerances: tolerances}).Answer)
	tolerances, err = ParseTolerances([]string{"60", "response_p95=20%"})
	require.NoError(t, err)
	report := compared(t, Input{Baseline: &baseline, Result: result, Tolerances: tolerances})
	require.Equal(t, "worse: response_p95 +50 ms (+50.0 %)", report.Summary())
	report = compared(t, Input{Baseline: &baseline, Result: result, Only: []string{"throughput"}})
	require.Len(t, report.Rows, 1)
	require.Equal(t, Same, report.Answer)
	_, err = Compare(Input{Only: []string{"speed"}})
	require.ErrorContains(t, err, `there is no metric "speed"; use one of success_rate, `)

	// A general tolerance leaves shares alone.
	result = night(1, measured{100, 0.98, 100})
	tolerances, err = ParseTolerances([]string{"60"})
	require.NoError(t, err)
	require.Equal(t, Worse, compared(t, Input{Baseline: &baseline, Result: result, Tolerances: tolerances}).Answer)
	tolerances, err = ParseTolerances([]string{"success_rate=3"})
	require.NoError(t, err)
	require.Equal(t, Same, compared(t, Input{Baseline: &baseline, Result: result, Tolerances: tolerances}).Answer)
}

func TestTolerancesRefuse(t *testing.T) {
	for _, text := range []string{"-1", "", "much", "NaN", "Inf", "response_p95=", "response_p95=-3", "p95=10"} {
		_, err := ParseTolerances([]string{text})
		require.ErrorContains(t, err, strconv.Quote(text)+" is not accepted; ")
	}
}

func TestVersionsAreNamed(t *testing.T) {
	baseline, result := night(0, usual), night(1, usual)
	result.Run.Versions = map[string]string{"k6": "v2.3.0", "postgresql": "18.1"}
	notes := compared(t, Input{Baseline: &baseline, Result: result}).Notes
	require.Contains(t, notes, "k6: v2.2.0 in the baseline, v2.3.0 in the result.")
	require.Contains(t, notes, "postgresql: none in the baseline, 18.1 in the result.")
}
