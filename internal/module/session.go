package module

import (
	"context"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// session is one VU's use of one pool: the scope of the iteration that is
// running, and the tags that its events carry.
type session struct {
	vu       modules.VU
	recorder *recorder
	warn     func(string)
	pool     string // name, the value of the tag

	ctx   context.Context
	scope *pool.Scope
	tags  *tagged
}

// current gives the scope of the running iteration, with the VU's tags of this
// moment. It serves the blocking calls.
func (s *session) current() *pool.Scope {
	if ctx := s.vu.Context(); ctx != s.ctx {
		s.ctx = ctx
		if s.tags == nil {
			s.tags = s.newTags()
		}
		s.scope = pool.NewScope(ctx, s.tags)
	}
	s.tags.refresh(s.pool)
	return s.scope
}

// apart gives a scope for one asynchronous call, whose tags stay as they are
// while the VU's change.
func (s *session) apart() *pool.Scope {
	tags := s.newTags()
	tags.refresh(s.pool)
	return pool.NewScope(s.vu.Context(), tags)
}

func (s *session) newTags() *tagged {
	return &tagged{recorder: s.recorder, state: s.vu.State(), warn: s.warn}
}

// tagged reports the pool's events with the tags that the VU had at the call.
// It implements pool.Observer.
type tagged struct {
	recorder *recorder
	state    *lib.State
	warn     func(string)

	// current is replaced by the VU's goroutine, between calls. The sweep after
	// an iteration that was cut off may read it then: k6 does not wait for that.
	current atomic.Pointer[tagValues]
}

// tagValues are the tags of one moment; they never change.
type tagValues struct {
	base *metrics.TagSet // the VU's, without the pool
	tags *metrics.TagSet
	meta map[string]string
}

// refresh takes over the VU's current tags. Building a tag set costs a search;
// while nothing changed the last one serves.
func (t *tagged) refresh(pool string) {
	now, last := t.state.Tags.GetCurrentValues(), t.current.Load()
	known := last != nil && now.Tags == last.base
	switch {
	case known && len(now.Metadata) == 0 && len(last.meta) == 0:
	case known:
		t.current.Store(&tagValues{base: last.base, tags: last.tags, meta: now.Metadata})
	default:
		t.current.Store(&tagValues{base: now.Tags, tags: now.Tags.With("pool", pool), meta: now.Metadata})
	}
}

func (t *tagged) sample(m *metrics.Metric, at time.Time, value float64) metrics.Sample {
	now := t.current.Load()
	return metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: m, Tags: now.tags}, Time: at, Value: value, Metadata: now.meta,
	}
}

// failed counts an error by what it is.
func (t *tagged) failed(at time.Time, err error) {
	pool, _ := t.current.Load().tags.Get("pool")
	t.recorder.recording.failure(pool, at, err)
}

func (t *tagged) push(samples ...metrics.Sample) {
	t.recorder.add(t.state.Samples, samples...)
}
