package compare

import "github.com/flowboard/xk6-pgxpool/internal/verdict"

// Direction says which way a figure improves.
type Direction string

// The two directions.
const (
	Higher Direction = "higher"
	Lower  Direction = "lower"
)

// Unit says what a figure is measured in.
type Unit string

// The units of figures.
const (
	Milliseconds Unit = "ms"
	PerSecond    Unit = "per_s"
	Ratio        Unit = "ratio"
	Share        Unit = "share"   // 0 to 1
	Percent      Unit = "percent" // 0 to 100
)

// relative tells whether a tolerance for this unit is in percent of the figure.
// For shares and percentages it is in percentage points: of a success rate of
// 100 %, 10 % would let every tenth request fail.
func (u Unit) relative() bool { return u != Share && u != Percent }

// Figure is one row of what is compared.
type Figure struct {
	Name   string    `json:"name"` // the key that options use, such as response_p95
	Title  string    `json:"title"`
	Better Direction `json:"better"`
	Unit   Unit      `json:"unit"`
	// Tolerance is the smallest change that matters, in percent of the figure or
	// in percentage points, see [Tolerances].
	Tolerance float64 `json:"tolerance"`
	// Least is a change, in the figure's unit, below which nothing is looked at:
	// of a wait of 0.2 ms another 0.1 ms are 50 %, and nobody notices.
	Least float64 `json:"least"`
	// of reads the figure, nil where the run did not measure it.
	of func(verdict.Summary) *float64
}

// The defaults of the figures' tolerances: percent, and percentage points.
const (
	defaultTolerance = 10
	pointsOfRequests = 0.5
	pointsOfTime     = 5
	leastTime        = 0.5 // ms
)

// figures is the table. The maximum of a run is not in it: one outlier among
// thousands of requests says nothing about the others.
var figures = []Figure{
	{"success_rate", "Success rate", Higher, Share, pointsOfRequests, 0, rate("request_success")},
	{"timed_out", "Requests that timed out", Lower, Share, pointsOfRequests, 0, rate("request_timed_out")},
	{"throughput", "Requests per second", Higher, PerSecond, defaultTolerance, 0,
		overview(func(o verdict.Overview) *float64 { return o.RequestsPerSecond })},
	{"response_p50", "Response, median", Lower, Milliseconds, defaultTolerance, leastTime,
		overview(func(o verdict.Overview) *float64 { return o.ResponseP50 })},
	{"response_p95", "Response, p95", Lower, Milliseconds, defaultTolerance, leastTime,
		overview(func(o verdict.Overview) *float64 { return o.ResponseP95 })},
	{"response_p99", "Response, p99", Lower, Milliseconds, defaultTolerance, leastTime,
		overview(func(o verdict.Overview) *float64 { return o.ResponseP99 })},
	{"response_drift", "Response drift", Lower, Ratio, defaultTolerance, 0.1,
		overview(func(o verdict.Overview) *float64 { return o.ResponseDrift })},
	{"wait_p95", "Wait for pool, p95", Lower, Milliseconds, defaultTolerance, leastTime,
		overview(func(o verdict.Overview) *float64 { return o.WaitP95 })},
	{"wait_p99", "Wait for pool, p99", Lower, Milliseconds, defaultTolerance, leastTime,
		overview(func(o verdict.Overview) *float64 { return o.WaitP99 })},
	{"query_p95", "Query, p95", Lower, Milliseconds, defaultTolerance, leastTime,
		trend("pgxpool_query_duration", "p(95)")},
	{"query_failed", "Queries that failed", Lower, Share, pointsOfRequests, 0, rate("pgxpool_query_failed")},
	{"use_p95", "Connection in use, p95", Lower, Milliseconds, defaultTolerance, leastTime,
		trend("pgxpool_use_duration", "p(95)")},
	{"in_overflow", "Time in overflow", Lower, Share, pointsOfTime, 0,
		overview(func(o verdict.Overview) *float64 { return o.InOverflow })},
	{"db_cpu", "Database CPU", Lower, Percent, pointsOfTime, 0,
		overview(func(o verdict.Overview) *float64 { return o.DatabaseCPU })},
}

// Figures gives the names of all figures, in the order of the report.
func Figures() []string {
	names := make([]string, len(figures))
	for i, f := range figures {
		names[i] = f.Name
	}
	return names
}

func overview(pick func(verdict.Overview) *float64) func(verdict.Summary) *float64 {
	return func(s verdict.Summary) *float64 { return pick(s.Overview) }
}

// rate reads a Rate; one of nothing has no value.
func rate(metric string) func(verdict.Summary) *float64 {
	return func(s verdict.Summary) *float64 {
		values := s.Metrics[metric].Values
		if values["passes"]+values["fails"] == 0 {
			return nil
		}
		return value(values, "rate")
	}
}

// trend reads a statistic of a Trend. k6 gives zeros for one without samples.
func trend(metric, statistic string) func(verdict.Summary) *float64 {
	return func(s verdict.Summary) *float64 {
		values := s.Metrics[metric].Values
		if !(values["max"] > 0) {
			return nil
		}
		return value(values, statistic)
	}
}

func value(values map[string]float64, name string) *float64 {
	v, ok := values[name]
	if !ok {
		return nil
	}
	return &v
}
