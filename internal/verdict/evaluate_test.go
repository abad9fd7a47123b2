package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// run describes a test's data by what differs from a run where all is well.
type run struct {
	success, failed  int // requests
	timeouts         int
	drift, stall     []float64
	cpu              []float64
	utilization      []float64
	waiting          []float64
	inOverflow, time int // samples in overflow, samples
}

func goodRun() run {
	return run{
		success: 1000, drift: []float64{1.02}, stall: []float64{0.4}, cpu: []float64{30}, utilization: []float64{50},
		waiting: []float64{0}, inOverflow: 5, time: 100,
	}
}

// engineOf makes k6's metrics of a run.
func engineOf(t *testing.T, r run) *engine {
	t.Helper()
	e := newEngine(t)
	requests := r.success + r.failed
	if requests > 0 {
		e.add("request_duration", 12.5, 40)
		e.add("request_timeouts", float64(r.timeouts))
	}
	e.addRate("request_success", r.success, requests)
	e.addRate("request_timed_out", r.timeouts, requests)
	e.add("response_drift", r.drift...)
	e.add("longest_stall", r.stall...)
	e.add("pgxpool_db_cpu", r.cpu...)
	if r.time > 0 {
		e.add("pgxpool_samples", float64(r.time))
		e.add("pgxpool_connections_opened", 1)
		e.add("pgxpool_utilization", r.utilization...)
		e.add("pgxpool_waiting_sampled", r.waiting...)
		e.addRate("pgxpool_in_overflow", r.inOverflow, r.time)
	}
	return e
}

func rowOf(t *testing.T, report verdict.Report, name string) verdict.Row {
	t.Helper()
	for _, row := range report.Rows {
		if row.Name == name {
			return row
		}
	}
	require.Fail(t, "no row "+name)
	return verdict.Row{}
}

