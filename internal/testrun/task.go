package testrun

import (
	"context"
	"sync"
	"time"
)

// task is what runs beside the users until somebody stops it. The zero value has not
// been started.
type task struct {
	mu      sync.Mutex
	cancel  context.CancelFunc // nil until started
	done    chan struct{}
	stopped bool
}

// start runs work on a goroutine of its own, once, and never after stop.
func (t *task) start(work func(context.Context)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil || t.stopped {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel, t.done = cancel, make(chan struct{})
	go func() {
		defer close(t.done)
		work(ctx)
	}()
}

// stop returns when the work has ended. It is false where that was so before.
func (t *task) stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	t.stopped = true
	if t.cancel != nil {
		t.cancel()
		<-t.done
	}
	return true
}

// pause is false when it was cut short.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
