package merge_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/merge"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

var mergeStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// part is what one runner of a test does.
type part struct {
	segment  string
	begin    time.Duration // after mergeStart
	seconds  int
	size     int
	active   float64 // level at all times
	waiting  float64
	response func(second int) float64 // ms
	failed   float64
	timeouts int // of checkouts
	// levels replaces active and waiting by those of every sample.
	levels func(sample int) (active, waiting float64)

	paused func(second int) bool // no request ends, nil for never

	iteration float64 // ms, a metric that no recording has
}

var mergeCriteria = []verdict.Criterion{{
	Name: "success_rate", Title: "Success rate", Metric: "request_success", Pass: "rate>=0.95", Warning: "rate>=0.90",
	Guard: verdict.Condition{Metric: "request_duration", Expression: "max>0"}, Unit: "share",
	Advice: verdict.Advice{Warning: "w", Fail: "f"},
}, {
	Name: "overflow_time", Title: "Time in overflow", Metric: "pgxpool_in_overflow", Pass: "rate<0.10", Warning: "rate<0.30",
	Guard: verdict.Condition{Metric: "request_duration", Expression: "max>0"}, Unit: "share",
	Advice: verdict.Advice{Warning: "w", Fail: "f"},
}}

const perSecond = 100

// summary runs the part through a recorder, as js does, and through JSON.
func (p part) summary(t *testing.T) verdict.Summary {
	t.Helper()
	var r timeline.Recorder
	begin := mergeStart.Add(p.begin)
	for second := range p.seconds {
		for i := range perSecond {
			at := begin.Add(time.Duration(second)*time.Second + time.Duration(i)*10*time.Millisecond)
			if p.levels != nil {
				p.active, p.waiting = p.levels(second*perSecond + i)
			}
			if p.paused == nil || !p.paused(second) {
				r.Record([]timeline.Observation{{Measure: timeline.Request, At: at, Value: p.response(second)}})
			}
			r.Record([]timeline.Observation{
				{Measure: timeline.Wait, At: at, Value: 1, Pool: "default"},
				{Measure: timeline.Active, At: at, Value: p.active, Pool: "default"},
				{Measure: timeline.Waiting, At: at, Value: p.waiting, Pool: "default"},
			})
		}
	}
	for range p.timeouts {
		r.Record([]timeline.Observation{{Measure: timeline.AcquireTimeout, At: begin, Value: 1, Pool: "default"}})
	}
	requests := float64(p.seconds * perSecond)
	zero := func() map[string]float64 { return map[string]float64{"count": 1} }
	report, err := verdict.Evaluate(verdict.Input{
		Criteria: mergeCriteria,
		Timeline: r.Snapshot(),
		Metrics: map[string]verdict.Metric{
			"request_success": {Type: "rate", Values: map[string]float64{
				"passes": requests - p.failed, "fails": p.failed, "rate": 1 - p.failed/requests,
			}},
			"request_timeouts":         {Type: "counter", Values: map[string]float64{"count": p.failed, "rate": 1}},
			"request_duration":         {Type: "trend", Values: map[string]float64{"max": 1, "count": requests}},
			"response_drift":           {Type: "gauge", Values: map[string]float64{"value": 1}},
			"longest_stall":            {Type: "gauge", Values: map[string]float64{"value": 0.1}},
			"pgxpool_acquire_duration": {Type: "trend", Values: zero()},
			"pgxpool_active_sampled":   {Type: "trend", Values: zero()},
			"pgxpool_waiting_sampled":  {Type: "trend", Values: zero()},
			"pgxpool_utilization":      {Type: "trend", Values: zero()},
			"pgxpool_samples":          {Type: "counter", Values: map[string]float64{"count": requests}},
			"pgxpool_in_overflow":      {Type: "rate", Values: map[string]float64{"passes": 0, "fails": requests, "rate": 0}},
			"vus_max":                  {Type: "gauge", Values: map[string]float64{"value": 5, "min": 5, "max": 5}},
			"iteration_duration": {Type: "trend", Values: map[string]float64{
				"count": requests, "avg": p.iteration, "min": 1, "max": p.iteration, "p(95)": 7,
			}},
		},
		Run: verdict.Run{
			Script: "100users", Users: 5, Cores: 2, Started: begin, Duration: float64(p.seconds),
			Configuration: verdict.Configuration{
				"executionSegment": p.segment, "poolSize": fmt.Sprint(p.size), "configuredPoolSize": "20",
				"maxOverflow": "2", "configuredMaxOverflow": "4", "poolTimeout": "30s",
			},
		},
	})
	require.NoError(t, err)
	text, err := report.JSON()
	require.NoError(t, err)
	summary, err := verdict.ParseSummary(text)
	require.NoError(t, err)
	return summary
}