// Every limit of the runbook, from both sides, and what is said about it.
func TestCriteria(t *testing.T) {
	tests := map[string]struct {
		change func(*run)
		row    string
		want   verdict.Verdict
		reason string
	}{
		"success at PASS":         {func(r *run) { r.success, r.failed = 950, 50 }, "success_rate", verdict.Pass, ""},
		"success below PASS":      {func(r *run) { r.success, r.failed = 949, 51 }, "success_rate", verdict.Warning, "94.9 %, PASS needs at least 95.0 %"},
		"success just below PASS": {func(r *run) { r.success, r.failed = 94999, 5001 }, "success_rate", verdict.Warning, "94.999 %, PASS needs at least 95.0 %"},
		"success at WARNING":      {func(r *run) { r.success, r.failed = 900, 100 }, "success_rate", verdict.Warning, "90.0 %, PASS needs at least 95.0 %"},
		"success below WARNING":   {func(r *run) { r.success, r.failed = 899, 101 }, "success_rate", verdict.Fail, "89.9 %, WARNING needs at least 90.0 %"},
		"one timeout":             {func(r *run) { r.timeouts = 1 }, "pool_timeouts", verdict.Warning, "1, PASS needs none"},
		"timeouts at 1 %":         {func(r *run) { r.timeouts = 10 }, "pool_timeouts", verdict.Fail, "requests that timed out: 1.0 %, WARNING needs less than 1.0 %"},
		"drift at PASS":           {func(r *run) { r.drift = []float64{1.25} }, "response_drift", verdict.Pass, ""},
		"drift above PASS":        {func(r *run) { r.drift = []float64{1.26} }, "response_drift", verdict.Warning, "1.26×, PASS needs at most 1.25×"},
		"drift above WARNING":     {func(r *run) { r.drift = []float64{1.6} }, "response_drift", verdict.Fail, "1.60×, WARNING needs at most 1.50×"},
		"stall at PASS":           {func(r *run) { r.stall = []float64{1} }, "longest_stall", verdict.Warning, "1.00×, PASS needs less than 1.00×"},
		"stall at WARNING":        {func(r *run) { r.stall = []float64{5} }, "longest_stall", verdict.Fail, "5.00×, WARNING needs less than 5.00×"},
		"cpu at 50 %":             {func(r *run) { r.cpu = []float64{50} }, "db_cpu", verdict.Warning, "on average 50.0 %, PASS needs less than 50.0 %"},
		"cpu at 80 %":             {func(r *run) { r.cpu = []float64{80} }, "db_cpu", verdict.Fail, "on average 80.0 %, WARNING needs less than 80.0 %"},
		"base pool nearly full":   {func(r *run) { r.utilization = []float64{80} }, "active_connections", verdict.Warning, "p(95) is 80.0 %, PASS needs less than 80.0 %"},
		"overflow, none waiting":  {func(r *run) { r.utilization = []float64{300} }, "active_connections", verdict.Warning, "p(95) is 300.0 %, PASS needs less than 80.0 %"},
		"users wait":              {func(r *run) { r.utilization, r.waiting = []float64{300}, []float64{3} }, "active_connections", verdict.Fail, "users waiting: p(95) is 3, WARNING needs none"},
		"overflow at 10 %":        {func(r *run) { r.inOverflow = 10 }, "overflow_time", verdict.Warning, "10.0 %, PASS needs less than 10.0 %"},
		"overflow at 30 %":        {func(r *run) { r.inOverflow = 30 }, "overflow_time", verdict.Fail, "30.0 %, WARNING needs less than 30.0 %"},

		"no request: success":  {func(r *run) { r.success = 0 }, "success_rate", verdict.Fail, "no data: request_duration has no samples"},
		"no request: timeouts": {func(r *run) { r.success = 0 }, "pool_timeouts", verdict.Fail, "no data: request_duration has no samples"},
		"no drift":             {func(r *run) { r.drift = nil }, "response_drift", verdict.Fail, "no data: the first third has too few"},
		"no stall":             {func(r *run) { r.stall = nil }, "longest_stall", verdict.Fail, "no data: longest_stall has no samples"},
		"no sample: active":    {func(r *run) { r.time = 0 }, "active_connections", verdict.Fail, "no data: pgxpool_connections_opened has no samples"},
		"no sample: overflow":  {func(r *run) { r.time = 0 }, "overflow_time", verdict.Fail, "no data: pgxpool_connections_opened has no samples"},
		"cpu refused":          {func(r *run) { r.cpu = nil }, "db_cpu", verdict.Warning, "not measured: the role may not read /proc/stat"},
		"cpu not tried":        {func(r *run) { r.cpu, r.time = nil, 0 }, "db_cpu", verdict.Fail, "no data: the role may not read /proc/stat"},
	}
	js := loadScript(t)
	rows := js.rows("poolCriteria")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, gate := range gates {
				r := goodRun()
				test.change(&r)
				e := engineOf(t, r)
				holds := e.judge(js.thresholds("poolCriteria", gate, []string{}))
				report, err := verdict.Evaluate(verdict.Input{
					Criteria: rows, Metrics: e.decoded(), Gate: gate,
					Unmeasured: map[string]string{"pgxpool_db_cpu": "the role may not read /proc/stat"},
					Missing:    map[string]string{"response_drift": "the first third has too few"},
				})
				require.NoError(t, err)
				row := rowOf(t, report, test.row)
				require.Equal(t, test.want, row.Verdict, row.Reason)
				require.Equal(t, test.reason, row.Reason)
				// Where a pool is short the diagnosis advises: a row does not know why.
				advises := row.Criterion.Advice != (verdict.Advice{})
				require.Equal(t, advises && test.reason != "" && row.Measured != nil, row.Advice != "")
				require.NotContains(t, row.Advice, "DB_POOL_SIZE")
				require.Equal(t, holds, report.GateHolds, "gate %s", gate)
			}
		})
	}
}

func TestWithoutReasonTheAttemptIsNamed(t *testing.T) {
	r := goodRun()
	r.cpu = nil
	report := engineOf(t, r).evaluate(loadScript(t).rows("poolCriteria"), "fail", nil, nil)
	row := rowOf(t, report, "db_cpu")
	require.Equal(t, verdict.Warning, row.Verdict)
	require.Equal(t, "not measured: it was tried (pgxpool_samples count>0), but there was no value of pgxpool_db_cpu before the end of the test", row.Reason)
	require.True(t, report.GateHolds)
}

