package testrun

import (
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/results"
)

// metricSet is every metric of the module. Times are in milliseconds.
type metricSet struct {
	acquireDuration, connectDuration, useDuration, queryDuration *metrics.Metric
	queryFailed, acquireFailed, inOverflow                       *metrics.Metric

	queries, transactionRetries, acquireTimeouts, opened, closed, leaks, samples *metrics.Metric

	active, idle, total, overflow, waiting *metrics.Metric

	activeSampled, waitingSampled, utilization, dbCPU *metrics.Metric

	responseDrift *metrics.Metric
	longestStall  *metrics.Metric
	resultsLost   *metrics.Metric

	// The script's own, of scripts/lib/request.js.
	requestDuration, requestSuccess, requestTimedOut, requestTimeouts, requestInterrupted, requestRetries *metrics.Metric

	compact    map[*metrics.Metric][]*metrics.Metric // the gauges of each Trend, see registerCompact
	dropped    *metrics.Metric                       // k6's own
	experiment map[string]*metrics.Metric            // of experiments, by name

	// An application's own pool, seen from the database and from the
	// application.
	appActive, appTotal, appOverflow, appCheckedOut *metrics.Metric
	appActiveSampled, appCheckedOutSampled          *metrics.Metric
	appUtilization, appInOverflow, appSamples       *metrics.Metric
	appAtLeast                                      *metrics.Metric
}

// registerMetrics is idempotent: k6 gives back what is registered already.
func registerMetrics(r *metrics.Registry) *metricSet {
	trend := func(name string) *metrics.Metric { return r.MustNewMetric(name, metrics.Trend) }
	duration := func(name string) *metrics.Metric { return r.MustNewMetric(name, metrics.Trend, metrics.Time) }
	rate := func(name string) *metrics.Metric { return r.MustNewMetric(name, metrics.Rate) }
	counter := func(name string) *metrics.Metric { return r.MustNewMetric(name, metrics.Counter) }
	gauge := func(name string) *metrics.Metric { return r.MustNewMetric(name, metrics.Gauge) }
	set := &metricSet{
		dropped:         counter(metrics.DroppedIterationsName),
		experiment:      make(map[string]*metrics.Metric),
		acquireDuration: duration("pgxpool_acquire_duration"),
		connectDuration: duration("pgxpool_connect_duration"),
		useDuration:     duration("pgxpool_use_duration"),
		queryDuration:   duration("pgxpool_query_duration"),
		queryFailed:     rate("pgxpool_query_failed"),
		acquireFailed:   rate("pgxpool_acquire_failed"),
		inOverflow:      rate("pgxpool_in_overflow"),
		queries:         counter("pgxpool_queries"),
		acquireTimeouts: counter("pgxpool_acquire_timeouts"),

		transactionRetries: counter("pgxpool_transaction_retries"),

		opened:         counter("pgxpool_connections_opened"),
		closed:         counter("pgxpool_connections_closed"),
		leaks:          counter("pgxpool_leaks"),
		samples:        counter("pgxpool_samples"),
		active:         gauge("pgxpool_active"),
		idle:           gauge("pgxpool_idle"),
		total:          gauge("pgxpool_total"),
		overflow:       gauge("pgxpool_overflow"),
		waiting:        gauge("pgxpool_waiting"),
		activeSampled:  trend("pgxpool_active_sampled"),
		waitingSampled: trend("pgxpool_waiting_sampled"),
		utilization:    trend("pgxpool_utilization"),
		dbCPU:          trend("pgxpool_db_cpu"),
		responseDrift:  gauge("response_drift"),
		longestStall:   gauge("longest_stall"),
		resultsLost:    counter(results.Threshold),

		requestDuration:    duration("request_duration"),
		requestSuccess:     rate("request_success"),
		requestTimedOut:    rate("request_timed_out"),
		requestTimeouts:    counter("request_timeouts"),
		requestInterrupted: counter("request_interrupted"),
		requestRetries:     counter("request_retries"),

		appActive:            gauge("app_pool_active"),
		appTotal:             gauge("app_pool_total"),
		appOverflow:          gauge("app_pool_overflow"),
		appCheckedOut:        gauge("app_pool_checked_out"),
		appActiveSampled:     trend("app_pool_active_sampled"),
		appCheckedOutSampled: trend("app_pool_checked_out_sampled"),
		appUtilization:       trend("app_pool_utilization"),
		appInOverflow:        rate("app_pool_in_overflow"),
		appSamples:           counter("app_pool_samples"),
		appAtLeast:           rate("app_pool_at_least"),
	}
	for _, name := range experiment.MetricNames() {
		set.experiment[name] = gauge(name)
	}
	set.compact = registerCompact(r, set)
	return set
}

func sampleOf(m *metrics.Metric, tags *metrics.TagSet, at time.Time, value float64) metrics.Sample {
	return metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: m, Tags: tags}, Time: at, Value: value}
}