func runnersOf(t *testing.T, parts ...part) []merge.Runner {
	t.Helper()
	var runners []merge.Runner
	for _, p := range parts {
		runners = append(runners, merge.Runner{Name: "runner " + p.segment, Summary: p.summary(t)})
	}
	return runners
}

// setOption changes one of the run's options; the empty value takes it away.
func setOption(s *verdict.Summary, name, value string) {
	options := s.Run.Configuration
	if options[name] = value; value == "" {
		delete(options, name)
	}
	s.Run.Configuration = options
}

func steady(ms float64) func(int) float64 { return func(int) float64 { return ms } }

func halves() []part {
	return []part{
		{segment: "0:1/2", seconds: 10, size: 10, active: 8, waiting: 0, response: steady(10), iteration: 10},
		{segment: "1/2:1", seconds: 10, size: 10, active: 5, waiting: 3, response: steady(1000), failed: 100, iteration: 1000},
	}
}

func mergeAndJudge(t *testing.T, runners []merge.Runner) (verdict.Input, verdict.Report) {
	t.Helper()
	in, err := merge.Runners(runners, func(float64) {})
	require.NoError(t, err)
	report, err := verdict.Evaluate(in)
	require.NoError(t, err)
	return in, report
}

func TestMergedCountsAndRatesAdd(t *testing.T) {
	in, report := mergeAndJudge(t, runnersOf(t, halves()...))
	require.Equal(t, 1900.0, in.Metrics["request_success"].Values["passes"])
	require.Equal(t, 0.95, in.Metrics["request_success"].Values["rate"])
	require.Equal(t, 100.0, in.Metrics["request_timeouts"].Values["count"])
	require.Equal(t, 10.0, in.Metrics["request_timeouts"].Values["rate"])
	require.Equal(t, 10.0, in.Metrics["vus_max"].Values["max"])
	require.Equal(t, verdict.Pass, report.Verdict, "one runner alone is no better than WARNING, the whole test is")
	require.Equal(t, 10, report.Run.Users)
	require.Equal(t, 4, report.Run.Cores)
	require.Equal(t, "20", report.Run.Configuration["poolSize"], "what was configured, not a runner's share")
	require.Equal(t, "2", report.Run.Configuration["runners"])
	require.NotContains(t, report.Run.Configuration, "executionSegment")
	require.NotContains(t, report.Run.Configuration, "configuredPoolSize")
}

func TestMergedPercentilesAreThoseOfAllValues(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var all []float64
	drawn := func(mean float64) func(int) float64 {
		return func(int) float64 {
			value := mean * random.ExpFloat64()
			all = append(all, value)
			return value
		}
	}
	parts := halves()
	parts[0].response, parts[1].response = drawn(10), drawn(200)
	runners := runnersOf(t, parts...)
	in, _ := mergeAndJudge(t, runners)
	values := in.Metrics["request_duration"].Values
	require.Equal(t, 2000.0, values["count"])
	slices.Sort(all)
	exact := all[int(0.95*float64(len(all)))]
	require.InEpsilon(t, exact, values["p(95)"], 0.02)
	a, b := runners[0].Summary.Recording.Totals.Requests.Duration, runners[1].Summary.Recording.Totals.Requests.Duration
	average := (a.Quantile(0.95) + b.Quantile(0.95)) / 2
	require.Greater(t, exact/average, 1.1, "the average of percentiles would be another value")
}

