package js

import (
	"context"
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

	// These change only between calls, on the VU's goroutine.
	base *metrics.TagSet // the VU's, without the pool
	tags *metrics.TagSet
	meta map[string]string
}

// refresh takes over the VU's current tags. Building a tag set costs a search;
// while nothing changed the last one serves.
func (t *tagged) refresh(pool string) {
	current := t.state.Tags.GetCurrentValues()
	t.meta = current.Metadata
	if current.Tags != t.base {
		t.base = current.Tags
		t.tags = current.Tags.With("pool", pool)
	}
}

func (t *tagged) sample(m *metrics.Metric, at time.Time, value float64) metrics.Sample {
	return metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: m, Tags: t.tags}, Time: at, Value: value, Metadata: t.meta,
	}
}

func (t *tagged) push(samples ...metrics.Sample) {
	t.recorder.add(t.state.Samples, samples...)
}
