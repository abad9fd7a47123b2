package testrun

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// compactRun is a run with compact metrics, and what k6 receives from it.
func compactRun(t *testing.T) (*Run, chan metrics.SampleContainer) {
	t.Helper()
	registry := metrics.NewRegistry()
	samples := make(chan metrics.SampleContainer, 100)
	run := &Run{metrics: registerMetrics(registry), root: registry.RootTagSet()}
	run.compact.enable(run, &lib.State{Samples: samples})
	return run, samples
}

// With the same values, every value that k6's own Trend has is there: exact, or
// within the sketch's error.
func TestCompactAgreesWithTrends(t *testing.T) {
	run, samples := compactRun(t)
	random := rand.New(rand.NewPCG(1, 2))
	pools := []*metrics.TagSet{run.root.With("pool", "a"), run.root.With("pool", "b")}
	m := run.metrics.queryDuration
	trend := metrics.NewTrendSink()
	for range 20_000 {
		s := metrics.Sample{
			TimeSeries: metrics.TimeSeries{Metric: m, Tags: pools[random.IntN(2)]},
			Value:      math.Exp(3 * random.NormFloat64()), Time: time.Now(),
		}
		trend.Add(s)
		run.compact.take(metrics.Samples{s})
	}
	run.compact.finish()
	last := lastGauges(samples)
	data := map[string]verdict.Metric{}
	run.Complete(data)
	values := data[m.Name].Values
	require.EqualValues(t, 20_000, values["count"])
	require.InEpsilon(t, trend.Avg(), values["avg"], 1e-9)
	require.Equal(t, trend.Min(), values["min"])
	require.Equal(t, trend.Max(), values["max"])
	for q, name := range map[float64]string{0.5: "med", 0.9: "p(90)", 0.95: "p(95)", 0.99: "p(99)"} {
		require.InEpsilon(t, trend.P(q), values[name], 2*timeline.Accuracy, name)
	}
	for _, s := range stats {
		require.Equal(t, values[s.name], last[compactGauge(m.Name, s.ending)],
			"the threshold judges what the report shows: over both pools, since those come last")
	}
}

// lastGauges are the values that thresholds look at.
func lastGauges(samples chan metrics.SampleContainer) map[string]float64 {
	last := map[string]float64{}
	for len(samples) > 0 {
		for _, s := range (<-samples).GetSamples() {
			last[s.Metric.Name] = s.Value
		}
	}
	return last
}

// k6 gets no sample per query, all of the counts, and a Rate that is 0 exactly
// when nothing failed.
func TestCompactGivesCountsAndNoTrend(t *testing.T) {
	run, samples := compactRun(t)
	tags := run.root.With("pool", "a")
	sample := func(m *metrics.Metric, value float64) metrics.Sample {
		return metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: m, Tags: tags}, Value: value, Time: time.Now()}
	}
	for i := range 1000 {
		run.compact.take(metrics.Samples{
			sample(run.metrics.queryDuration, 1), sample(run.metrics.queryFailed, oneIf(i == 500)),
			sample(run.metrics.acquireFailed, 0), sample(run.metrics.opened, 1), sample(run.metrics.active, float64(i)),
			sample(run.metrics.inOverflow, oneIf(i < 250)),
		})
	}
	run.compact.finish()
	sums, counts := map[string]float64{}, map[string]int{}
	for len(samples) > 0 {
		for _, s := range (<-samples).GetSamples() {
			require.NotEqual(t, metrics.Trend, s.Metric.Type)
			sums[s.Metric.Name] += s.Value
			counts[s.Metric.Name]++
		}
	}
	require.EqualValues(t, 1000, sums["pgxpool_connections_opened"])
	require.EqualValues(t, 999, sums["pgxpool_active"], "the last one")
	require.EqualValues(t, 1, sums["pgxpool_query_failed"])
	require.LessOrEqual(t, counts["pgxpool_query_failed"], 3)
	require.Equal(t, 1, counts["pgxpool_acquire_failed"])
	require.Zero(t, sums["pgxpool_acquire_failed"])
	require.EqualValues(t, 250, sums["pgxpool_in_overflow"])
	require.Equal(t, 1000, counts["pgxpool_in_overflow"], "a share of time keeps its weights")

	data := map[string]verdict.Metric{}
	run.Complete(data)
	require.Equal(t, map[string]float64{"rate": 0.001, "passes": 1, "fails": 999}, data["pgxpool_query_failed"].Values)
}

