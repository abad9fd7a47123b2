package testrun_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

func TestMetricsHaveTheirTypes(t *testing.T) {
	u := jstest.InInit(t)
	for name, want := range map[string]struct {
		kind     metrics.MetricType
		contains metrics.ValueType
	}{
		"pgxpool_acquire_duration":    {metrics.Trend, metrics.Time},
		"pgxpool_connect_duration":    {metrics.Trend, metrics.Time},
		"pgxpool_use_duration":        {metrics.Trend, metrics.Time},
		"pgxpool_query_duration":      {metrics.Trend, metrics.Time},
		"pgxpool_queries":             {metrics.Counter, metrics.Default},
		"pgxpool_transaction_retries": {metrics.Counter, metrics.Default},
		"pgxpool_query_failed":        {metrics.Rate, metrics.Default},
		"pgxpool_acquire_failed":      {metrics.Rate, metrics.Default},
		"pgxpool_acquire_timeouts":    {metrics.Counter, metrics.Default},
		"pgxpool_connections_opened":  {metrics.Counter, metrics.Default},
		"pgxpool_connections_closed":  {metrics.Counter, metrics.Default},
		"pgxpool_leaks":               {metrics.Counter, metrics.Default},
		"pgxpool_active":              {metrics.Gauge, metrics.Default},
		"pgxpool_idle":                {metrics.Gauge, metrics.Default},
		"pgxpool_total":               {metrics.Gauge, metrics.Default},
		"pgxpool_overflow":            {metrics.Gauge, metrics.Default},
		"pgxpool_waiting":             {metrics.Gauge, metrics.Default},
		"pgxpool_active_sampled":      {metrics.Trend, metrics.Default},
		"pgxpool_waiting_sampled":     {metrics.Trend, metrics.Default},
		"pgxpool_utilization":         {metrics.Trend, metrics.Default},
		"pgxpool_in_overflow":         {metrics.Rate, metrics.Default},
		"pgxpool_samples":             {metrics.Counter, metrics.Default},
		"pgxpool_db_cpu":              {metrics.Trend, metrics.Default},
		"response_drift":              {metrics.Gauge, metrics.Default},
		"longest_stall":               {metrics.Gauge, metrics.Default},
	} {
		metric := u.VU.InitEnvField.Registry.Get(name)
		require.NotNil(t, metric, name)
		require.Equal(t, want.kind, metric.Type, name)
		require.Equal(t, want.contains, metric.Contains, name)
	}
}

