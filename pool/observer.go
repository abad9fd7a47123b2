package pool

import (
	"context"
	"time"
)

// Scope is one unit of work whose calls may be cut off together, such as a k6
// iteration: it ends with its context, and its calls' events go to its
// observer. A call that finds it cut off returns ErrInterrupted; a statement in
// flight is cancelled on the server, and its connection survives.
type Scope struct {
	ctx      context.Context
	observer Observer
}

// NewScope makes a scope. It costs almost nothing: the context is looked at
// only while a call waits or a statement runs.
func NewScope(ctx context.Context, observer Observer) *Scope {
	return &Scope{ctx: ctx, observer: observer}
}

// Interrupted reports whether the scope's context is done.
func (s *Scope) Interrupted() bool { return s.ctx.Err() != nil }

// CloseReason says why the pool closed a connection: the tag `reason` of
// pgxpool_connections_closed.
type CloseReason string

// The reasons. Invalidation after a failed ping counts as CloseRecycle unless
// the connection is itself found dead.
const (
	CloseRecycle  CloseReason = "recycle"
	CloseOverflow CloseReason = "overflow"
	CloseLost     CloseReason = "lost"
	CloseExplicit CloseReason = "close"
)

// Observer is told of every event in the pool, by the goroutine in which it
// happens: implementations must be quick, safe for concurrent use, and must
// not call the pool. `at` is when the event ended.
type Observer interface {
	// Acquired is one finished checkout: the wait, and why it failed if it did.
	Acquired(at time.Time, wait time.Duration, err error)
	// Released is one return, after having been in use that long.
	Released(at time.Time, use time.Duration)
	// Queried is one statement, wait excluded; err is nil if it succeeded.
	Queried(at time.Time, took time.Duration, err error)
	// Connected is one connection opened.
	Connected(at time.Time, took time.Duration)
	// Closed is one connection closed.
	Closed(at time.Time, reason CloseReason)
	// Leaked is one connection that was still held when its iteration ended.
	Leaked(at time.Time, origin string, held time.Duration)
	// HeldLong is one connection held beyond leakDetectionThreshold.
	HeldLong(at time.Time, origin string, held time.Duration)
}

// NopObserver ignores everything.
type NopObserver struct{}

// Acquired implements Observer.
func (NopObserver) Acquired(time.Time, time.Duration, error) {}

// Released implements Observer.
func (NopObserver) Released(time.Time, time.Duration) {}

// Queried implements Observer.
func (NopObserver) Queried(time.Time, time.Duration, error) {}

// Connected implements Observer.
func (NopObserver) Connected(time.Time, time.Duration) {}

// Closed implements Observer.
func (NopObserver) Closed(time.Time, CloseReason) {}

// Leaked implements Observer.
func (NopObserver) Leaked(time.Time, string, time.Duration) {}

// HeldLong implements Observer.
func (NopObserver) HeldLong(time.Time, string, time.Duration) {}
