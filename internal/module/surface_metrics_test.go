package module

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"
)

// pushed are the samples of a test run, by metric.
type pushed map[string][]metrics.Sample

// ended lets the test run end and gives all that k6 was pushed.
func (u *user) ended() pushed {
	u.t.Helper()
	u.module.test.end(true)
	close(u.samples)
	all := make(pushed)
	for container := range u.samples {
		for _, sample := range container.GetSamples() {
			all[sample.Metric.Name] = append(all[sample.Metric.Name], sample)
		}
	}
	return all
}

func (p pushed) of(metric string) []metrics.Sample { return p[metric] }

// count is the sum of a metric's values.
func (p pushed) count(metric string) (sum float64) {
	for _, sample := range p[metric] {
		sum += sample.Value
	}
	return sum
}

// sampled are the levels, whose number depends on how long the test took.
var sampled = []string{
	"pgxpool_active", "pgxpool_idle", "pgxpool_total", "pgxpool_overflow", "pgxpool_waiting", "pgxpool_active_sampled",
	"pgxpool_waiting_sampled", "pgxpool_utilization", "pgxpool_in_overflow", "pgxpool_samples",
}

// events are how many samples each metric has, the levels aside.
func (p pushed) events() map[string]int {
	n := make(map[string]int)
	for metric, samples := range p {
		n[metric] = len(samples)
	}
	for _, level := range append(sampled, "pgxpool_db_cpu") {
		delete(n, level)
	}
	return n
}

func TestMetricsHaveTheirTypes(t *testing.T) {
	u := newInitUser(t)
	for name, want := range map[string]struct {
		kind     metrics.MetricType
		contains metrics.ValueType
	}{
		"pgxpool_acquire_duration":   {metrics.Trend, metrics.Time},
		"pgxpool_connect_duration":   {metrics.Trend, metrics.Time},
		"pgxpool_use_duration":       {metrics.Trend, metrics.Time},
		"pgxpool_query_duration":     {metrics.Trend, metrics.Time},
		"pgxpool_query_failed":       {metrics.Rate, metrics.Default},
		"pgxpool_acquire_failed":     {metrics.Rate, metrics.Default},
		"pgxpool_acquire_timeouts":   {metrics.Counter, metrics.Default},
		"pgxpool_connections_opened": {metrics.Counter, metrics.Default},
		"pgxpool_connections_closed": {metrics.Counter, metrics.Default},
		"pgxpool_leaks":              {metrics.Counter, metrics.Default},
		"pgxpool_active":             {metrics.Gauge, metrics.Default},
		"pgxpool_idle":               {metrics.Gauge, metrics.Default},
		"pgxpool_total":              {metrics.Gauge, metrics.Default},
		"pgxpool_overflow":           {metrics.Gauge, metrics.Default},
		"pgxpool_waiting":            {metrics.Gauge, metrics.Default},
		"pgxpool_active_sampled":     {metrics.Trend, metrics.Default},
		"pgxpool_waiting_sampled":    {metrics.Trend, metrics.Default},
		"pgxpool_utilization":        {metrics.Trend, metrics.Default},
		"pgxpool_in_overflow":        {metrics.Rate, metrics.Default},
		"pgxpool_samples":            {metrics.Counter, metrics.Default},
		"pgxpool_db_cpu":             {metrics.Trend, metrics.Default},
		"response_drift":             {metrics.Gauge, metrics.Default},
	} {
		metric := u.VU.InitEnvField.Registry.Get(name)
		require.NotNil(t, metric, name)
		require.Equal(t, want.kind, metric.Type, name)
		require.Equal(t, want.contains, metric.Contains, name)
	}
}