func TestOverHTTPAloneThePoolIsUnmeasured(t *testing.T) {
	r := goodRun()
	r.time, r.cpu = 0, nil
	rows := loadScript(t).rows("httpCriteria")
	report := engineOf(t, r).evaluate(rows, "pass", nil, nil)
	require.Equal(t, verdict.Warning, report.Verdict)
	require.False(t, report.GateHolds)
	for _, name := range []string{"db_cpu", "active_connections", "overflow_time"} {
		require.Equal(t, "not measured: without DATABASE_URL the application's database cannot be watched",
			rowOf(t, report, name).Reason)
	}

	waived := engineOf(t, r).evaluate(rows, "pass", []string{"db_cpu", "active_connections", "overflow_time"}, nil)
	require.Equal(t, verdict.Pass, waived.Verdict)
	require.True(t, waived.GateHolds)
	require.True(t, rowOf(t, waived, "db_cpu").Waived)
	require.Equal(t, verdict.Warning, rowOf(t, waived, "db_cpu").Verdict, "a waived row still says what it is")
}

func TestWatchedPoolAtItsCeilingFails(t *testing.T) {
	rows := loadScript(t).rows("watchedCriteria") // 30+40: the ceiling is 233.3 % of poolSize
	for active, want := range map[float64]verdict.Verdict{23: verdict.Pass, 69: verdict.Warning, 70: verdict.Fail} {
		r := goodRun()
		r.utilization, r.waiting = []float64{100 * active / 30}, nil
		report := engineOf(t, r).watched().evaluate(rows, "fail", nil, nil)
		require.Equal(t, want, rowOf(t, report, "active_connections").Verdict, "%v of 30+40 in use", active)
	}
}

func TestNoDataAtAllFails(t *testing.T) {
	js := loadScript(t)
	rows := js.rows("poolCriteria")
	for _, gate := range gates {
		e := newEngine(t)
		require.False(t, e.judge(js.thresholds("poolCriteria", gate, []string{})))
		report := e.evaluate(rows, gate, nil, nil)
		require.Equal(t, verdict.Fail, report.Verdict)
		require.False(t, report.GateHolds)
		for _, row := range report.Rows {
			require.Equal(t, verdict.Fail, row.Verdict, row.Name)
			require.Contains(t, row.Reason, "no data: ")
		}
	}
}

func TestStatisticsLeftOutOfTheSummary(t *testing.T) {
	js := loadScript(t)
	r := goodRun()
	r.utilization = []float64{90}
	e := engineOf(t, r)
	e.stats = []string{"avg"}
	require.True(t, e.judge(js.thresholds("poolCriteria", "fail", []string{})))
	report := e.evaluate(js.rows("poolCriteria"), "fail", nil, nil)
	row := rowOf(t, report, "db_cpu")
	require.Equal(t, verdict.Warning, row.Verdict, "nobody saw whether the CPU was measured")
	require.Equal(t, "max of pgxpool_db_cpu is not in the data: add it to --summary-trend-stats", row.Reason)
	row = rowOf(t, report, "active_connections")
	require.Equal(t, verdict.Warning, row.Verdict, "k6 judged the WARNING expression, nobody the PASS one")
	require.Equal(t, "p(95) of pgxpool_utilization is not in the data: add it to --summary-trend-stats", row.Reason)
	require.Nil(t, row.Measured)

	ungated := engineOf(t, r)
	ungated.stats = []string{"avg"}
	row = rowOf(t, ungated.evaluate(js.rows("poolCriteria"), "pass", nil, nil), "active_connections")
	require.Equal(t, verdict.Fail, row.Verdict, "nobody judged anything")
	require.Equal(t, "no data: p(95) of pgxpool_waiting_sampled is not in the data: add it to --summary-trend-stats", row.Reason)
}

// Scripts feed a request's metrics together, so this takes a script that does
// not; k6 lets a rate without samples pass.
func TestARateOfNothingIsNoData(t *testing.T) {
	r := goodRun()
	r.success = 0
	e := engineOf(t, r)
	e.add("request_duration", 12)
	e.judge(loadScript(t).thresholds("poolCriteria", "pass", []string{}))
	row := rowOf(t, e.evaluate(loadScript(t).rows("poolCriteria"), "pass", nil, nil), "success_rate")
	require.Equal(t, verdict.Fail, row.Verdict)
	require.Equal(t, "no data: request_success has no samples", row.Reason)
	require.Nil(t, row.Measured)
}

