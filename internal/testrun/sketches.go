package testrun

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// sketches keep what nearly every query is where metrics are compact: checkouts,
// statements and returns that succeeded. Their values go straight into
// distributions, without a sample each; the flusher takes those every
// flushInterval. What failed is a sample, as with full metrics.
type sketches struct {
	on     atomic.Bool
	shards []*shard // set before on
	next   atomic.Uint32
}

// event is what has succeeded.
type event int

const (
	acquired event = iota
	queried
	released
)

// shard is a part of the sketches, so that users on several processors do not
// wait for each other.
type shard struct {
	mu sync.Mutex
	gathered
	// Of the last event: neighbors mostly share theirs.
	name string
	pool *timeline.Pool
	tags *metrics.TagSet
	of   *int64
}

// gathered is what has succeeded since a moment, for all of which it is recorded: it
// is not longer ago than flushInterval.
type gathered struct {
	since   time.Time // the first event
	pools   map[string]*timeline.Pool
	queries map[*metrics.TagSet]*int64
	lastOf  [released]*metrics.TagSet // tags of the last checkout and statement
}

func (s *sketches) start() {
	for range runtime.GOMAXPROCS(0) {
		s.shards = append(s.shards, &shard{})
	}
	s.on.Store(true)
}

// shard gives one to a user for good.
func (s *sketches) shard() *shard { return s.shards[int(s.next.Add(1))%len(s.shards)] }

func (s *shard) add(e event, now *tagValues, at time.Time, ms float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool == nil || s.name != now.pool {
		s.choose(now.pool, at)
	}
	switch e {
	case acquired:
		s.pool.Wait.Add(ms)
		s.lastOf[acquired] = now.tags
	case queried:
		s.pool.Query.Add(ms)
		s.lastOf[queried] = now.tags
		s.count(now.tags)
	case released:
		s.pool.Use.Add(ms)
	}
}

func (s *shard) choose(name string, at time.Time) {
	if s.pools == nil {
		s.since, s.pools, s.queries = at, make(map[string]*timeline.Pool), make(map[*metrics.TagSet]*int64)
	}
	if s.pools[name] == nil {
		s.pools[name] = &timeline.Pool{}
	}
	s.name, s.pool = name, s.pools[name]
}

// count counts a statement by its tags: scripts have thresholds on those.
func (s *shard) count(tags *metrics.TagSet) {
	if s.of == nil || s.tags != tags {
		if s.queries[tags] == nil {
			s.queries[tags] = new(int64)
		}
		s.tags, s.of = tags, s.queries[tags]
	}
	*s.of++
}

func (s *shard) take() gathered {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.gathered
	s.gathered, s.name, s.pool, s.tags, s.of = gathered{}, "", nil, nil, nil
	return taken
}

// drain brings what the sketches have into the recording, and with what else
// compact metrics have gathered, once a second, to k6.
func (t *Run) drain(ctx context.Context) {
	if !t.sketches.on.Load() {
		return
	}
	t.drainShards()
	if batch := t.compact.due(); len(batch) > 0 {
		metrics.PushIfNotDone(ctx, t.compact.out, batch)
	}
}

func (t *Run) drainShards() {
	for _, s := range t.sketches.shards {
		taken := s.take()
		if taken.pools == nil {
			continue
		}
		t.recording.begin()
		for name, did := range taken.pools {
			t.recording.timeline.Merge(taken.since, name, did)
		}
		t.compact.merge(taken)
	}
}

// merge adds what has succeeded to what k6 is given once a second.
func (c *compactor) merge(from gathered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.metrics
	for name, did := range from.pools {
		for _, of := range []struct {
			trend, failed *metrics.Metric
			values        timeline.Distribution
		}{{m.acquireDuration, m.acquireFailed, did.Wait}, {m.queryDuration, m.queryFailed, did.Query}, {m.useDuration, nil, did.Use}} {
			if of.values.IsZero() {
				continue
			}
			c.sketch(of.trend, name).Merge(of.values)
			if of.failed != nil {
				c.rate(of.failed).total += of.values.Count()
			}
		}
	}
	for tags, n := range from.queries {
		c.pending[metrics.TimeSeries{Metric: m.queries, Tags: tags}] += float64(*n)
	}
	for e, rate := range map[event]*metrics.Metric{acquired: m.acquireFailed, queried: m.queryFailed} {
		if tags := from.lastOf[e]; tags != nil {
			c.rate(rate).succeeded = new(sampleOf(rate, tags, from.since, 0))
		}
	}
}
