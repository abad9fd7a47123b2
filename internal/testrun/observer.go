package testrun

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// observer reports the pool's events with the tags that the VU had at the call.
// It implements [pool.Observer], whose documentation is that of its methods.
type observer struct {
	buffer *buffer
	state  *lib.State
	quiet  atomic.Bool // what happens does not count: it is setup()'s

	// current is replaced by the VU's goroutine, between calls. The sweep after
	// an iteration that was cut off may read it then: k6 does not wait for that.
	current atomic.Pointer[tagValues]

	// Of the VU's goroutine alone.
	base   *metrics.TagSet
	plain  *metrics.TagSet            // of calls without tags of their own
	byCall map[string]*metrics.TagSet // of calls with tags of their own
}

// tagValues are the tags of one moment; they never change.
type tagValues struct {
	pool string
	base *metrics.TagSet // the VU's, without the pool
	call string          // the key of the call's own
	tags *metrics.TagSet
	meta map[string]string
}

type callTags struct {
	statement string            // of a workload, else empty
	with      map[string]string // of pool.with()
}

// key is the same for the same tags.
func (c callTags) key() string {
	key := c.statement
	if len(c.with) == 0 {
		return key // of nearly every call
	}
	for _, name := range slices.Sorted(maps.Keys(c.with)) {
		key += "\x00" + name + "\x00" + c.with[name]
	}
	return key
}

// refresh takes over the VU's current tags. Building a tag set costs a search;
// while nothing changed the last one serves.
func (t *observer) refresh(pool string, call callTags) {
	now, last, key := t.state.Tags.GetCurrentValues(), t.current.Load(), call.key()
	known := last != nil && now.Tags == last.base && key == last.call
	switch {
	case known && len(now.Metadata) == 0 && len(last.meta) == 0:
	case known:
		t.current.Store(&tagValues{pool: pool, base: last.base, call: key, tags: last.tags, meta: now.Metadata})
	default:
		t.current.Store(&tagValues{pool: pool, base: now.Tags, call: key, tags: t.tagged(now.Tags, pool, call, key), meta: now.Metadata})
	}
}

// outdated tells whether the VU has other tags by now.
func (t *observer) outdated() bool {
	now, last := t.state.Tags.GetCurrentValues(), t.current.Load()
	return now.Tags != last.base || len(now.Metadata) > 0 || len(last.meta) > 0
}

// maxCallTags bounds what is kept of scripts that make tags of values.
const maxCallTags = 1000

// tagged adds the pool and the call's own tags. A workload goes through the same few statements again and again: their tag
// sets are kept while the VU's do not change.
func (t *observer) tagged(base *metrics.TagSet, pool string, call callTags, key string) *metrics.TagSet {
	if base != t.base || len(t.byCall) > maxCallTags {
		t.base = base
		t.plain = nil
		clear(t.byCall)
	}
	if key == "" {
		if t.plain == nil {
			t.plain = base.With("pool", pool)
		}
		return t.plain
	}
	if known := t.byCall[key]; known != nil {
		return known
	}
	tags := base.WithTagsFromMap(call.with).With("pool", pool)
	if call.statement != "" {
		tags = tags.With("statement", call.statement)
	}
	if t.byCall == nil {
		t.byCall = make(map[string]*metrics.TagSet)
	}
	t.byCall[key] = tags
	return tags
}

func (t *observer) sample(m *metrics.Metric, at time.Time, value float64) metrics.Sample {
	now := t.current.Load()
	return metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: m, Tags: now.tags}, Time: at, Value: value, Metadata: now.meta,
	}
}

// failed counts an error by what it is.
func (t *observer) failed(at time.Time, err error) {
	if !t.counts() {
		return
	}
	t.buffer.run.recording.failure(t.current.Load().pool, at, err)
}

// counts tells whether what happens is of the users.
func (t *observer) counts() bool { return t.buffer.run.measuring.Load() && !t.quiet.Load() }

func (t *observer) push(samples ...metrics.Sample) {
	if !t.counts() {
		return
	}
	t.buffer.add(t.state.Samples, samples...)
}

