package testrun

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// recording keeps the run over time: k6 itself tells the end of the test only
// sums. It reads the samples on their way to k6, beside the VUs' work.
type recording struct {
	timeline timeline.Recorder
	logger   logrus.FieldLogger
	probe    task
	once     sync.Once

	mu       sync.Mutex
	measures map[*metrics.Metric]timeline.Measure
	batch    []timeline.Observation // scratch
	// The tag of the samples looked at last: neighbors mostly share their tags.
	tags *metrics.TagSet
	pool string
}

func measuresOf(m *metricSet) map[*metrics.Metric]timeline.Measure {
	return map[*metrics.Metric]timeline.Measure{
		m.requestRetries:       timeline.RequestRetry,
		m.acquireDuration:      timeline.Wait,
		m.acquireFailed:        timeline.AcquireFailed,
		m.acquireTimeouts:      timeline.AcquireTimeout,
		m.connectDuration:      timeline.Connect,
		m.opened:               timeline.Opened,
		m.closed:               timeline.Closed,
		m.useDuration:          timeline.Use,
		m.queryDuration:        timeline.Query,
		m.queryFailed:          timeline.QueryFailed,
		m.leaks:                timeline.Leak,
		m.activeSampled:        timeline.Active,
		m.waitingSampled:       timeline.Waiting,
		m.idle:                 timeline.Idle,
		m.total:                timeline.Total,
		m.inOverflow:           timeline.InOverflow,
		m.dbCPU:                timeline.DatabaseCPU,
		m.appActiveSampled:     timeline.Active,
		m.appTotal:             timeline.Total,
		m.appInOverflow:        timeline.InOverflow,
		m.appCheckedOutSampled: timeline.None, // Active already says it, from the database's side
	}
}

func (r *recording) samples(batch metrics.Samples) {
	r.begin()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batch = r.batch[:0]
	for i := range batch {
		s := &batch[i]
		measure := r.measures[s.Metric]
		if measure == timeline.None || s.Value == 0 && (measure == timeline.AcquireFailed || measure == timeline.QueryFailed) {
			continue // a Rate's 0 adds nothing, and each query has two
		}
		o := timeline.Observation{Measure: measure, At: s.Time, Value: s.Value, Pool: r.poolOf(s.Tags)}
		if measure == timeline.Closed || measure == timeline.RequestRetry {
			o.Key, _ = s.Tags.Get("reason")
		}
		r.batch = append(r.batch, o)
	}
	r.timeline.Record(r.batch)
}

// begin starts what is recorded of k6 itself, until the test's end.
func (r *recording) begin() { r.once.Do(func() { r.probe.start(r.observeGenerator) }) }

// probeInterval is long enough for a process's CPU time, kept in ticks of
// 10 ms, to say something.
const probeInterval = time.Second

func (r *recording) observeGenerator(ctx context.Context) {
	probe, err := timeline.NewGeneratorProbe(time.Now())
	for err == nil && pause(ctx, probeInterval) {
		var observed []timeline.Observation
		observed, err = probe.Read(time.Now())
		r.timeline.Record(observed)
	}
	if err != nil {
		r.logger.WithError(err).Warn("the load of k6 itself will not be measured")
	}
}

func (r *recording) poolOf(tags *metrics.TagSet) string {
	if tags != r.tags {
		r.tags = tags
		r.pool, _ = tags.Get("pool")
	}
	return r.pool
}

// failure counts an error: metrics only say how many there were.
func (r *recording) failure(pool string, at time.Time, err error) {
	r.timeline.Record([]timeline.Observation{{Measure: timeline.Error, At: at, Value: 1, Pool: pool, Key: errorKey(err)}})
}

// nested counts a user who waits for a second connection of a pool.
func (r *recording) nested(pool string, at time.Time, where string) {
	r.timeline.Record([]timeline.Observation{{Measure: timeline.NestedWait, At: at, Value: 1, Pool: pool, Key: where}})
}

func (r *recording) response(at time.Time, ms float64, failed, timedOut bool) {
	r.begin()
	r.timeline.Record([]timeline.Observation{
		{Measure: timeline.Request, At: at, Value: ms},
		{Measure: timeline.RequestFailed, At: at, Value: oneIf(failed)},
		{Measure: timeline.RequestTimeout, At: at, Value: oneIf(timedOut)},
	})
}

func (r *recording) interrupted(at time.Time, age time.Duration, failed bool) {
	r.timeline.Record([]timeline.Observation{
		{Measure: timeline.RequestInterrupted, At: at, Value: metrics.D(age)},
		{Measure: timeline.InterruptedFailed, At: at, Value: oneIf(failed)},
	})
}

// cycle notes how long a user's request began after the one before.
func (r *recording) cycle(at time.Time, d time.Duration) {
	r.timeline.Record([]timeline.Observation{{Measure: timeline.Cycle, At: at, Value: metrics.D(d)}})
}

// Timeline is the recording of the run so far.
func (t *Run) Timeline() *timeline.Recorder { return &t.recording.timeline }
