package pool

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// interruptInterval is how long a statement may go on after its scope was cut
// off, before it is cancelled.
const interruptInterval = 20 * time.Millisecond

// interrupter cancels statements, and ends waits, whose scope was cut off. It
// looks at the connections and the queue from time to time, where pgx would
// start a goroutine to watch the context of every statement, for something that
// happens once a test.
type interrupter struct {
	quit, done chan struct{}
}

func startInterrupter(p *Pool) *interrupter {
	i := &interrupter{quit: make(chan struct{}), done: make(chan struct{})}
	go i.run(p)
	return i
}

func (i *interrupter) run(p *Pool) {
	defer close(i.done)
	tick := time.NewTicker(interruptInterval)
	defer tick.Stop()
	var open []*record
	for {
		select {
		case <-tick.C:
			open = p.openRecords(open[:0])
			for _, r := range open {
				r.flight.interrupt()
			}
			clear(open)
			p.interruptWaiters()
		case <-i.quit:
			return
		}
	}
}

func (i *interrupter) stop() {
	close(i.quit)
	<-i.done
}

func (p *Pool) interruptWaiters() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := p.waiters.first; w != nil; {
		next := w.next
		if w.ctx.Err() != nil {
			p.waiters.remove(w)
			w.ready <- grant{err: ErrInterrupted}
		}
		w = next
	}
}

func (p *Pool) openRecords(into []*record) []*record {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.records {
		into = append(into, r)
	}
	return into
}

// flight is the statement that runs on a connection, if one does.
type flight struct {
	mu         sync.Mutex
	ctx        context.Context // of the scope it runs in; nil: none runs
	cancelling bool
	cancel     pgconn.CancelRequestContextWatcherHandler
}

// enter notes that a statement is about to run in s.
func (f *flight) enter(s *Scope) error {
	if s.ctx.Err() != nil {
		return ErrInterrupted
	}
	f.mu.Lock()
	f.ctx = s.ctx
	f.mu.Unlock()
	return nil
}

// leave notes that the statement is over, and reports whether it was cut off.
// It comes back only when a cancel request can no longer hit what the
// connection does next.
func (f *flight) leave() (interrupted bool) {
	f.mu.Lock()
	interrupted = f.cancelling
	f.ctx, f.cancelling = nil, false
	f.mu.Unlock()
	if interrupted {
		f.cancel.HandleUnwatchAfterCancel()
	}
	return interrupted
}

// interrupt cancels the statement if its scope was cut off.
func (f *flight) interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx != nil && !f.cancelling && f.ctx.Err() != nil {
		f.cancelling = true
		f.cancel.HandleCancel(f.ctx)
	}
}
