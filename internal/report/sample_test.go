package report_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

var began = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// exhaustion is a run as a pool of 5 + 10 sees it while users arrive: it fills,
// goes into overflow, users wait, and in the end waits time out.
func exhaustion(length time.Duration) timeline.Snapshot {
	var r timeline.Recorder
	random := rand.New(rand.NewPCG(1, 2))
	const tick = 100 * time.Millisecond
	r.Begin("calm", began)
	for at := time.Duration(0); at < length; at += tick {
		users := 30 * at.Seconds() / length.Seconds() * 2
		if at == length/2 {
			r.Begin("exhausted", began.Add(at))
		}
		r.Record(moment(began.Add(at), users, random))
	}
	r.End(began.Add(length))
	return r.Snapshot()
}

// moment is what a tenth of a second brings with so many users.
func moment(at time.Time, users float64, random *rand.Rand) []timeline.Observation {
	const size, ceiling, timeout = 5, 15, 3000
	busy := math.Floor(users * (0.6 + 0.4*random.Float64()))
	active := min(ceiling, busy)
	waiting := max(0, busy-ceiling)
	all := []timeline.Observation{
		{Measure: timeline.Active, Value: active}, {Measure: timeline.Waiting, Value: waiting},
		{Measure: timeline.Idle, Value: max(0, size-active)}, {Measure: timeline.Total, Value: max(size, active)},
	}
	for range int(1 + users/10) {
		wait := random.ExpFloat64() * (0.2 + 70*waiting)
		query := 20 + random.ExpFloat64()*15
		if wait > timeout {
			wait = timeout
			all = append(all,
				timeline.Observation{Measure: timeline.AcquireTimeout, Value: 1},
				timeline.Observation{Measure: timeline.AcquireFailed, Value: 1},
				timeline.Observation{Measure: timeline.Error, Value: 1, Key: "PoolTimeoutError"},
				timeline.Observation{Measure: timeline.RequestTimeout, Value: 1},
				timeline.Observation{Measure: timeline.RequestFailed, Value: 1})
			query = 0
		} else {
			all = append(all, timeline.Observation{Measure: timeline.Query, Value: query})
		}
		all = append(all,
			timeline.Observation{Measure: timeline.Wait, Value: wait},
			timeline.Observation{Measure: timeline.Request, Value: wait + query + 2})
	}
	if random.IntN(10) == 0 {
		all = append(all, timeline.Observation{Measure: timeline.DatabaseCPU, Value: 8 + active + 3*random.Float64()})
	}
	for i := range all {
		all[i].At, all[i].Pool = at, "default"
	}
	return all
}

func value(v float64) *float64 { return &v }

func row(name, pass string, unit text.Unit, v verdict.Verdict, measured float64, reason, advice string) verdict.Row {
	return verdict.Row{
		Criterion: verdict.Criterion{Name: name, Title: name, Metric: "m", Pass: pass, Unit: unit},
		Verdict:   v, Measured: value(measured), Reason: reason, Advice: advice,
	}
}

