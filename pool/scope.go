package pool

import (
	"context"
	"slices"
	"sync"
)

// Scope is one unit of work whose calls may be cut off together, such as a k6
// iteration. It watches its context once, where pgx would start a goroutine
// for every statement: at thousands of statements a second that is a fifth of
// the client's CPU.
//
// A Scope belongs to one unit of work. A call that finds it cut off returns
// ErrInterrupted; a statement in flight is cancelled on the server, and its
// connection survives.
type Scope struct {
	ctx      context.Context
	observer Observer
	unwatch  func() bool

	mu   sync.Mutex
	cut  bool
	busy []*record // statements in flight; one, but for Promises
}

// NewScope starts watching ctx. Close ends that early; it is not needed once
// ctx is done. Events of calls made in this scope go to observer.
func NewScope(ctx context.Context, observer Observer) *Scope {
	s := &Scope{ctx: ctx, observer: observer}
	s.unwatch = context.AfterFunc(ctx, s.interrupt)
	return s
}

// Close stops watching the context. Calls in flight are no longer cut off.
func (s *Scope) Close() { s.unwatch() }

// Interrupted reports whether the scope's context is done.
func (s *Scope) Interrupted() bool { return s.ctx.Err() != nil }

func (s *Scope) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	for _, r := range s.busy {
		r.cancelling = true
		r.cancel.HandleCancel(s.ctx)
	}
}

// enter notes that a statement is about to run on r.
func (s *Scope) enter(r *record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return ErrInterrupted
	}
	s.busy = append(s.busy, r)
	return nil
}

// leave notes that r's statement is over, and reports whether it was cut off.
// It comes back only when a cancel request can no longer hit what r does next.
func (s *Scope) leave(r *record) (interrupted bool) {
	s.mu.Lock()
	if i := slices.Index(s.busy, r); i >= 0 {
		s.busy = slices.Delete(s.busy, i, i+1)
	}
	interrupted = r.cancelling
	r.cancelling = false
	s.mu.Unlock()
	if interrupted {
		r.cancel.HandleUnwatchAfterCancel()
	}
	return interrupted
}
