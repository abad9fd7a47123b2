package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// judgment is what the criteria say of one step.
type judgment struct {
	// Broke are the rows that the load did not meet, as the gate sees them.
	broke []verdict.Row
	rows  []verdict.Row // all of them
	// unjudged names the rows that could not be measured, with the reason.
	unjudged []string
}

func (j judgment) carried() bool { return len(j.broke) == 0 }

// reason names the rows that broke.
func (j judgment) reason() string {
	var reasons []string
	for _, row := range j.broke {
		reasons = append(reasons, row.Title+": "+row.Reason)
	}
	return strings.Join(reasons, "; ")
}

// titles are those of the rows that broke.
func (j judgment) titles() string {
	var titles []string
	for _, row := range j.broke {
		titles = append(titles, row.Title)
	}
	return strings.Join(titles, ", ")
}

// judged asks the criteria about a step. A row that could not be measured says
// nothing about the load and does not break; a row without data, although it
// should have some, does.
func (s settings) judged(m Measurement) judgment {
	if len(s.criteria) == 0 {
		return judgment{}
	}
	report, err := verdict.Evaluate(verdict.Input{
		Criteria: s.criteriaOf(m), Metrics: m.metrics(s.http), Gate: string(s.gate), Waived: s.waive,
	})
	if err != nil { // of criteria that were sound when the plan was made
		panic(fmt.Sprintf("experiment: judging step %q: %v", m.Step.Label, err))
	}
	j := judgment{rows: report.Rows}
	for _, row := range report.Rows {
		switch {
		case row.Waived:
		case row.Verdict == verdict.Warning && row.Measured == nil:
			j.unjudged = append(j.unjudged, row.Title+" ("+row.Reason+")")
		case !s.gate.Holds(row.Verdict):
			j.broke = append(j.broke, row)
		}
	}
	if why := m.saturated(s.think); why != "" && len(j.broke) > 0 {
		j.broke = []verdict.Row{generatorRow(why)} // whatever else broke may be its doing
	}
	return j
}

// criteriaOf are the criteria as this step can be judged by them: a few
// requests cannot show a drift, which is no fault of theirs.
func (s settings) criteriaOf(m Measurement) []verdict.Criterion {
	rows := slices.Clone(s.criteria)
	for i := range rows {
		tooFew := rows[i].Metric == driftMetric && m.Drift == nil || rows[i].Metric == stallMetric && m.Stall == nil
		if tooFew && m.Requests > 0 {
			rows[i].Unmeasured = "the step has too few responses"
		}
	}
	return rows
}

// metrics are a step's values by the names that criteria use, as if the step
// had been a run of its own. What was not measured is left out.
func (m Measurement) metrics(http bool) map[string]verdict.Metric {
	all := map[string]verdict.Metric{
		"request_success":    rate(m.Requests-m.Failed, m.Requests),
		"request_timed_out":  rate(m.Timeouts, m.Requests),
		"request_timeouts":   m.counter(m.Timeouts),
		"request_duration":   trend(m.Request),
		"dropped_iterations": m.counter(m.Dropped),
		"request_dropped":    rate(m.Dropped, m.arrivals()),
	}
	for name, value := range map[string]*float64{driftMetric: m.Drift, stallMetric: m.Stall} {
		if value != nil {
			all[name] = verdict.Metric{Type: "gauge", Values: map[string]float64{"value": *value}}
		}
	}
	if m.CPU != nil {
		all["pgxpool_db_cpu"] = levels(*m.CPU, 1, 1)
	}
	if m.Pool != nil {
		prefix := "pgxpool_"
		if http {
			prefix = "app_pool_"
		}
		for name, metric := range m.Pool.metrics(m) {
			all[prefix+name] = metric
		}
	}
	return all
}

func (p *poolMeasurement) metrics(m Measurement) map[string]verdict.Metric {
	return map[string]verdict.Metric{
		"samples": m.counter(p.Samples),
		// What settling opened is still there: a pool that had a connection
		// opened one.
		"connections_opened": m.counter(max(p.Opened, int64(p.Open))),
		"acquire_timeouts":   m.counter(p.Timeouts),
		"acquire_duration":   trend(p.Wait),
		"active_sampled":     levels(p.Active, 1, 1),
		"waiting_sampled":    levels(p.Waiting, 1, 1),
		"utilization":        levels(p.Active, 100, float64(max(p.Size, 1))),
		"of_capacity":        levels(p.Active, 100, float64(max(p.Capacity, 1))),
		"in_overflow": {Type: "rate", Values: map[string]float64{
			"rate": p.Overflow, "passes": p.Overflow * float64(p.Samples), "fails": (1 - p.Overflow) * float64(p.Samples)}},
	}
}

// judgedMetrics are the names of all metrics that a step may have, in order.
func judgedMetrics() []string {
	one := 1.0
	m := Measurement{Pool: &poolMeasurement{}, CPU: &level{}, Drift: &one, Stall: &one}
	all := m.metrics(false)
	maps.Copy(all, m.metrics(true))
	return slices.Sorted(maps.Keys(all))
}

func rate(passes, of int64) verdict.Metric {
	values := map[string]float64{"passes": float64(passes), "fails": float64(of - passes)}
	if of > 0 {
		values["rate"] = float64(passes) / float64(of)
	}
	return verdict.Metric{Type: "rate", Values: values}
}

func (m Measurement) counter(count int64) verdict.Metric {
	values := map[string]float64{"count": float64(count)}
	if m.Lasted > 0 {
		values["rate"] = float64(count) / m.Lasted
	}
	return verdict.Metric{Type: "counter", Values: values}
}

func trend(t times) verdict.Metric {
	return verdict.Metric{Type: "trend", Contains: "time", Values: map[string]float64{
		"avg": t.Mean, "min": t.Min, "med": t.P50, "p(50)": t.P50, "p(90)": t.P90, "p(95)": t.P95, "p(99)": t.P99,
		"max": t.Max, "count": float64(t.Count),
	}}
}

// levels is a Trend of a sampled level, times a factor over a divisor: 100·48/60
// is 80, and 100/60·48 need not be. No other percentile of a level is kept.
func levels(l level, factor, divisor float64) verdict.Metric {
	return verdict.Metric{Type: "trend", Values: map[string]float64{
		"avg": factor * l.Mean / divisor, "p(95)": factor * l.P95 / divisor, "max": factor * l.Max / divisor,
	}}
}

const (
	driftMetric = "response_drift"
	stallMetric = "longest_stall"
)