func TestMergedLevelsAddMomentByMoment(t *testing.T) {
	parts := halves()
	parts[1].begin = 5 * time.Second // they overlap for 5 of 15 seconds
	in, _ := mergeAndJudge(t, runnersOf(t, parts...))
	levels := in.Recording.Levels["default"]
	at := func(s float64) timeline.Level {
		for _, l := range levels {
			if l.At <= s && s < l.At+in.Recording.Window {
				return l
			}
		}
		return timeline.Level{}
	}
	require.Equal(t, 8.0, at(2).Active)
	require.Equal(t, 13.0, at(7).Active)
	require.Equal(t, 5.0, at(12).Active)
	require.Equal(t, 13.0, in.Metrics["pgxpool_active_sampled"].Values["max"])
	require.Equal(t, 3.0, in.Metrics["pgxpool_waiting_sampled"].Values["max"])
	require.InDelta(t, 65, in.Metrics["pgxpool_utilization"].Values["max"], 0.1, "13 of the 20 that both have")
	require.Zero(t, in.Metrics["pgxpool_in_overflow"].Values["rate"])
	require.Equal(t, 15.0, in.Run.Duration)

	parts[0].active = 16 // with the other's 5 more than 20, as long as both run
	in, _ = mergeAndJudge(t, runnersOf(t, parts...))
	require.InDelta(t, 1.0/3, in.Metrics["pgxpool_in_overflow"].Values["rate"], 0.03)
}

func TestMergedDriftIsComputedAnew(t *testing.T) {
	parts := halves()
	for i := range parts {
		parts[i].response = func(second int) float64 { return 100 + 50*float64(second/5) }
	}
	in, _ := mergeAndJudge(t, runnersOf(t, parts...))
	require.InDelta(t, 1.5, in.Metrics["response_drift"].Values["value"], 0.15, "in a trend over the whole run")
	for i := range parts {
		parts[i].response = steady(100)
	}
	in, _ = mergeAndJudge(t, runnersOf(t, parts...))
	require.Equal(t, 1.0, in.Metrics["response_drift"].Values["value"])
	runners := runnersOf(t, parts...)
	runners[1].Summary.Recording.Responses = nil
	in, _ = mergeAndJudge(t, runners)
	require.Empty(t, in.Metrics["response_drift"].Values, "a file of an older version has none by their time")
}

// A runner's own pause is none of the test's; one of all runners is.
func TestMergedStallIsOneOfAllRunners(t *testing.T) {
	pausing := func(second int) bool { return second >= 4 && second < 7 }
	parts := halves()
	parts[0].paused = pausing
	in, _ := mergeAndJudge(t, runnersOf(t, parts...))
	require.Less(t, in.Metrics["longest_stall"].Values["value"], 1.0)
	parts[1].paused = pausing
	in, _ = mergeAndJudge(t, runnersOf(t, parts...))
	require.InDelta(t, 3, in.Metrics["longest_stall"].Values["value"], 0.2, "three seconds, and the limit is one")
}

func TestWhatCannotBeMergedKeepsWhatIsCertain(t *testing.T) {
	in, _ := mergeAndJudge(t, runnersOf(t, halves()...))
	values := in.Metrics["iteration_duration"].Values
	require.Equal(t, map[string]float64{"count": 2000, "avg": 505, "min": 1, "max": 1000}, values,
		"percentiles are not to be had from percentiles")
}

func TestAMergedSummaryCanBeRead(t *testing.T) {
	_, report := mergeAndJudge(t, runnersOf(t, halves()...))
	text, err := report.JSON()
	require.NoError(t, err)
	read, err := verdict.ParseSummary(text)
	require.NoError(t, err)
	require.EqualValues(t, 2000, read.Recording.Totals.Requests.Duration.Count())
}

