package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// direction says which way a metric improves.
type direction string

// The two directions.
const (
	higher direction = "higher"
	lower  direction = "lower"
)

// relative tells whether a tolerance for this unit is in percent of the metric.
// For shares and percentages it is in percentage points: of a success rate of
// 100 %, 10 % would let every tenth request fail.
func relative(u text.Unit) bool { return u != text.Share && u != text.Percent }

// metric is one row of what is compared.
type metric struct {
	Name   string    `json:"name"` // the key that options use, such as response_p95
	Title  string    `json:"title"`
	Better direction `json:"better"`
	Unit   text.Unit `json:"unit"`
	// Tolerance is the smallest change that matters, in percent of the metric or
	// in percentage points, see [Tolerances].
	Tolerance float64 `json:"tolerance"`
	// Least is a change, in the metric's unit, below which nothing is looked at:
	// of a wait of 0.2 ms another 0.1 ms are 50 %, and nobody notices.
	Least float64 `json:"least"`
	// of reads the metric, nil where the run did not measure it.
	of func(verdict.Summary) *float64
}

// The defaults of the metrics' tolerances: percent, and percentage points.
const (
	defaultTolerance = 10
	pointsOfRequests = 0.5
	pointsOfTime     = 5
	leastTime        = 0.5 // ms
)

// metrics is the table. The maximum of a run is not in it: one outlier among
// thousands of requests says nothing about the others.
var metrics = []metric{
	{"success_rate", "Success rate", higher, text.Share, pointsOfRequests, 0, rate("request_success")},
	{"timed_out", "Requests that timed out", lower, text.Share, pointsOfRequests, 0, rate("request_timed_out")},
	{"throughput", "Requests per second", higher, text.PerSecond, defaultTolerance, 0, func(s verdict.Summary) *float64 { return s.Overview.RequestsPerSecond }},
	{"response_p50", "Response, median", lower, text.Milliseconds, defaultTolerance, leastTime, func(s verdict.Summary) *float64 { return s.Overview.ResponseP50 }},
	{"response_p95", "Response, p95", lower, text.Milliseconds, defaultTolerance, leastTime, func(s verdict.Summary) *float64 { return s.Overview.ResponseP95 }},
	{"response_p99", "Response, p99", lower, text.Milliseconds, defaultTolerance, leastTime, func(s verdict.Summary) *float64 { return s.Overview.ResponseP99 }},
	{"response_drift", "Response drift", lower, text.Ratio, defaultTolerance, 0.1, func(s verdict.Summary) *float64 { return s.Overview.ResponseDrift }},
	{"wait_p95", "Wait for pool, p95", lower, text.Milliseconds, defaultTolerance, leastTime, func(s verdict.Summary) *float64 { return s.Overview.WaitP95 }},
	{"wait_p99", "Wait for pool, p99", lower, text.Milliseconds, defaultTolerance, leastTime, func(s verdict.Summary) *float64 { return s.Overview.WaitP99 }},
	{"query_p95", "Query, p95", lower, text.Milliseconds, defaultTolerance, leastTime, p95("pgxpool_query_duration")},
	{"query_failed", "Queries that failed", lower, text.Share, pointsOfRequests, 0, rate("pgxpool_query_failed")},
	{"use_p95", "Connection in use, p95", lower, text.Milliseconds, defaultTolerance, leastTime, p95("pgxpool_use_duration")},
	{"in_overflow", "Time in overflow", lower, text.Share, pointsOfTime, 0, func(s verdict.Summary) *float64 { return s.Overview.InOverflow }},
	{"db_cpu", "Database CPU", lower, text.Percent, pointsOfTime, 0, func(s verdict.Summary) *float64 { return s.Overview.DatabaseCPU }},
}

// Metrics gives the names of all metrics, in the order of the report.
func Metrics() []string {
	names := make([]string, len(metrics))
	for i, f := range metrics {
		names[i] = f.Name
	}
	return names
}

// rate reads a Rate; one of nothing has no value.
func rate(metric string) func(verdict.Summary) *float64 {
	return func(s verdict.Summary) *float64 {
		values := s.Metrics[metric].Values
		return value(values, "rate", values["passes"]+values["fails"] != 0)
	}
}

// p95 reads a Trend. k6 gives zeros for one without samples.
func p95(metric string) func(verdict.Summary) *float64 {
	return func(s verdict.Summary) *float64 {
		values := s.Metrics[metric].Values
		return value(values, "p(95)", values["max"] > 0)
	}
}

func value(values map[string]float64, name string, measured bool) *float64 {
	if v, ok := values[name]; ok && measured {
		return &v
	}
	return nil
}

// Tolerances say which change is the smallest that matters. The zero value is
// each metric's own.
//
// For a time, a rate per second and a ratio a tolerance is in percent of the
// smaller of the two values: with 10, 100 ms may become 110 ms and 110 ms may
// become 100 ms. For shares and percentages it is in percentage points.
type Tolerances struct {
	general *float64 // for every metric that is not a share or a percentage
	named   map[string]float64
}

// ParseTolerances reads texts such as "15" or "15%", which is for every metric
// but shares and percentages, and "success_rate=1", which is for one metric. A
// later one wins.
func ParseTolerances(texts []string) (Tolerances, error) {
	t := Tolerances{named: map[string]float64{}}
	for _, text := range texts {
		name, number, named := strings.Cut(text, "=")
		if !named {
			number = text
		}
		value, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(number), "%"), 64)
		if err != nil || !(value >= 0) || math.IsInf(value, 0) {
			return Tolerances{}, fmt.Errorf(
				"%q is not accepted; use a number of percent of at least 0, such as 10 or response_p95=20", text)
		}
		if !named {
			t.general = &value
			continue
		}
		if err := checkMetric(name); err != nil {
			return Tolerances{}, fmt.Errorf("%q is not accepted; %w", text, err)
		}
		t.named[name] = value
	}
	return t, nil
}

// of is the tolerance of a metric, in percent or percentage points.
func (t Tolerances) of(f metric) float64 {
	if value, ok := t.named[f.Name]; ok {
		return value
	}
	if t.general != nil && relative(f.Unit) {
		return *t.general
	}
	return f.Tolerance
}

// tolerated is the largest change between two values that does not matter, in
// the metric's unit. It does not depend on which of them is the baseline.
func (f metric) tolerated(a, b float64) float64 {
	switch f.Unit {
	case text.Share:
		return max(f.Tolerance/100, f.Least)
	case text.Percent:
		return max(f.Tolerance, f.Least)
	default:
		return max(f.Tolerance/100*min(math.Abs(a), math.Abs(b)), f.Least)
	}
}

func checkMetric(name string) error {
	if slices.Contains(Metrics(), name) {
		return nil
	}
	return fmt.Errorf("there is no metric %q; use one of %s", name, strings.Join(Metrics(), ", "))
}
