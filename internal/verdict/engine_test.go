package verdict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const testDuration = 5 * time.Minute

// trendStats is what a run has unless --summary-trend-stats says otherwise.
var trendStats = []string{"avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "count"}

// engine judges thresholds with k6's own code and keeps its end-of-test data.
type engine struct {
	t        *testing.T
	registry *metrics.Registry
	stats    []string
	metrics  map[string]*metrics.Metric
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{t: t, registry: metrics.NewRegistry(), stats: trendStats, metrics: map[string]*metrics.Metric{}}
	for name, metricType := range map[string]metrics.MetricType{
		"request_success":         metrics.Rate,
		"request_duration":        metrics.Trend,
		"request_timeouts":        metrics.Counter,
		"request_timed_out":       metrics.Rate,
		"response_drift":          metrics.Gauge,
		"longest_stall":           metrics.Gauge,
		"pgxpool_db_cpu":          metrics.Trend,
		"pgxpool_utilization":     metrics.Trend,
		"pgxpool_waiting_sampled": metrics.Trend,
		"pgxpool_active_sampled":  metrics.Trend,
		"pgxpool_in_overflow":     metrics.Rate,
		"pgxpool_samples":         metrics.Counter,
		"pgxpool_at_least":        metrics.Rate, // of a watched application alone

		"pgxpool_connections_opened": metrics.Counter,
	} {
		e.metrics[name] = e.registry.MustNewMetric(name, metricType)
		if twin := ofApplication(name); twin != name {
			e.metrics[twin] = e.registry.MustNewMetric(twin, metricType)
		}
	}
	return e
}

// ofApplication is what the criteria of a watched application call a metric.
func ofApplication(name string) string {
	if rest, ok := strings.CutPrefix(name, "pgxpool_"); ok && rest != "db_cpu" {
		return "app_pool_" + rest
	}
	return name
}

// watched gives the run to the metrics of a watched application.
func (e *engine) watched() *engine {
	for name, m := range e.metrics {
		if twin := ofApplication(name); twin != name {
			e.metrics[twin].Sink = m.Sink
		}
	}
	return e
}

func (e *engine) add(name string, values ...float64) {
	for _, value := range values {
		e.metrics[name].Sink.Add(metrics.Sample{Time: time.Unix(1, 0), Value: value})
	}
}

// addRate adds n samples to a rate, of which the given number is true.
func (e *engine) addRate(name string, trues, n int) {
	for i := range n {
		value := 0.0
		if i < trues {
			value = 1
		}
		e.add(name, value)
	}
}

// judge tells whether k6 would exit with 0, and leaves its answers in the data.
func (e *engine) judge(thresholds map[string][]string) bool {
	e.t.Helper()
	holds := true
	for name, sources := range thresholds {
		m := e.metrics[name]
		require.NotNil(e.t, m, "threshold on an unknown metric %s", name)
		m.Thresholds = metrics.NewThresholds(sources)
		require.NoError(e.t, m.Thresholds.Parse())
		require.NoError(e.t, m.Thresholds.Validate(name, e.registry))
		m.Observed = true
		ok, err := m.Thresholds.Run(m.Sink, testDuration)
		require.NoError(e.t, err)
		holds = holds && ok
	}
	return holds
}

// data is what handleSummary would get: metrics that have samples or
// thresholds.
func (e *engine) data() map[string]any {
	resolvers, err := metrics.GetResolversForTrendColumns(e.stats)
	require.NoError(e.t, err)
	byName := map[string]any{}
	for name, m := range e.metrics {
		if !m.Observed && m.Sink.IsEmpty() {
			continue
		}
		metric := map[string]any{"type": m.Type.String(), "contains": "default", "values": values(m.Sink, e.stats, resolvers)}
		if answers := answers(m); len(answers) > 0 {
			metric["thresholds"] = answers
		}
		byName[name] = metric
	}
	return map[string]any{
		"metrics": byName,
		"state":   map[string]any{"testRunDurationMs": float64(testDuration / time.Millisecond), "isStdOutTTY": false},
	}
}

func answers(m *metrics.Metric) map[string]any {
	answers := map[string]any{}
	for _, threshold := range m.Thresholds.Thresholds {
		answers[threshold.Source] = map[string]any{"ok": !threshold.LastFailed}
	}
	return answers
}

// values follows k6's summary.
func values(sink metrics.Sink, stats []string, resolvers map[string]func(*metrics.TrendSink) float64) map[string]float64 {
	result := sink.Format(testDuration)
	switch sink := sink.(type) {
	case *metrics.GaugeSink:
		result["min"], result["max"] = sink.Min, sink.Max
	case *metrics.RateSink:
		result["passes"], result["fails"] = float64(sink.Trues), float64(sink.Total-sink.Trues)
	case *metrics.TrendSink:
		result = map[string]float64{}
		for _, stat := range stats {
			result[stat] = resolvers[stat](sink)
		}
	}
	return result
}

// decoded are the engine's metrics as a script hands them over.
func (e *engine) decoded() map[string]verdict.Metric {
	e.t.Helper()
	in, err := verdict.FromScript(e.data(), nil)
	require.NoError(e.t, err)
	return in.Metrics
}

// evaluate judges the engine's data with the evaluator.
func (e *engine) evaluate(rows []verdict.Criterion, gate string, waive []string, unmeasured map[string]string) verdict.Report {
	e.t.Helper()
	report, err := verdict.Evaluate(verdict.Input{
		Criteria: rows, Metrics: e.decoded(), Gate: gate, Waived: waive, Unmeasured: unmeasured,
	})
	require.NoError(e.t, err)
	return report
}