func TestMergeRefusesWhatIsNotOneTest(t *testing.T) {
	change := func(n int, f func(*verdict.Summary)) []merge.Runner {
		runners := runnersOf(t, halves()...)
		f(&runners[n].Summary)
		return runners
	}
	for name, test := range map[string]struct {
		runners []merge.Runner
		says    string
	}{
		"nothing":      {nil, "there is no summary"},
		"twice":        {append(runnersOf(t, halves()...), runnersOf(t, halves()[0])...), "once"},
		"missing end":  {runnersOf(t, halves()[0]), "segment 1/2:1 is missing"},
		"missing head": {runnersOf(t, halves()[1]), "segment 0:1/2 is missing"},
		"no segment": {change(1, func(s *verdict.Summary) { setOption(s, "executionSegment", "") }),
			"some have none"},
		"bad segment": {change(1, func(s *verdict.Summary) { setOption(s, "executionSegment", "half") }),
			`"half"`},
		"other script": {change(1, func(s *verdict.Summary) { s.Run.Script = "soak" }), `script is "soak"`},
		"other target": {change(1, func(s *verdict.Summary) { s.Run.Target = "http://there" }), "target"},
		"other gate":   {change(1, func(s *verdict.Summary) { s.Gate = "fail" }), "GATE"},
		"other option": {change(1, func(s *verdict.Summary) { setOption(s, "poolTimeout", "1s") }),
			`poolTimeout is "1s"`},
		"one option less": {change(1, func(s *verdict.Summary) { setOption(s, "poolTimeout", "") }), "poolTimeout"},
		"other pool": {change(1, func(s *verdict.Summary) { setOption(s, "configuredPoolSize", "21") }),
			"poolSize"},
		"other criteria": {change(1, func(s *verdict.Summary) { s.Criteria[0].Pass = "rate>=0.99" }), "criteria"},
		"waived":         {change(1, func(s *verdict.Summary) { s.Criteria[0].Waived = true }), "WAIVE"},
		"merged already": {change(1, func(s *verdict.Summary) { setOption(s, "runners", "4") }), "already merged from 4 runners"},
		"no recording":   {change(1, func(s *verdict.Summary) { s.Recording = nil }), "no recording"},
		"twice, without segments": {unsegmented(append(runnersOf(t, halves()[0]), runnersOf(t, halves()[0])...)),
			"the same run as runner 0:1/2"},
		"one after the other": {change(1, func(s *verdict.Summary) {
			s.Recording.Start = s.Recording.Start.Add(time.Hour)
		}), "it began at 2026-11-23T13:00:00Z, when the others had ended"},
		"longer than any run": {change(1, func(s *verdict.Summary) {
			s.Recording.Start, s.Run.Duration = s.Recording.Start.Add(-100*time.Hour), 1e6
		}), "when the others had ended"},
		"no window":        {change(1, func(s *verdict.Summary) { s.Recording.Window = 0 }), "window_s is 0"},
		"no start":         {change(1, func(s *verdict.Summary) { s.Recording.Start = time.Time{} }), "no start"},
		"before its start": {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].At = -5 }), "-5 s"},
		"for ever":         {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].At = 1e18 }), "1e+18 s"},
		"negative level":   {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].Active = -1 }), "a level of -1"},
		"endless level":    {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].Waiting = 1e12 }), "a level of 1e+12"},
		"negative sampled": {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].ActiveAt = map[int]int64{-1: 1} }), "1 samples at level -1"},
		"endless sampled":  {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].WaitingAt = map[int]int64{1e9: 1} }), "at level 1000000000"},
		"never sampled":    {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].ActiveAt = map[int]int64{5: 0} }), "0 samples at level 5"},
		"no samples":       {change(1, func(s *verdict.Summary) { s.Recording.Levels["default"][0].Samples = 0 }), "0 samples"},
		"no end":           {change(1, func(s *verdict.Summary) { s.Recording.Ended.Window = 0 }), "ended has a window_s of 0"},
		"no course":        {change(1, func(s *verdict.Summary) { s.Recording.Responses.Window = -1 }), "responses has a window_s of -1"},
		"no totals":        {change(1, func(s *verdict.Summary) { s.Recording.Totals.Pools["default"] = nil }), "no totals"},
	} {
		_, err := merge.Runners(test.runners, func(float64) {})
		require.ErrorContains(t, err, test.says, name)
	}
}

func unsegmented(runners []merge.Runner) []merge.Runner {
	for i := range runners {
		setOption(&runners[i].Summary, "executionSegment", "")
	}
	return runners
}

// Whose CPU it is stands in every report; what one runner says of its own share
// would be wrong of the whole.
func TestMergedNotesAreThoseOfAllRunners(t *testing.T) {
	runners := runnersOf(t, halves()...)
	runners[0].Summary.Notes = []string{"CPU is the whole host's.", "One runner of several (0:1/2)."}
	runners[1].Summary.Notes = []string{"One runner of several (1/2:1).", "CPU is the whole host's."}
	_, report := mergeAndJudge(t, runners)
	require.Contains(t, report.Notes, "CPU is the whole host's.")
	require.NotContains(t, fmt.Sprint(report.Notes), "One runner of several")
}

