package merge

import (
	"maps"
	"math"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// mergeMetrics merges what k6 told at the end of each runner's part. What the
// recordings know better replaces it.
func mergeMetrics(runners []Runner, merged mergedRecording) map[string]verdict.Metric {
	parts := make(map[string][]verdict.Metric)
	duration := 0.0
	for _, r := range runners {
		duration = math.Max(duration, r.Summary.Run.Duration)
		for name, m := range r.Summary.Metrics {
			parts[name] = append(parts[name], m)
		}
	}
	metrics := make(map[string]verdict.Metric, len(parts))
	for name, of := range parts {
		metrics[name] = mergeMetric(of, duration)
		if strings.HasPrefix(name, watchedPrefix) && metrics[name].Type == "gauge" {
			metrics[name] = verdict.Metric{Type: "gauge", Contains: of[0].Contains, Values: seenByAll(of)}
		}
	}
	merged.replace(metrics)
	// As in k6: a metric without values is 0, not unknown.
	maps.DeleteFunc(metrics, func(_ string, m verdict.Metric) bool { return m.Type == "trend" && len(m.Values) == 0 })
	return metrics
}

// mergeMetric merges one metric by k6's type of it.
func mergeMetric(parts []verdict.Metric, duration float64) verdict.Metric {
	m := verdict.Metric{Type: parts[0].Type, Contains: parts[0].Contains}
	switch m.Type {
	case "counter":
		m.Values = map[string]float64{"count": sumOf(parts, "count")}
		if duration > 0 {
			m.Values["rate"] = m.Values["count"] / duration
		}
	case "rate":
		m.Values = rateValues(sumOf(parts, "passes"), sumOf(parts, "fails"))
	case "trend":
		m.Values = trendWithoutPercentiles(parts)
	default: // a gauge such as vus: what the runners have together
		m.Values = map[string]float64{
			"value": sumOf(parts, "value"), "min": sumOf(parts, "min"), "max": sumOf(parts, "max"),
		}
	}
	return m
}

// watchedPrefix is that of an application's metrics. Every runner watches the
// same pool, so its levels are there once.
const watchedPrefix = "app_pool_"

// seenByAll are the values of a level that every runner saw whole.
func seenByAll(parts []verdict.Metric) map[string]float64 {
	values := maps.Clone(parts[0].Values)
	for _, m := range parts[1:] {
		values["value"] = math.Max(values["value"], m.Values["value"])
		values["min"] = math.Min(values["min"], m.Values["min"])
		values["max"] = math.Max(values["max"], m.Values["max"])
	}
	return values
}

func sumOf(parts []verdict.Metric, name string) (sum float64) {
	for _, m := range parts {
		sum += m.Values[name]
	}
	return sum
}

func rateValues(passes, fails float64) map[string]float64 {
	values := map[string]float64{"passes": passes, "fails": fails}
	if passes+fails > 0 {
		values["rate"] = passes / (passes + fails)
	}
	return values
}

// trendWithoutPercentiles has what follows from the runners' values.
func trendWithoutPercentiles(parts []verdict.Metric) map[string]float64 {
	values := map[string]float64{"min": math.Inf(1), "max": math.Inf(-1)}
	sum := 0.0
	for _, m := range parts {
		n := m.Values["count"]
		if n == 0 {
			continue
		}
		values["count"] += n
		sum += n * m.Values["avg"]
		values["min"] = math.Min(values["min"], m.Values["min"])
		values["max"] = math.Max(values["max"], m.Values["max"])
	}
	if values["count"] == 0 {
		return map[string]float64{}
	}
	values["avg"] = sum / values["count"]
	return values
}

// trendValues are k6's values of a distribution.
func trendValues(d timeline.Distribution) map[string]float64 {
	if d.Count() == 0 {
		return map[string]float64{}
	}
	values := map[string]float64{
		"count": float64(d.Count()), "avg": d.Mean(), "min": d.Min(), "max": d.Max(), "med": d.Quantile(0.5),
	}
	for _, percent := range []int{90, 95, 99} {
		values["p("+strconv.Itoa(percent)+")"] = d.Quantile(float64(percent) / 100)
	}
	return values
}

// replace puts what the recordings know in the place of what could only be
// added up. Metrics that no runner had stay away.
func (m mergedRecording) replace(metrics map[string]verdict.Metric) {
	set := func(name string, values map[string]float64) {
		if metric, known := metrics[name]; known {
			metric.Values = values
			metrics[name] = metric
		}
	}
	all := m.recording.Totals.Total()
	set("request_duration", trendValues(m.recording.Totals.Requests.Duration))
	set("pgxpool_acquire_duration", trendValues(all.Wait))
	set("pgxpool_connect_duration", trendValues(all.Connect))
	set("pgxpool_use_duration", trendValues(all.Use))
	set("pgxpool_query_duration", trendValues(all.Query))
	set("pgxpool_db_cpu", trendValues(m.recording.Totals.DatabaseCPU))
	for _, side := range []string{"pgxpool", "app_pool"} {
		set(side+"_active_sampled", m.levels(activeOf, asIs))
		set(side+"_utilization", m.levels(activeOf, percentOfSize))
		set(side+"_in_overflow", m.inOverflow())
	}
	set("pgxpool_waiting_sampled", m.levels(waitingOf, asIs))
	set("response_drift", m.drift())
	set("longest_stall", m.stall())
}

func activeOf(s *sampledLevels) []float64  { return s.active }
func waitingOf(s *sampledLevels) []float64 { return s.waiting }

func asIs(level, _ int) float64 { return float64(level) }

// percentOfSize is of what was configured for all runners together.
func percentOfSize(level, size int) float64 { return 100 * float64(level) / float64(max(1, size)) }

// levels are the values of one level of all pools.
func (m mergedRecording) levels(of func(*sampledLevels) []float64, value func(level, size int) float64) map[string]float64 {
	w := make(weighted)
	for _, pool := range m.pools {
		for level, samples := range of(pool) {
			if samples > 0 {
				w[value(level, pool.size)] += samples
			}
		}
	}
	return w.statistics()
}

// inOverflow is the share of samples with more connections in use than poolSize.
func (m mergedRecording) inOverflow() map[string]float64 {
	over, all := 0.0, 0.0
	for _, pool := range m.pools {
		for level, samples := range pool.active {
			all += samples
			if level > pool.size {
				over += samples
			}
		}
	}
	return rateValues(math.Round(over), math.Round(all)-math.Round(over))
}

// drift is empty where there are too few responses, or a runner's file of an
// older version has none by their time.
func (m mergedRecording) drift() map[string]float64 {
	drift, err := timeline.DriftOf(m.recording.Responses)
	if err != nil {
		return map[string]float64{}
	}
	return gauge(drift)
}

// stall is empty where no requests ended, or nobody knows when.
func (m mergedRecording) stall() map[string]float64 {
	stall, ok := timeline.LongestStall(m.recording.Ended)
	if !ok {
		return map[string]float64{}
	}
	return gauge(stall.Ratio())
}

func gauge(value float64) map[string]float64 {
	return map[string]float64{"value": value, "min": value, "max": value}
}