func judged() verdict.Report {
	return verdict.Report{
		Verdict: verdict.Fail, Gate: verdict.GatePass,
		Rows: []verdict.Row{
			row("Success rate", "rate>=0.95", text.Share, verdict.Fail, 0.526, "52.6 %, WARNING needs at least 90.0 %",
				"Raise DB_POOL_SIZE or make the queries shorter."),
			row("Pool timeouts", "count==0", text.Count, verdict.Fail, 474, "requests that timed out: 47.4 %, WARNING needs less than 1.0 %",
				"The pool is exhausted. Raise DB_POOL_SIZE and DB_MAX_OVERFLOW, shorten slow and repeated (N+1) queries, and look for connections that are not returned."),
			row("Response times stable", "value<=1.25", text.Ratio, verdict.Warning, 1.33, "1.33×, PASS needs at most 1.25×",
				"Responses got slower during the run. Repeat it for longer to see whether they become stable."),
			row("Database CPU", "avg<50", text.Percent, verdict.Pass, 24.04, "", ""),
			{
				Criterion: verdict.Criterion{Title: "Active connections", Pass: "p(95)<80", Unit: text.Percent},
				Verdict:   verdict.Fail, Reason: "no data: pgxpool_utilization has no samples", Waived: true,
			},
		},
		Diagnoses: []diagnosis.Diagnosis{{
			Name: "pool exhausted", Confidence: diagnosis.Certain,
			Evidence: []string{"all 15 connections were in use for 61 % of the time", "at most 45 users waited for a connection"},
			Remedy:   "Raise DB_POOL_SIZE and DB_MAX_OVERFLOW, or hold connections for a shorter time.",
		}},
		Notes: []string{
			"CPU is the whole database host's, the load generator included where it runs there.",
			"The first run also fills the tables.",
		},
		Run: verdict.Run{
			Script: "100users", Users: 100, Duration: 120, Started: began, Cores: 2, Platform: "linux/amd64",
			Configuration: verdict.Configuration{
				"poolSize": "5", "maxOverflow": "10", "poolTimeout": "3s", "poolRecycle": "1h", "poolPrePing": "true",
			},
			Versions: map[string]string{"k6": "v2.2.0", "pgxpool": "v0.2.0", "postgresql": "15.8", "go": "go1.26.0"},
		},
		Metrics: map[string]verdict.Metric{
			"request_success":          {Type: "rate", Values: map[string]float64{"passes": 5260, "fails": 4740}},
			"request_timeouts":         {Type: "counter", Values: map[string]float64{"count": 4740}},
			"request_duration":         {Type: "trend", Values: map[string]float64{"p(95)": 2016, "max": 3120, "med": 800}},
			"pgxpool_acquire_duration": {Type: "trend", Values: map[string]float64{"p(95)": 1890, "max": 3000, "med": 650}},
			"pgxpool_samples":          {Type: "counter", Values: map[string]float64{"count": 1200}},
			"pgxpool_active_sampled":   {Type: "trend", Values: map[string]float64{"max": 15}},
			"pgxpool_waiting_sampled":  {Type: "trend", Values: map[string]float64{"max": 45}},
			"pgxpool_in_overflow":      {Type: "rate", Values: map[string]float64{"rate": 0.83}},
			"pgxpool_db_cpu":           {Type: "trend", Values: map[string]float64{"avg": 24.04, "max": 31.5}},
		},
	}
}

func sweep() report.Section {
	sizes := []float64{2, 4, 6, 8, 10, 15, 20, 30, 40, 60}
	p95 := report.Series{Name: "p95"}
	through := report.Series{Name: "requests per second"}
	var rows [][]string
	for _, n := range sizes {
		v := 180 + 3200/(n*n/4)
		p95.Values = append(p95.Values, v)
		p95.Low, p95.High = append(p95.Low, v*0.9), append(p95.High, v*1.12)
		t := 420 * n / (n + 3)
		through.Values = append(through.Values, t)
		through.Low, through.High = append(through.Low, t*0.96), append(through.High, t*1.03)
		rows = append(rows, []string{text.Number(n), text.Number(v), text.Number(t)})
	}
	knee := []report.Mark{{X: 10, Label: "knee: 10"}}
	return report.Section{
		Title: "Sweep",
		Text:  []string{"Three rounds in random order. The smallest pool whose p95 and throughput are within noise of the best has 10 connections."},
		Charts: []report.Chart{
			{Title: "Response time by pool size", XLabel: "connections", YLabel: "milliseconds", X: sizes, Series: []report.Series{p95}, Marks: knee},
			{Title: "Throughput by pool size", XLabel: "connections", YLabel: "requests per second", X: sizes, Series: []report.Series{through}, Marks: knee},
		},
		Tables: []text.Table{{Caption: "Steps", Columns: text.Numbers("Connections", "p95, ms", "Requests per second"), Rows: rows}},
		Snippets: []report.Snippet{
			{Caption: ".env", Text: "DB_POOL_SIZE=10\nDB_MAX_OVERFLOW=0"},
			{Caption: "SQLAlchemy", Text: "engine = create_async_engine(\n    DATABASE_URL,\n    pool_size=10,\n)"},
		},
	}
}

func beforeAfter() report.Section {
	return report.Section{
		Title: "Before and after",
		Charts: []report.Chart{{
			Title: "Response time", YLabel: "milliseconds", Kind: report.Bars, Categories: []string{"p50", "p95", "p99"},
			Series: []report.Series{
				{Name: "before, 5 + 10", Values: []float64{820, 1183, 1420}, Low: []float64{790, 1100, 1290}, High: []float64{860, 1260, 1610}},
				{Name: "after, 20 + 40", Values: []float64{410, 538, 690}, Low: []float64{395, 510, 640}, High: []float64{430, 575, 770}},
			},
		}, {Title: "Arrivals dropped", YLabel: "arrivals", Kind: report.Bars}},
	}
}

func sample() report.Input {
	return report.Input{
		Verdict: judged(), Timeline: exhaustion(2 * time.Minute),
		Sections: []report.Section{sweep(), beforeAfter()},
	}
}