// Metrics are full unless somebody asks: k6 sees every batch as it is.
func TestFullMetricsPassThrough(t *testing.T) {
	var run Run
	batch := metrics.Samples{{Value: 1}, {Value: 2}}
	require.Equal(t, batch, run.compact.take(batch))
	run.compact.request(1)
	run.compact.finish()
	run.Complete(nil)
}

// Whatever is told of a query without a sample is told as it is with samples: the
// counts by tag, the Rates, the Trends' values, and the recording.
func TestSketchesAgreeWithSamples(t *testing.T) {
	of := func(compact bool) (map[string]float64, verdict.Metric, *timeline.Pool) {
		registry := metrics.NewRegistry()
		samples := make(chan metrics.SampleContainer, 1000)
		run := &Run{metrics: registerMetrics(registry), root: registry.RootTagSet()}
		run.recording.measures = measuresOf(run.metrics)
		run.recording.probe.stop() // not of the process
		run.measuring.Store(true)
		if compact {
			run.compact.enable(run, &lib.State{Samples: samples})
		}
		random := rand.New(rand.NewPCG(1, 2))
		now := time.Now()
		run.Timeline().Begin("all", now)
		for _, pool := range []string{"a", "b"} {
			for user := range 3 {
				tags := lib.NewVUStateTags(run.root.With("user", string(rune('0'+user))))
				o := &observer{buffer: newBuffer(run), state: &lib.State{Samples: samples, Tags: tags}}
				o.refresh(pool, callTags{})
				for n := range 500 {
					took := time.Duration(random.ExpFloat64() * float64(time.Millisecond))
					var err error
					if n == 400 {
						err = errors.New("no")
					}
					o.Acquired(now, took, nil)
					o.Queried(now, took/2, err)
					o.Released(now, took*2)
				}
			}
		}
		run.flusher.stop()
		run.Flush(t.Context())
		run.compact.finish()
		sums, values := map[string]float64{}, map[string]verdict.Metric{}
		trend := metrics.NewTrendSink()
		for len(samples) > 0 {
			for _, s := range (<-samples).GetSamples() {
				user, _ := s.Tags.Get("user")
				pool, _ := s.Tags.Get("pool")
				require.False(t, compact && s.Metric.Type == metrics.Trend, s.Metric.Name)
				switch s.Metric {
				case run.metrics.queries, run.metrics.queryFailed:
					sums[s.Metric.Name+pool+user] += s.Value
				case run.metrics.useDuration:
					trend.Add(s)
				}
			}
		}
		values["pgxpool_use_duration"] = verdict.Metric{Values: map[string]float64{"count": float64(trend.Count()), "avg": trend.Avg(), "p(95)": trend.P(0.95), "max": trend.Max()}}
		run.Complete(values)
		if compact {
			require.Equal(t, map[string]float64{"rate": 0.002, "passes": 6, "fails": 2994}, values["pgxpool_query_failed"].Values)
			require.Equal(t, map[string]float64{"rate": 0, "passes": 0, "fails": 3000}, values["pgxpool_acquire_failed"].Values)
		}
		return sums, values["pgxpool_use_duration"], run.Timeline().End(time.Now()).Totals.Pools["a"]
	}
	sums, use, recorded := of(false)
	compactSums, compactUse, compactRecorded := of(true)
	require.Equal(t, sums, compactSums)
	require.EqualValues(t, 500, sums["pgxpool_queriesb2"])
	for name, value := range use.Values {
		require.InEpsilon(t, value, compactUse.Values[name], 2*timeline.Accuracy, name)
	}
	require.EqualValues(t, 1500, compactRecorded.Query.Count())
	require.Equal(t, recorded.Use.Count(), compactRecorded.Use.Count())
	require.InEpsilon(t, recorded.Wait.Quantile(0.9), compactRecorded.Wait.Quantile(0.9), 2*timeline.Accuracy)
	require.Equal(t, recorded.QueryFailed, compactRecorded.QueryFailed)
}
