package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

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