// Every sample of a scripted sequence, to the number.
func TestMetricsAreExact(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 1, poolTimeout: 50 }`)
	u.JS(`
		pool.query('SELECT pg_sleep(0.02)');                       // connects
		pool.query('SELECT 1');                                    // pings
		pool.transaction((conn) => { conn.exec('SELECT 1'); conn.queryRow('SELECT 2'); });
		failure(() => pool.exec('SELECT 1/0'));
		failure(() => pool.query(1));                              // never was a statement
		const a = pool.acquire(), b = pool.acquire();              // connects the second
		failure(() => pool.query('SELECT 1'));                     // times out
		failure(() => pool.acquire());                             // times out
		a.release(); b.release(); b.release();                     // the second is discarded
	`)
	p := u.Ended()
	require.Equal(t, map[string]int{
		"pgxpool_acquire_duration":   8, // query, query, transaction, exec, a, b, two timeouts
		"pgxpool_acquire_failed":     8,
		"pgxpool_acquire_timeouts":   2,
		"pgxpool_use_duration":       6,
		"pgxpool_query_duration":     5,
		"pgxpool_queries":            5,
		"pgxpool_query_failed":       5,
		"pgxpool_connections_opened": 2,
		"pgxpool_connect_duration":   2,
		"pgxpool_connections_closed": 1, // the other was open at the end
	}, p.Events())
	require.Equal(t, 2.0, p.Count("pgxpool_acquire_failed"))
	require.Equal(t, 2.0, p.Count("pgxpool_acquire_timeouts"))
	require.Equal(t, 1.0, p.Count("pgxpool_query_failed"))
	require.Equal(t, 2.0, p.Count("pgxpool_connections_opened"))
	require.Equal(t, "overflow", reason(p.Of("pgxpool_connections_closed")[0]))
	require.GreaterOrEqual(t, p.Of("pgxpool_query_duration")[0].Value, 20.0, "milliseconds")
	require.Less(t, p.Of("pgxpool_query_duration")[0].Value, 20_000.0, "milliseconds")
	require.GreaterOrEqual(t, p.Of("pgxpool_use_duration")[0].Value, 20.0)
	for i, wait := range p.Of("pgxpool_acquire_duration") {
		failed := p.Of("pgxpool_acquire_failed")[i].Value
		require.True(t, failed == 0 || wait.Value >= 50, "a timed-out wait is as long as it was: %v", wait.Value)
	}
}

func reason(s metrics.Sample) string {
	value, _ := s.Tags.Get("reason")
	return value
}

func TestClosedConnectionsTellWhy(t *testing.T) {
	for name, test := range map[string]struct{ options, script string }{
		"recycle": {`{ poolRecycle: 0 }`, `pool.query('SELECT 1'); pool.query('SELECT 1')`},
		"overflow": {`{ poolSize: 1, maxOverflow: 1 }`,
			`const a = pool.acquire(), b = pool.acquire(); a.release(); b.release()`},
		"lost":  {`{}`, `failure(() => pool.query('SELECT pg_terminate_backend(pg_backend_pid())'))`},
		"close": {`{}`, `pool.query('SELECT 1'); pool.close()`},
	} {
		t.Run(name, func(t *testing.T) {
			u := jstest.Running(t, test.options)
			u.JS(test.script)
			p := u.Ended()
			require.Len(t, p.Of("pgxpool_connections_closed"), 1)
			require.Equal(t, name, reason(p.Of("pgxpool_connections_closed")[0]))
			require.Equal(t, 1.0, p.Count("pgxpool_connections_closed"))
		})
	}
}

func TestConnectionsOpenAtTheEndAreNotClosedOnes(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`const held = [pool.acquire(), pool.acquire()]; pool.query('SELECT 1')`)
	p := u.Ended()
	require.Equal(t, 3.0, p.Count("pgxpool_connections_opened"))
	require.Empty(t, p.Of("pgxpool_connections_closed"))
	require.Zero(t, u.Backends(), "and yet nothing is left")
}

func TestAFailedConnectIsAFailedCheckout(t *testing.T) {
	u := jstest.InInit(t)
	u.JS(`const pool = open(URL, {})`)
	u.Start()
	u.Failure(`pool.query('SELECT 1')`)
	require.Equal(t, map[string]int{"pgxpool_acquire_duration": 1, "pgxpool_acquire_failed": 1}, u.Ended().Events())
}

// What k6 cuts off is nobody's failure.
func TestInterruptedCallsCountInNoMetric(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	u.JS(`const conn = pool.acquire()`)
	end := u.Iteration()
	time.AfterFunc(100*time.Millisecond, end)
	require.Contains(t, u.Failure(`conn.query('SELECT pg_sleep(60)')`), "interrupted")
	end = u.Iteration()
	time.AfterFunc(100*time.Millisecond, end)
	require.Contains(t, u.Failure(`pool.query('SELECT 1')`), "interrupted", "while it waits for a place")
	u.Iteration()
	require.Equal(t, `[true,0]`, u.Text(`[conn.queryRow('SELECT pg_backend_pid() AS pid').pid === conn.pid, pool.stat().waiting]`),
		"the connection survives")
	u.JS(`conn.release()`)
	p := u.Ended()
	require.Equal(t, map[string]int{
		"pgxpool_acquire_duration": 1, "pgxpool_acquire_failed": 1, "pgxpool_use_duration": 1,
		"pgxpool_query_duration": 1, "pgxpool_query_failed": 1, "pgxpool_queries": 1,
		"pgxpool_connections_opened": 1, "pgxpool_connect_duration": 1,
	}, p.Events())
	require.Zero(t, p.Count("pgxpool_query_failed"))
}

func TestSamplesCarryTheUsersTags(t *testing.T) {
	u := jstest.New(t)
	u.JS(`const pool = open(URL, { name: 'orders' })`)
	u.Start()
	u.JS(`pool.query('SELECT 1')`)
	u.VU.StateField.Tags.Modify(func(tags *metrics.TagsAndMeta) {
		tags.SetTag("group", "::later")
		tags.SetMetadata("trace_id", "42")
	})
	u.JS(`pool.query('SELECT 2')`)
	u.JS(`pool.queryAsync('SELECT 3')`)
	p := u.Ended()
	for _, metric := range []string{"pgxpool_acquire_duration", "pgxpool_acquire_failed", "pgxpool_query_duration", "pgxpool_query_failed", "pgxpool_use_duration"} {
		samples := p.Of(metric)
		require.Len(t, samples, 3, metric)
		for i, group := range []string{"::start", "::later", "::later"} {
			require.Equal(t, map[string]string{"pool": "orders", "scenario": "default", "group": group}, samples[i].Tags.Map(), metric)
		}
		require.Empty(t, samples[0].Metadata)
		require.Equal(t, map[string]string{"trace_id": "42"}, samples[1].Metadata)
	}
	require.Equal(t, map[string]string{"pool": "orders", "scenario": "default", "group": "::start"},
		p.Of("pgxpool_connections_opened")[0].Tags.Map())
	// The levels are the whole run's and belong to no user.
	for _, level := range jstest.Sampled {
		require.NotEmpty(t, p.Of(level), "the shortest run has one sample")
		require.Equal(t, map[string]string{"pool": "orders"}, p.Of(level)[0].Tags.Map(), level)
	}
}

func TestLevelsAreSampled(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 2, maxOverflow: 2, sampleInterval: 10 }`)
	u.JS(`const held = [pool.acquire(), pool.acquire(), pool.acquire()]; held[0].query('SELECT pg_sleep(0.3)')`)
	p := u.Ended()
	n := len(p.Of("pgxpool_samples"))
	require.Greater(t, n, 1)
	for _, level := range jstest.Sampled {
		require.Len(t, p.Of(level), n, level)
	}
	require.Equal(t, float64(n), p.Count("pgxpool_samples"))
	last := func(metric string) float64 { return p.Of(metric)[n-1].Value }
	require.Equal(t, []float64{3, 0, 3, 1, 0, 3, 0, 150, 1}, []float64{
		last("pgxpool_active"), last("pgxpool_idle"), last("pgxpool_total"), last("pgxpool_overflow"), last("pgxpool_waiting"),
		last("pgxpool_active_sampled"), last("pgxpool_waiting_sampled"), last("pgxpool_utilization"), last("pgxpool_in_overflow"),
	})
}

// Nothing is jstest.Sampled, or left running, in a run that never used its pool.
func TestAnUnusedPoolHasNoSamples(t *testing.T) {
	require.Empty(t, jstest.Running(t, `{}`).Ended())
}
