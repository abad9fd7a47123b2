package testrun

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// compactInterval is how often compact metrics reach k6 and its outputs.
const compactInterval = time.Second

// compactor is metrics: 'compact'. k6's engine keeps every value of a Trend
// until the end of the test, 55 bytes a query; the compactor keeps a sketch of
// each Trend of the module and gives k6 gauges made from it, once a second and
// for the last time at the test's end. Counters are added up and gauges thinned
// out to once a second. The zero value lets everything through.
type compactor struct {
	mu      sync.Mutex
	metrics *metricSet
	tags    *metrics.TagSet // the run's; nil while metrics are full
	out     chan<- metrics.SampleContainer
	pushed  time.Time
	trends  map[*metrics.Metric]sketched
	rates   map[*metrics.Metric]*shares
	pending map[metrics.TimeSeries]float64 // counters' sums, gauges' last values
	passed  []metrics.Sample               // Rates of sampled levels, as they are
}

// sketched are the values of one Trend by pool, "" for those that are no pool's.
type sketched map[string]*timeline.Distribution

// shares are what a Rate was given, and what k6 has not heard of yet.
type shares struct {
	trues, total int64
	failed       []metrics.Sample
	succeeded    *metrics.Sample
}

// stats are the values of a Trend that become a gauge each: the name's ending,
// k6's name of the value, and the value.
var stats = []struct {
	ending, name string
	of           func(timeline.Distribution) float64
}{
	{"avg", "avg", timeline.Distribution.Mean},
	{"min", "min", timeline.Distribution.Min},
	{"med", "med", quantile(0.5)},
	{"max", "max", timeline.Distribution.Max},
	{"p90", "p(90)", quantile(0.9)},
	{"p95", "p(95)", quantile(0.95)},
	{"p99", "p(99)", quantile(0.99)},
}

func quantile(q float64) func(timeline.Distribution) float64 {
	return func(d timeline.Distribution) float64 { return d.Quantile(q) }
}

// compactGauge is the gauge of one value of a Trend: pgxpool_acquire_p95 is p(95)
// of pgxpool_acquire_duration.
func compactGauge(trend, ending string) string {
	return strings.TrimSuffix(strings.TrimSuffix(trend, "_duration"), "_sampled") + "_" + ending
}

// registerCompact registers the gauges of Trends, in the order of stats, before anybody
// knows whether they are asked for: a threshold on a metric that does not exist ends k6.
func registerCompact(r *metrics.Registry, set *metricSet) map[*metrics.Metric][]*metrics.Metric {
	gauges := make(map[*metrics.Metric][]*metrics.Metric)
	for _, trend := range []*metrics.Metric{
		set.acquireDuration, set.connectDuration, set.useDuration, set.queryDuration,
		set.activeSampled, set.waitingSampled, set.utilization, set.dbCPU,
		set.appActiveSampled, set.appCheckedOutSampled, set.appUtilization, set.requestDuration,
	} {
		for _, s := range stats {
			gauges[trend] = append(gauges[trend], r.MustNewMetric(compactGauge(trend.Name, s.ending), metrics.Gauge, trend.Contains))
		}
	}
	return gauges
}

// enable makes metrics compact from now on, for the whole run. state is any
// VU's.
func (c *compactor) enable(t *Run, state *lib.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags != nil {
		return
	}
	c.tags, c.out, c.metrics, c.pushed = t.runTags(state), state.Samples, t.metrics, time.Now()
	c.trends = make(map[*metrics.Metric]sketched)
	c.rates = make(map[*metrics.Metric]*shares)
	c.pending = make(map[metrics.TimeSeries]float64)
	t.sketches.start()
}

func (c *compactor) sketch(trend *metrics.Metric, pool string) *timeline.Distribution {
	if c.trends[trend] == nil {
		c.trends[trend] = make(sketched)
	}
	if c.trends[trend][pool] == nil {
		c.trends[trend][pool] = new(timeline.Distribution)
	}
	return c.trends[trend][pool]
}

// request keeps a request's time where metrics are compact, and tells whether
// they are: the scripts leave their Trend of it alone then.
func (c *compactor) request(ms float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags != nil {
		c.sketch(c.metrics.requestDuration, "").Add(ms)
	}
	return c.tags != nil
}

// take gives what k6 shall see of a batch: all of it while metrics are full,
// otherwise, once a second, what has gathered.
func (c *compactor) take(batch metrics.Samples) metrics.Samples {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags == nil {
		return batch
	}
	for i := range batch {
		s := &batch[i]
		switch s.Metric.Type {
		case metrics.Trend:
			pool, _ := s.Tags.Get("pool")
			c.sketch(s.Metric, pool).Add(s.Value)
		case metrics.Rate:
			c.share(s)
		case metrics.Counter:
			c.pending[s.TimeSeries] += s.Value
		case metrics.Gauge:
			c.pending[s.TimeSeries] = s.Value
		}
	}
	return c.dueLocked()
}

