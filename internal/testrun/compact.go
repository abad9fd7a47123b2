package testrun

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// compactInterval is how often compact metrics reach k6 and its outputs.
const compactInterval = time.Second

// requestDuration is the scripts' Trend. With compact metrics the module keeps
// its values, and the scripts leave it alone.
const requestDuration = "request_duration"

// compactor is metrics: 'compact'. k6's engine keeps every value of a Trend
// until the end of the test, 55 bytes a query; the compactor keeps a sketch of
// each Trend of the module and gives k6 gauges made from it, once a second and
// for the last time at the test's end. Counters are added up and gauges thinned
// out to once a second. The zero value lets everything through.
type compactor struct {
	mu      sync.Mutex
	gauges  map[string]*metrics.Metric // by name, see compactGauge
	tags    *metrics.TagSet            // the run's; nil while metrics are full
	out     chan<- metrics.SampleContainer
	pushed  time.Time
	trends  map[string]*sketched // by the Trend's name
	rates   map[*metrics.Metric]*shares
	pending map[metrics.TimeSeries]float64 // counters' sums, gauges' last values
	passed  []metrics.Sample               // Rates of sampled levels, as they are
}

// sketched is one Trend: its values by pool, "" for values that are no pool's.
type sketched struct {
	contains metrics.ValueType
	byPool   map[string]*timeline.Distribution
}

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

// registerCompact registers the gauges of Trends, before anybody knows whether
// they are asked for: a threshold on a metric that does not exist ends k6.
func registerCompact(r *metrics.Registry, trends []*metrics.Metric) map[string]*metrics.Metric {
	gauges := make(map[string]*metrics.Metric)
	register := func(trend string, contains metrics.ValueType) {
		for _, s := range stats {
			name := compactGauge(trend, s.ending)
			gauges[name] = r.MustNewMetric(name, metrics.Gauge, contains)
		}
	}
	for _, m := range trends {
		register(m.Name, m.Contains)
	}
	register(requestDuration, metrics.Time)
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
	c.tags, c.out, c.gauges, c.pushed = t.runTags(state), state.Samples, t.metrics.compact, time.Now()
	c.trends = make(map[string]*sketched)
	c.rates = make(map[*metrics.Metric]*shares)
	c.pending = make(map[metrics.TimeSeries]float64)
	t.sketches.start()
}

// sketch is that of a Trend's values in a pool.
func (c *compactor) sketch(trend string, contains metrics.ValueType, pool string) *timeline.Distribution {
	s := c.trends[trend]
	if s == nil {
		s = &sketched{contains: contains, byPool: make(map[string]*timeline.Distribution)}
		c.trends[trend] = s
	}
	d := s.byPool[pool]
	if d == nil {
		d = new(timeline.Distribution)
		s.byPool[pool] = d
	}
	return d
}

// request keeps a request's time where metrics are compact, and tells whether
// they are.
func (c *compactor) request(ms float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags != nil {
		c.sketch(requestDuration, metrics.Time, "").Add(ms)
	}
	return c.tags != nil
}

// take gives what k6 shall see of a batch: all of it while metrics are full,
// otherwise, once a second, what has gathered.
func (c *compactor) take(batch metrics.Samples, poolOf func(*metrics.TagSet) string) metrics.Samples {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags == nil {
		return batch
	}
	for i := range batch {
		s := &batch[i]
		switch s.Metric.Type {
		case metrics.Trend:
			c.sketch(s.Metric.Name, s.Metric.Contains, poolOf(s.Tags)).Add(s.Value)
		case metrics.Rate:
			c.share(s, perQuery(s.Metric.Name))
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
// rate==0 means what it says. The exact share is in the report.
func (c *compactor) share(s *metrics.Sample, perQuery bool) {
	if !perQuery {
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

// perQuery tells whether a Rate gets a sample for each query or checkout.
func perQuery(rate string) bool { return strings.HasSuffix(rate, "_failed") }

// gathered is what k6 has not seen yet. The gauges over all pools come last: a
// threshold looks at a gauge's last value, whatever its tags.
func (c *compactor) gathered(now time.Time) metrics.Samples {
	c.pushed = now
	var batch metrics.Samples
	for series, value := range c.pending {
		batch = append(batch, metrics.Sample{TimeSeries: series, Time: now, Value: value})
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
	for name, s := range c.trends {
		for _, pool := range slices.Sorted(maps.Keys(s.byPool)) {
			if pool != "" {
				batch = c.appendGauges(batch, now, name, c.tags.With("pool", pool), *s.byPool[pool])
			}
		}
	}
	for name, s := range c.trends {
		batch = c.appendGauges(batch, now, name, c.tags, s.whole())
	}
	return batch
}

func (c *compactor) appendGauges(batch metrics.Samples, at time.Time, trend string, tags *metrics.TagSet, d timeline.Distribution) metrics.Samples {
	for _, s := range stats {
		if gauge := c.gauges[compactGauge(trend, s.ending)]; gauge != nil {
			batch = append(batch, metrics.Sample{
				TimeSeries: metrics.TimeSeries{Metric: gauge, Tags: tags}, Time: at, Value: s.of(d),
			})
		}
	}
	return batch
}

// whole is the distribution over all pools.
func (s *sketched) whole() (sum timeline.Distribution) {
	for _, d := range s.byPool {
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

// complete adds to the end-of-test data what k6 was not given: the Trends, from
// the sketches, and the exact Rates.
func (c *compactor) complete(data map[string]verdict.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, s := range c.trends {
		d := s.whole()
		values := map[string]float64{"count": float64(d.Count())}
		for _, stat := range stats {
			values[stat.name] = stat.of(d)
		}
		data[name] = verdict.Metric{Type: metrics.Trend.String(), Contains: s.contains.String(), Values: values}
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

// Complete adds to the end-of-test data what compact metrics kept from k6.
func (t *Run) Complete(data map[string]verdict.Metric) { t.compact.complete(data) }

// Compact tells whether the run's metrics are compact: METRICS says so, or an
// option of any pool, which makes those of all pools so.
func (t *Run) Compact(lookup config.Lookup) bool {
	if text, ok := lookup("METRICS"); ok && strings.EqualFold(text, string(pool.MetricsCompact)) {
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
