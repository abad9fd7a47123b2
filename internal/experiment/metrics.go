package experiment

import (
	"maps"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// metrics are a step's figures by the names that criteria use, as if the step
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
	if m.Drift != nil {
		all["response_drift"] = verdict.Metric{Type: "gauge", Values: map[string]float64{"value": *m.Drift}}
	}
	if m.CPU != nil {
		all["pgxpool_db_cpu"] = levels(*m.CPU, 1)
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

func (p *PoolFigures) metrics(m Measurement) map[string]verdict.Metric {
	inOverflow := verdict.Metric{Type: "rate", Values: map[string]float64{
		"rate": p.Overflow, "passes": p.Overflow * float64(p.Samples), "fails": (1 - p.Overflow) * float64(p.Samples)}}
	return map[string]verdict.Metric{
		"samples": m.counter(p.Samples),
		// What settling opened is still there: a pool that had a connection
		// opened one.
		"connections_opened": m.counter(max(p.Opened, int64(p.Open))),
		"acquire_timeouts":   m.counter(p.Timeouts),
		"acquire_duration":   trend(p.Wait),
		"active_sampled":     levels(p.Active, 1),
		"waiting_sampled":    levels(p.Waiting, 1),
		"utilization":        levels(p.Active, 100/float64(max(p.Size, 1))),
		"in_overflow":        inOverflow,
	}
}

// judgedMetrics are the names of all metrics that a step may have, in order.
func judgedMetrics() []string {
	drift := 1.0
	m := Measurement{Pool: &PoolFigures{}, CPU: &Level{}, Drift: &drift}
	names := slices.Collect(maps.Keys(m.metrics(false)))
	for name := range m.metrics(true) {
		if strings.HasPrefix(name, "app_pool_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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

func trend(t Times) verdict.Metric {
	return verdict.Metric{Type: "trend", Contains: "time", Values: map[string]float64{
		"avg": t.Mean, "min": t.Min, "med": t.P50, "p(50)": t.P50, "p(90)": t.P90, "p(95)": t.P95, "p(99)": t.P99,
		"max": t.Max, "count": float64(t.Count),
	}}
}

// levels is a Trend of a sampled level, scaled. Of a level no other percentile
// is kept.
func levels(l Level, scale float64) verdict.Metric {
	return verdict.Metric{Type: "trend", Values: map[string]float64{
		"avg": scale * l.Mean, "p(95)": scale * l.P95, "max": scale * l.Max,
	}}
}