// Every sample of a scripted sequence, to the number.
func TestMetricsAreExact(t *testing.T) {
	u := running(t, `{ poolSize: 1, maxOverflow: 1, poolTimeout: 50 }`)
	u.js(`
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
	p := u.ended()
	require.Equal(t, map[string]int{
		"pgxpool_acquire_duration":   8, // query, query, transaction, exec, a, b, two timeouts
		"pgxpool_acquire_failed":     8,
		"pgxpool_acquire_timeouts":   2,
		"pgxpool_use_duration":       6,
		"pgxpool_query_duration":     5,
		"pgxpool_query_failed":       5,
		"pgxpool_connections_opened": 2,
		"pgxpool_connect_duration":   2,
		"pgxpool_connections_closed": 1, // the other was open at the end
	}, p.events())
	require.Equal(t, 2.0, p.count("pgxpool_acquire_failed"))
	require.Equal(t, 2.0, p.count("pgxpool_acquire_timeouts"))
	require.Equal(t, 1.0, p.count("pgxpool_query_failed"))
	require.Equal(t, 2.0, p.count("pgxpool_connections_opened"))
	require.Equal(t, "overflow", reason(p.of("pgxpool_connections_closed")[0]))
	require.GreaterOrEqual(t, p.of("pgxpool_query_duration")[0].Value, 20.0, "milliseconds")
	require.Less(t, p.of("pgxpool_query_duration")[0].Value, 20_000.0, "milliseconds")
	require.GreaterOrEqual(t, p.of("pgxpool_use_duration")[0].Value, 20.0)
	for i, wait := range p.of("pgxpool_acquire_duration") {
		failed := p.of("pgxpool_acquire_failed")[i].Value
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
			u := running(t, test.options)
			u.js(test.script)
			p := u.ended()
			require.Len(t, p.of("pgxpool_connections_closed"), 1)
			require.Equal(t, name, reason(p.of("pgxpool_connections_closed")[0]))
			require.Equal(t, 1.0, p.count("pgxpool_connections_closed"))
		})
	}
}

func TestConnectionsOpenAtTheEndAreNotClosedOnes(t *testing.T) {
	u := running(t, `{}`)
	u.js(`const held = [pool.acquire(), pool.acquire()]; pool.query('SELECT 1')`)
	p := u.ended()
	require.Equal(t, 3.0, p.count("pgxpool_connections_opened"))
	require.Empty(t, p.of("pgxpool_connections_closed"))
	require.Zero(t, u.backends(), "and yet nothing is left")
}

func TestAFailedConnectIsAFailedCheckout(t *testing.T) {
	u := newInitUser(t)
	u.js(`const pool = open(URL, {})`)
	u.start()
	u.failure(`pool.query('SELECT 1')`)
	require.Equal(t, map[string]int{"pgxpool_acquire_duration": 1, "pgxpool_acquire_failed": 1}, u.ended().events())
}

// What k6 cuts off is nobody's failure.
func TestInterruptedCallsCountInNoMetric(t *testing.T) {
	u := running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	u.js(`const conn = pool.acquire()`)
	end := u.iteration()
	time.AfterFunc(100*time.Millisecond, end)
	require.Contains(t, u.failure(`conn.query('SELECT pg_sleep(60)')`), "interrupted")
	end = u.iteration()
	time.AfterFunc(100*time.Millisecond, end)
	require.Contains(t, u.failure(`pool.query('SELECT 1')`), "interrupted", "while it waits for a place")
	u.iteration()
	require.Equal(t, `[true,0]`, u.text(`[conn.queryRow('SELECT pg_backend_pid() AS pid').pid === conn.pid, pool.stat().waiting]`),
		"the connection survives")
	u.js(`conn.release()`)
	p := u.ended()
	require.Equal(t, map[string]int{
		"pgxpool_acquire_duration": 1, "pgxpool_acquire_failed": 1, "pgxpool_use_duration": 1,
		"pgxpool_query_duration": 1, "pgxpool_query_failed": 1,
		"pgxpool_connections_opened": 1, "pgxpool_connect_duration": 1,
	}, p.events())
	require.Zero(t, p.count("pgxpool_query_failed"))
}

func TestSamplesCarryTheUsersTags(t *testing.T) {
	u := newUser(t)
	u.js(`const pool = open(URL, { name: 'orders' })`)
	u.start()
	u.js(`pool.query('SELECT 1')`)
	u.VU.StateField.Tags.Modify(func(tags *metrics.TagsAndMeta) {
		tags.SetTag("group", "::later")
		tags.SetMetadata("trace_id", "42")
	})
	u.js(`pool.query('SELECT 2')`)
	u.js(`pool.queryAsync('SELECT 3')`)
	p := u.ended()
	for _, metric := range []string{"pgxpool_acquire_duration", "pgxpool_acquire_failed", "pgxpool_query_duration", "pgxpool_query_failed", "pgxpool_use_duration"} {
		samples := p.of(metric)
		require.Len(t, samples, 3, metric)
		for i, group := range []string{"::start", "::later", "::later"} {
			require.Equal(t, map[string]string{"pool": "orders", "scenario": "default", "group": group}, samples[i].Tags.Map(), metric)
		}
		require.Empty(t, samples[0].Metadata)
		require.Equal(t, map[string]string{"trace_id": "42"}, samples[1].Metadata)
	}
	require.Equal(t, map[string]string{"pool": "orders", "scenario": "default", "group": "::start"},
		p.of("pgxpool_connections_opened")[0].Tags.Map())
	// The levels are the whole run's and belong to no user.
	for _, level := range sampled {
		require.NotEmpty(t, p.of(level), "the shortest run has one sample")
		require.Equal(t, map[string]string{"pool": "orders"}, p.of(level)[0].Tags.Map(), level)
	}
}

func TestLevelsAreSampled(t *testing.T) {
	u := running(t, `{ poolSize: 2, maxOverflow: 2, sampleInterval: 10 }`)
	u.js(`const held = [pool.acquire(), pool.acquire(), pool.acquire()]; held[0].query('SELECT pg_sleep(0.3)')`)
	p := u.ended()
	n := len(p.of("pgxpool_samples"))
	require.Greater(t, n, 1)
	for _, level := range sampled {
		require.Len(t, p.of(level), n, level)
	}
	require.Equal(t, float64(n), p.count("pgxpool_samples"))
	last := func(metric string) float64 { return p.of(metric)[n-1].Value }
	require.Equal(t, []float64{3, 0, 3, 1, 0, 3, 0, 150, 1}, []float64{
		last("pgxpool_active"), last("pgxpool_idle"), last("pgxpool_total"), last("pgxpool_overflow"), last("pgxpool_waiting"),
		last("pgxpool_active_sampled"), last("pgxpool_waiting_sampled"), last("pgxpool_utilization"), last("pgxpool_in_overflow"),
	})
}

// Nothing is sampled, or left running, in a run that never used its pool.
func TestAnUnusedPoolHasNoSamples(t *testing.T) {
	require.Empty(t, running(t, `{}`).ended())
}