// due is what k6 has not seen yet, once a second.
func (c *compactor) due() metrics.Samples {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dueLocked()
}

func (c *compactor) dueLocked() metrics.Samples {
	if now := time.Now(); now.Sub(c.pushed) >= compactInterval {
		return c.gathered(now)
	}
	return nil
}

// share counts a Rate's sample. k6's Rates count samples and take no weights:
// k6 sees every failure, and one success for each second that had any, so that
// rate==0 means what it says. The exact share is in the report. A Rate of sampled
// levels passes as it is: only the others get a sample for each query or checkout.
func (c *compactor) share(s *metrics.Sample) {
	if !strings.HasSuffix(s.Metric.Name, "_failed") {
		c.passed = append(c.passed, *s)
		return
	}
	r := c.rate(s.Metric)
	r.total++
	if s.Value == 0 {
		r.succeeded = s
		return
	}
	r.trues++
	r.failed = append(r.failed, *s)
}

func (c *compactor) rate(m *metrics.Metric) *shares {
	r := c.rates[m]
	if r == nil {
		r = &shares{}
		c.rates[m] = r
	}
	return r
}

// gathered is what k6 has not seen yet. The gauges over all pools come last: a
// threshold looks at a gauge's last value, whatever its tags.
func (c *compactor) gathered(now time.Time) metrics.Samples {
	c.pushed = now
	var batch metrics.Samples
	for series, value := range c.pending {
		batch = append(batch, sampleOf(series.Metric, series.Tags, now, value))
	}
	batch = append(batch, c.passed...)
	clear(c.pending)
	c.passed = c.passed[:0]
	for _, r := range c.rates {
		batch = append(batch, r.failed...)
		if r.succeeded != nil {
			batch = append(batch, *r.succeeded)
		}
		r.failed, r.succeeded = nil, nil
	}
	for trend, s := range c.trends {
		for _, pool := range slices.Sorted(maps.Keys(s)) {
			if pool != "" {
				batch = c.appendGauges(batch, now, trend, c.tags.With("pool", pool), *s[pool])
			}
		}
	}
	for trend, s := range c.trends {
		batch = c.appendGauges(batch, now, trend, c.tags, s.whole())
	}
	return batch
}

func (c *compactor) appendGauges(batch metrics.Samples, at time.Time, trend *metrics.Metric, tags *metrics.TagSet, d timeline.Distribution) metrics.Samples {
	for n, gauge := range c.metrics.compact[trend] {
		batch = append(batch, sampleOf(gauge, tags, at, stats[n].of(d)))
	}
	return batch
}

func (s sketched) whole() (sum timeline.Distribution) {
	for _, d := range s {
		sum.Merge(*d)
	}
	return sum
}

// finish pushes what is left, when k6 still takes samples and no more come.
func (c *compactor) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags == nil {
		return
	}
	if batch := c.gathered(time.Now()); len(batch) > 0 {
		c.out <- batch
	}
}

// Complete adds to the end-of-test data what compact metrics kept from k6: the Trends,
// from the sketches, and the exact Rates.
func (t *Run) Complete(data map[string]verdict.Metric) {
	c := &t.compact
	c.mu.Lock()
	defer c.mu.Unlock()
	for trend, s := range c.trends {
		d := s.whole()
		values := map[string]float64{"count": float64(d.Count())}
		for _, stat := range stats {
			values[stat.name] = stat.of(d)
		}
		data[trend.Name] = verdict.Metric{Type: trend.Type.String(), Contains: trend.Contains.String(), Values: values}
	}
	for m, r := range c.rates {
		known := data[m.Name]
		known.Type, known.Contains = m.Type.String(), m.Contains.String()
		known.Values = map[string]float64{
			"rate": float64(r.trues) / float64(r.total), "passes": float64(r.trues), "fails": float64(r.total - r.trues),
		}
		data[m.Name] = known
	}
}

// Compact tells whether the run's metrics are compact: METRICS says so, or an
// option of any pool, which makes those of all pools so.
func (t *Run) Compact() bool {
	if text, ok := t.lookup("METRICS"); ok && strings.EqualFold(text, string(pool.MetricsCompact)) {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.application != nil && t.application.settings.Pool.Metrics == pool.MetricsCompact {
		return true
	}
	for _, p := range t.pools {
		if p.config.Metrics == pool.MetricsCompact {
			return true
		}
	}
	return false
}