// sketch keeps what has succeeded where metrics are compact, and tells whether they
// are.
func (t *observer) sketch(e event, at time.Time, took time.Duration) bool {
	if !t.buffer.run.sketches.on.Load() {
		return false
	}
	if t.counts() {
		t.buffer.own(t.state.Samples).add(e, t.current.Load(), at, metrics.D(took))
	}
	return true
}

// background reports what happens outside any VU.
func (t *Run) background(state *lib.State, name string) *observer {
	out := &observer{buffer: newBuffer(t), state: state}
	out.current.Store(&tagValues{pool: name, tags: t.runTags(state).With("pool", name)})
	return out
}

func (t *observer) Acquired(at time.Time, wait time.Duration, err error) {
	if err == nil && t.sketch(acquired, at, wait) {
		return
	}
	m := t.buffer.run.metrics
	t.push(
		t.sample(m.acquireDuration, at, metrics.D(wait)),
		t.sample(m.acquireFailed, at, oneIf(err != nil)),
	)
	if err == nil {
		return
	}
	t.failed(at, err)
	if _, ok := errors.AsType[*pool.TimeoutError](err); ok {
		t.push(t.sample(m.acquireTimeouts, at, 1))
	}
}

func (t *observer) Queried(at time.Time, took time.Duration, err error) {
	if err == nil && t.sketch(queried, at, took) {
		return
	}
	m := t.buffer.run.metrics
	t.push(
		t.sample(m.queryDuration, at, metrics.D(took)),
		t.sample(m.queryFailed, at, oneIf(err != nil)),
		t.sample(m.queries, at, 1),
	)
	if err != nil {
		t.failed(at, err)
	}
}

func (t *observer) Released(at time.Time, use time.Duration) {
	if t.sketch(released, at, use) {
		return
	}
	t.push(t.sample(t.buffer.run.metrics.useDuration, at, metrics.D(use)))
}

func (t *observer) Connected(at time.Time, took time.Duration) {
	m := t.buffer.run.metrics
	t.push(t.sample(m.connectDuration, at, metrics.D(took)), t.sample(m.opened, at, 1))
}

func (t *observer) Closed(at time.Time, reason pool.CloseReason) {
	s := t.sample(t.buffer.run.metrics.closed, at, 1)
	s.Tags = s.Tags.With("reason", string(reason))
	t.push(s)
}

func (t *observer) Leaked(at time.Time, origin string, held time.Duration) {
	t.push(t.sample(t.buffer.run.metrics.leaks, at, 1))
	t.warn("leak "+origin, fmt.Sprintf("connection leak: the connection taken at %s was still held when the iteration ended "+
		"(%v); it is rolled back and returned: call release()", origin, held.Round(time.Millisecond)))
}

func (t *observer) HeldLong(_ time.Time, origin string, held time.Duration) {
	t.warn("held "+origin, fmt.Sprintf("the connection taken at %s has been held for %v, longer than leakDetectionThreshold",
		origin, held.Round(time.Millisecond)))
}

func (t *observer) Nested(at time.Time, held, second string, waits bool) {
	if waits && t.counts() {
		t.buffer.run.recording.nested(t.current.Load().pool, at, text.Line(fmt.Sprintf("%s takes a second connection while the one taken at %s is held", second, held)))
	}
	line := fmt.Sprintf("nested checkout: %s takes a second connection of the pool while the user holds the one taken at %s", second, held)
	if waits {
		line += ", and waits for it: users who hold one each wait for each other until poolTimeout"
	}
	t.warn(fmt.Sprintf("nested %v %s %s", waits, held, second), line+"; run the statement on the connection that is held")
}

func (t *observer) LeftOpen(_ time.Time, caller string) {
	t.warn("left open "+caller, fmt.Sprintf("a transaction was begun at %s on a connection that went back to the pool at once: "+
		"the next statement runs elsewhere; use transaction(fn), or acquire() a connection for all of them", caller))
}

func (t *observer) Notified(time.Time) {
	t.warn("notified", "a notification arrived and was dropped: a connection of the pool ran LISTEN, and nobody reads notifications here; UNLISTEN, or listen elsewhere")
}

func (t *observer) warn(kind, line string) { t.buffer.run.warnOnce(kind, line) }

// oneIf is a Rate's sample.
func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