func TestEverythingWaivedIsSaid(t *testing.T) {
	rows := loadScript(t).rows("poolCriteria")
	var names []string
	for _, row := range rows {
		names = append(names, row.Name)
	}
	report := newEngine(t).evaluate(rows, "pass", names, nil)
	require.Equal(t, verdict.Pass, report.Verdict)
	require.Contains(t, report.Notes, "Every criterion is waived: nothing was judged.")
}

func TestEvaluateRefuses(t *testing.T) {
	rows := loadScript(t).rows("poolCriteria")
	change := func(change func(*verdict.Criterion)) []verdict.Criterion {
		row := rows[0]
		change(&row)
		return []verdict.Criterion{row}
	}
	tests := map[string]struct {
		in   verdict.Input
		want string
	}{
		"gate":      {verdict.Input{Criteria: rows, Gate: "warn"}, `GATE: "warn" is not accepted; use pass (the default) or fail`},
		"waiver":    {verdict.Input{Criteria: rows, Waived: []string{"cpu"}}, `WAIVE: "cpu" is not a criterion; use one of success_rate, pool_timeouts, response_drift, longest_stall, db_cpu, active_connections, overflow_time`},
		"no rows":   {verdict.Input{}, `criterion "": there are no criteria: at least one row is needed`},
		"no name":   {verdict.Input{Criteria: change(func(c *verdict.Criterion) { c.Name = " " })}, `criterion " ": name is empty: every criterion needs one`},
		"two alike": {verdict.Input{Criteria: []verdict.Criterion{rows[0], rows[0]}}, `criterion "success_rate": the name is used twice: every criterion needs its own`},
		"unit":      {verdict.Input{Criteria: change(func(c *verdict.Criterion) { c.Unit = "furlong" })}, `criterion "success_rate": unit is "furlong"; use count, percent, share, ratio or ms`},
		"pass":      {verdict.Input{Criteria: change(func(c *verdict.Criterion) { c.Pass = "rate=>1" })}, `criterion "success_rate": expression "rate=>1": the method "rate=" is unknown; use count, rate, value, avg, min, med, max or p(0) to p(100)`},
		"warning":   {verdict.Input{Criteria: change(func(c *verdict.Criterion) { c.Warning = "rate" })}, `criterion "success_rate": expression "rate" has no comparison; use k6's thresholds, such as rate>=0.95`},
		"guard":     {verdict.Input{Criteria: change(func(c *verdict.Criterion) { c.Guard = verdict.Condition{} })}, `criterion "success_rate": expression "" has no metric`},
		"bound":     {verdict.Input{Criteria: change(func(c *verdict.Criterion) { c.Pass = "rate>much" })}, `criterion "success_rate": expression "rate>much": the bound "much" is not a number`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := verdict.Evaluate(test.in)
			require.EqualError(t, err, test.want)
		})
	}
}

// The scripts refuse in the init context what Evaluate would refuse afterwards,
// in the same words.
func TestScriptsRefuseInTheSameWords(t *testing.T) {
	js := loadScript(t)
	rows := js.rows("poolCriteria")
	for _, gate := range []string{"", "pass", "fail"} {
		value, err := js.call("parseGate", gate)
		require.NoError(t, err)
		parsed, err := verdict.ParseGate(gate)
		require.NoError(t, err)
		require.Equal(t, string(parsed), value.String())
	}
	for _, gate := range []string{"PASS", "warn", `a"b`} {
		_, inGo := verdict.ParseGate(gate)
		_, inJS := js.call("parseGate", gate)
		require.ErrorContains(t, inJS, inGo.Error())
	}
	value, err := js.call("parseWaive", " db_cpu, ,response_drift ", js.criteria("poolCriteria"))
	require.NoError(t, err)
	require.Equal(t, []any{"db_cpu", "response_drift"}, value.Export())
	_, inGo := verdict.Evaluate(verdict.Input{Criteria: rows, Waived: []string{"cpu"}})
	_, inJS := js.call("parseWaive", "db_cpu,cpu", js.criteria("poolCriteria"))
	require.ErrorContains(t, inJS, inGo.Error())
}
