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
		b.run.flusher.note(b, out)
	}
}

// own gives the user's part of the sketches, which the flusher empties from then on.
func (b *buffer) own(out chan<- metrics.SampleContainer) *shard {
	if own := b.shard.Load(); own != nil {
		return own
	}
	b.shard.CompareAndSwap(nil, b.run.sketches.shard())
	b.run.flusher.note(b, out)
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
	// tap, where there is one, sees every batch before k6 does, and gives what k6
	// shall see of it.
	tap func(metrics.Samples) metrics.Samples
	// drain, where there is one, pushes what is in no buffer.
	drain func(context.Context)

	flushing sync.Mutex // one at a time: whoever flushes knows that all has been seen

	mu      sync.Mutex
	waiting []pendingFlush
	quit    chan struct{}
	done    chan struct{}
	stopped bool
}

type pendingFlush struct {
	buffer *buffer
	out    chan<- metrics.SampleContainer
}

// note remembers that r has samples to push.
func (f *flusher) note(r *buffer, out chan<- metrics.SampleContainer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	f.waiting = append(f.waiting, pendingFlush{r, out})
	if f.quit == nil {
		f.quit, f.done = make(chan struct{}), make(chan struct{})
		go f.run(f.quit, f.done)
	}
}

func (f *flusher) run(quit, done chan struct{}) {
	defer close(done)
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.flush(context.Background())
		case <-quit:
			return
		}
	}
}

func (f *flusher) flush(ctx context.Context) {
	f.flushing.Lock()
	defer f.flushing.Unlock()
	f.mu.Lock()
	waiting := f.waiting
	f.waiting = nil
	f.mu.Unlock()
	for _, p := range waiting {
		if batch := p.buffer.take(); len(batch) > 0 {
			if f.tap != nil {
				batch = f.tap(batch)
			}
			if len(batch) > 0 {
				metrics.PushIfNotDone(ctx, p.out, batch)
			}
		}
	}
	if f.drain != nil {
		f.drain(ctx)
	}
}

// stop ends the flusher. With push what is left is pushed first; without, k6
// has already closed its channel and the rest is dropped.
func (f *flusher) stop(push bool) {
	f.mu.Lock()
	quit, done := f.quit, f.done
	already := f.stopped
	f.stopped = true
	f.mu.Unlock()
	if already {
		return
	}
	if quit != nil {
		close(quit)
		<-done
	}
	if push {
		f.flush(context.Background())
	}
}
