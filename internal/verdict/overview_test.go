package verdict_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Users who ask every 100 ms and wait 10 s once leave out a hundred requests, which the
// recorded percentiles do not have.
func TestTheOverviewCountsWhatUsersCouldNotAsk(t *testing.T) {
	var recorder timeline.Recorder
	at := func(measure timeline.Measure, value float64, key string) {
		recorder.Record([]timeline.Observation{{Measure: measure, At: began.Add(time.Second), Value: value, Key: key}})
	}
	for i := range 1000 {
		at(timeline.Cycle, 100, "")
		at(timeline.Request, map[bool]float64{true: 10_000, false: 50}[i%250 == 0], "")
	}
	at(timeline.RequestRetry, 18, "PoolTimeoutError")
	at(timeline.RequestRetry, 2, "40001")
	report := verdict.Report{Recording: timeline.Condense(recorder.Snapshot()), Run: testRun(), Metrics: map[string]verdict.Metric{
		"request_success":  {Type: "rate", Values: map[string]float64{"passes": 996, "fails": 4}},
		"request_duration": {Type: "trend", Values: map[string]float64{"p(95)": 50, "p(99)": 51, "max": 10_000}},
		"request_retries":  {Type: "counter", Values: map[string]float64{"count": 20}},
	}}
	o := report.Overview()
	require.Equal(t, 1000.0, *o.Requests)
	require.Equal(t, 1.02, *o.Amplification)
	// 1396 requests, 400 of them evenly from 100 ms to 10 s: one in twenty took more than 8.3 s.
	require.InEpsilon(t, 8300, *o.CorrectedP95, 0.05)
	require.Greater(t, *o.CorrectedP99, *o.CorrectedP95)
	text := report.Terminal(false, 0)
	require.Contains(t, text, "20 (2 after 40001, 18 after PoolTimeoutError), 1.02 times the load that users asked for")
	require.Contains(t, text, "including the requests that users could not make while they waited")

	report.Recording = nil
	o = report.Overview()
	require.Nil(t, o.CorrectedP95, "an open loop has no cycle")
	require.NotContains(t, report.Terminal(false, 0), "users could not make")
}

func TestTheLimitOfACriterion(t *testing.T) {
	limit, ok := verdict.Criterion{Pass: "rate>=0.95"}.Limit()
	require.True(t, ok)
	require.Equal(t, 0.95, limit)
	_, ok = verdict.Criterion{Pass: "fast"}.Limit()
	require.False(t, ok)
	require.Equal(t, "fast", verdict.Criterion{Pass: "fast"}.LimitText())
}

// A script that loads an application may have a pool of its own beside it, as
// soak.js has: whose values they are is not mixed up.
func TestOverviewIsOfTheLoadedPool(t *testing.T) {
	metric := func(metricType string, values map[string]float64) verdict.Metric {
		return verdict.Metric{Type: metricType, Values: values}
	}
	metrics := map[string]verdict.Metric{
		"pgxpool_samples":          metric("counter", map[string]float64{"count": 1}),
		"pgxpool_active_sampled":   metric("trend", map[string]float64{"max": 1}),
		"pgxpool_waiting_sampled":  metric("trend", map[string]float64{"max": 0}),
		"pgxpool_in_overflow":      metric("rate", map[string]float64{"rate": 0}),
		"pgxpool_acquire_duration": metric("trend", map[string]float64{"max": 2, "p(95)": 2}),
	}
	own := verdict.Report{Metrics: metrics}.Overview()
	require.Equal(t, 1.0, *own.PeakActive)
	for says, configuration := range map[string]verdict.Configuration{
		"peak 1,":             {"seeding.poolSize": "1"},
		"peak 1 in one pool,": {"old.poolSize": "4", "new.poolSize": "4"},
		"peak 1 of 4+2,":      {"poolSize": "4", "maxOverflow": "2"},
	} {
		require.Contains(t, verdict.Report{Metrics: metrics, Run: verdict.Run{Configuration: configuration}}.Terminal(false, 0), says)
	}
	require.Equal(t, 2.0, *own.WaitMax)

	metrics["app_pool_samples"] = metric("counter", map[string]float64{"count": 100})
	metrics["app_pool_active_sampled"] = metric("trend", map[string]float64{"max": 42})
	metrics["app_pool_in_overflow"] = metric("rate", map[string]float64{"rate": 0.5})
	application := verdict.Report{Metrics: metrics}.Overview()
	require.Equal(t, 42.0, *application.PeakActive)
	require.Equal(t, 0.5, *application.InOverflow)
	require.Nil(t, application.PeakWaiting, "who waits inside the application is not seen")
	require.Nil(t, application.WaitMax)
}