func TestOneRunnerThatWasCutShortCutsTheWhole(t *testing.T) {
	for _, cut := range []bool{false, true} {
		runners := runnersOf(t, halves()...)
		runners[1].Summary.Run.CutShort = cut
		in, _ := mergeAndJudge(t, runners)
		require.Equal(t, cut, in.Run.CutShort)
	}
}

// Runners over HTTP load one application: each watches the same pool.
func TestAnApplicationsPoolIsThereOnce(t *testing.T) {
	runners := unsegmented(runnersOf(t, halves()...))
	for i := range runners {
		s := &runners[i].Summary
		s.Run.Target = "http://127.0.0.1:8000/api/issues"
		setOption(s, "poolSize", "20")
		setOption(s, "configuredPoolSize", "")
		s.Recording.Levels = map[string][]timeline.Level{"flowboard": {
			{At: 0, Samples: 5, Active: 15, ActiveMax: 18, Total: 20, TotalMax: 20},
		}}
		s.Metrics["app_pool_active"] = verdict.Metric{Type: "gauge", Values: map[string]float64{
			"value": 12, "min": float64(1 + i), "max": float64(17 + i)}}
		s.Metrics["app_pool_active_sampled"] = verdict.Metric{Type: "trend", Values: map[string]float64{"count": 1}}
		s.Metrics["app_pool_utilization"] = verdict.Metric{Type: "trend", Values: map[string]float64{"count": 1}}
		s.Metrics["app_pool_in_overflow"] = verdict.Metric{Type: "rate", Values: map[string]float64{"fails": 5}}
	}
	in, _ := mergeAndJudge(t, runners)
	require.Equal(t, map[string]float64{"value": 12, "min": 1, "max": 18}, in.Metrics["app_pool_active"].Values)
	require.Equal(t, 18.0, in.Metrics["app_pool_active_sampled"].Values["max"])
	require.InDelta(t, 90, in.Metrics["app_pool_utilization"].Values["max"], 0.1)
	require.Zero(t, in.Metrics["app_pool_in_overflow"].Values["rate"])
	require.Equal(t, 2000.0, in.Metrics["request_duration"].Values["count"], "the requests are each runner's own")
}

// Half of the users at each of two runners see what one sees with all of them: a
// pool that was watched, and how requests failed.
func TestRunnersOverHTTPHaveTheDiagnosisOfOne(t *testing.T) {
	level := func(n int) *monitor.Level { return &monitor.Level{Mean: float64(n), P95: n, Peak: n} }
	watch := func(samples int, held bool) *monitor.Report {
		r := &monitor.Report{
			Pool: monitor.Pool{Size: 5, MaxOverflow: 10, Workers: 1}, Samples: samples, Seen: samples,
			Active: level(15), Open: level(15), Server: monitor.ServerReport{Seconds: 20, Limit: &monitor.Limit{Scope: "server", Max: 97, Used: 20}},
			Usage: monitor.Usage{Pressed: samples, Full: samples, InUse: 15 * samples, AllInUse: 15 * samples, Sleeping: 15 * samples},
		}
		if held {
			u := &r.Usage
			u.Sleeping, u.IdleInTransaction, u.Held, u.IdleSeconds = 0, u.InUse, u.InUse, float64(u.InUse)
		}
		return r
	}
	run := func(watched *monitor.Report, users float64) merge.Runner {
		p := halves()[0]
		p.failed = users
		s := p.summary(t)
		s.Run.Target, s.Metrics["request_timeouts"].Values["count"] = "http://127.0.0.1:8000/api/issues", users
		s.Application = &diagnosis.Application{Watched: watched}
		for range int(users) {
			s.Application.Responses.All.Add(2000)
			s.Application.Responses.Fail(diagnosis.FailedResponses{Status: 503}).After.Add(2000)
		}
		return merge.Runner{Name: "runner", Summary: s}
	}
	for name, held := range map[string]bool{"pool exhausted": false, "idle in transaction": true} {
		_, one := mergeAndJudge(t, unsegmented([]merge.Runner{run(watch(40, held), 60)}))
		require.Equal(t, name, one.Diagnoses[0].Name)
		require.Contains(t, one.Notes, "Failed requests: 60 × HTTP 503 after 2.0 s.")
		// The second could not watch for as long.
		runners := unsegmented([]merge.Runner{run(watch(40, held), 20), run(watch(3, false), 40)})
		runners[1].Summary.Recording.Start = runners[1].Summary.Recording.Start.Add(time.Millisecond)
		_, both := mergeAndJudge(t, runners)
		require.Equal(t, one.Diagnoses, both.Diagnoses)
		require.Contains(t, both.Notes, "Failed requests: 60 × HTTP 503 after 2.0 s.")

		text, err := both.JSON()
		require.NoError(t, err)
		read, err := verdict.ParseSummary(text)
		require.NoError(t, err)
		require.Equal(t, both.Diagnoses, read.Diagnoses)
		require.Equal(t, both.Application.Watched, read.Application.Watched, "nothing is lost in the file")
	}
}

