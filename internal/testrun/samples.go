package testrun

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// flushInterval is how long a sample waits at most before k6 sees it.
const flushInterval = 100 * time.Millisecond

// buffer collects one VU's samples. They are pushed every flushInterval and
// not one by one: k6's channel would otherwise cost more than the statement.
// It is safe for concurrent use.
type buffer struct {
	run   *Run
	shard atomic.Pointer[shard] // where metrics are compact, from the first event on

	mu      sync.Mutex
	samples []metrics.Sample
	last    int  // length of the batch before, to size the next
	dirty   bool // known to the flusher
}

func newBuffer(t *Run) *buffer { return &buffer{run: t} }

// add takes samples; the flusher pushes them to the VU's output.
func (b *buffer) add(out chan<- metrics.SampleContainer, samples ...metrics.Sample) {
	b.mu.Lock()
	if b.samples == nil {
		b.samples = make([]metrics.Sample, 0, max(b.last+b.last/8, len(samples)))
	}
	b.samples = append(b.samples, samples...)
	first := !b.dirty
	b.dirty = true
	b.mu.Unlock()
	if first {
		b.run.flushLater(b, out)
	}
}

// own gives the user's part of the sketches, which the flusher empties from then on.
func (b *buffer) own(out chan<- metrics.SampleContainer) *shard {
	if own := b.shard.Load(); own != nil {
		return own
	}
	b.shard.CompareAndSwap(nil, b.run.sketches.shard())
	b.run.flushLater(b, out)
	return b.shard.Load()
}

func (b *buffer) take() metrics.Samples {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := b.samples
	b.last, b.samples, b.dirty = len(batch), nil, false
	return batch
}

// flusher pushes what the buffers have collected. It starts with the first
// sample and is fully stopped before the test's end is acknowledged.
type flusher struct {
	task
	flushing sync.Mutex // one at a time: whoever flushes knows that all has been seen

	mu      sync.Mutex
	waiting []pendingFlush
}

type pendingFlush struct {
	buffer *buffer
	out    chan<- metrics.SampleContainer
}

// flushLater remembers that b has samples to push.
func (t *Run) flushLater(b *buffer, out chan<- metrics.SampleContainer) {
	f := &t.flusher
	f.mu.Lock()
	first := len(f.waiting) == 0
	f.waiting = append(f.waiting, pendingFlush{b, out})
	f.mu.Unlock()
	if first {
		f.start(t.flushOften)
	}
}

func (t *Run) flushOften(ctx context.Context) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.Flush(context.Background())
		case <-ctx.Done():
			return
		}
	}
}

// Flush brings what has happened so far to k6 and into the timeline.
func (t *Run) Flush(ctx context.Context) {
	f := &t.flusher
	f.flushing.Lock()
	defer f.flushing.Unlock()
	f.mu.Lock()
	waiting := f.waiting
	f.waiting = nil
	f.mu.Unlock()
	for _, p := range waiting {
		if batch := p.buffer.take(); len(batch) > 0 {
			t.recording.samples(batch)
			if batch = t.compact.take(batch); len(batch) > 0 {
				metrics.PushIfNotDone(ctx, p.out, batch)
			}
		}
	}
	t.drain(ctx)
}
