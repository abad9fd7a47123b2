package module

import (
	"context"
	"sync"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// flushInterval is how long a sample waits at most before k6 sees it.
const flushInterval = 100 * time.Millisecond

// flusher pushes what the recorders have collected. It starts with the first
// sample and is fully stopped before the test's end is acknowledged.
type flusher struct {
	// tap, where there is one, sees every batch before k6 does.
	tap func(metrics.Samples)

	flushing sync.Mutex // one at a time: whoever flushes knows that all has been seen

	mu      sync.Mutex
	waiting []pendingFlush
	quit    chan struct{}
	done    chan struct{}
	stopped bool
}

type pendingFlush struct {
	recorder *recorder
	out      chan<- metrics.SampleContainer
}

// note remembers that r has samples to push.
func (f *flusher) note(r *recorder, out chan<- metrics.SampleContainer) {
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
		if batch := p.recorder.take(); len(batch) > 0 {
			if f.tap != nil {
				f.tap(batch)
			}
			metrics.PushIfNotDone(ctx, p.out, batch)
		}
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