// What limits the connections is known to all runners of one server: the whole pool
// must fit beside the others there.
func TestRunnersKnowTheRoomOfTheServer(t *testing.T) {
	for used, want := range map[int]string{10: "Increase DB_POOL_SIZE", 96: "leaves no room for a larger pool (96 in use by others, and "} {
		runners := runnersOf(t, halves()...)
		for i := range runners {
			s := &runners[i].Summary
			limit := monitor.Limit{Scope: "server", Max: 97, Used: used - i} // one was there a moment later
			s.Limits = diagnosis.Limits{{Limit: limit, Pools: []string{"default"}}}
			seen := s.Recording.Totals.Pools["default"]
			seen.Timeouts = 40
			seen.Use, seen.Query = timeline.Distribution{}, timeline.Distribution{}
			for range 10 {
				seen.Use.Add(100)
				seen.Query.Add(90)
			}
		}
		in, report := mergeAndJudge(t, runners)
		require.Equal(t, diagnosis.Limits{{Limit: monitor.Limit{Scope: "server", Max: 97, Used: used}, Pools: []string{"default"}}}, in.Limits)
		found := slices.IndexFunc(report.Diagnoses, func(d diagnosis.Diagnosis) bool { return d.Name == "pool exhausted" })
		require.GreaterOrEqual(t, found, 0)
		require.Contains(t, report.Diagnoses[found].Remedy, want)
		written, err := report.JSON()
		require.NoError(t, err)
		read, err := verdict.ParseSummary(written)
		require.NoError(t, err)
		require.Equal(t, in.Limits, read.Limits)
	}
}

// What no runner could measure is a WARNING of the whole too, not a lack of data.
func TestAWarningStaysAWarning(t *testing.T) {
	runners := runnersOf(t, halves()...)
	row := verdict.Criterion{
		Name: "db_cpu", Title: "Database CPU", Metric: "pgxpool_db_cpu", Pass: "avg<50", Warning: "avg<80", Unit: "percent",
		Guard:   verdict.Condition{Metric: "pgxpool_db_cpu", Expression: "max>0"},
		Attempt: verdict.Condition{Metric: "pgxpool_samples", Expression: "count>0"},
	}
	for i := range runners {
		s := &runners[i].Summary
		s.Criteria = append(s.Criteria, verdict.Row{
			Criterion: row, Verdict: verdict.Warning, Reason: verdict.Unmeasured + "the role may not read /proc/stat",
		})
		s.Metrics["pgxpool_db_cpu"] = verdict.Metric{Type: "trend", Values: map[string]float64{
			"avg": 0, "min": 0, "med": 0, "max": 0, "p(90)": 0, "p(95)": 0, "p(99)": 0, "count": 0,
		}}
	}
	_, report := mergeAndJudge(t, runners)
	merged := report.Rows[len(report.Rows)-1]
	require.Equal(t, verdict.Warning, merged.Verdict, merged.Reason)
	require.Regexp(t, `^not measured: runner [^:]+:\S+: the role may not read /proc/stat$`, merged.Reason)
}
