package pool

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Scope is one unit of work whose calls may be cut off together, such as a k6
// iteration: it ends with its context, and its calls' events go to its
// observer. A call that finds it cut off returns ErrInterrupted; a statement in
// flight is canceled on the server, and its connection survives.
type Scope struct {
	// Caller, which may be nil, says where a Query or Exec of the pool was called.
	// It is called during that call, by its goroutine, where the call is the
	// scope's second checkout of the pool.
	Caller func() string
	// Limits are those of the calls that follow. Only the goroutine that makes them
	// may change them.
	Limits Limits
	// OneCall says that each call runs on a goroutine that was started for it.
	OneCall bool

	ctx      context.Context
	observer Observer

	mu   sync.Mutex
	held []*Conn // acquired in this scope and not yet released
}

// Limits bound one call; zero is no limit.
type Limits struct {
	Timeout time.Duration // of each statement, after which it is canceled
	MaxRows int           // of Query's result, beyond which it is an error
}

// NewScope makes a scope; without anything to observe the observer is a
// NopObserver. It costs almost nothing: the context is looked at
// only while a call waits or a statement runs.
func NewScope(ctx context.Context, observer Observer) *Scope {
	return &Scope{ctx: ctx, observer: observer}
}

func (s *Scope) hold(c *Conn) {
	s.mu.Lock()
	s.held = append(s.held, c)
	s.mu.Unlock()
}

func (s *Scope) drop(c *Conn) {
	s.mu.Lock()
	s.held = slices.DeleteFunc(s.held, func(other *Conn) bool { return other == c })
	s.mu.Unlock()
}

// nested reports a checkout from p while the scope holds a connection of p: once
// for each that is held when it has to wait, and once when the one that is held
// is in a transaction, of which the second checkout is no part. A pool full of
// such callers waits for itself.
func (s *Scope) nested(p *Pool, caller func() string, waits bool) {
	s.mu.Lock()
	var held *Conn
	for _, c := range s.held {
		if c.pool == p && (!c.nested && c.begun.Load() || waits && !c.nestedWaits) {
			held = c
			c.nested, c.nestedWaits = true, waits
			break
		}
	}
	s.mu.Unlock()
	if held != nil {
		s.observer.Nested(time.Now(), held.where(), position(caller), waits)
	}
}

// Interrupted reports whether the scope's context is done.
func (s *Scope) Interrupted() bool { return s.ctx.Err() != nil }

// CloseReason says why the pool closed a connection: the tag `reason` of
// pgxpool_connections_closed.
type CloseReason string

// The reasons. What a failed ping of another connection invalidated counts as
// CloseRecycle.
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
	// Nested is one checkout by a scope that holds a connection of the same pool:
	// where that was taken, and where the second was asked for. It is reported
	// once for each connection held when the second has to wait, and once when a
	// transaction is open on the one held.
	Nested(at time.Time, held, second string, waits bool)
	// LeftOpen is one statement of the pool's, called at that place, which began a
	// transaction that ends with the return of its connection.
	LeftOpen(at time.Time, caller string)
	// Notified is the first notification (LISTEN) that reached the pool, which
	// drops them: nobody could read them.
	Notified(at time.Time)
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

// Nested implements Observer.
func (NopObserver) Nested(time.Time, string, string, bool) {}

// LeftOpen implements Observer.
func (NopObserver) LeftOpen(time.Time, string) {}

// Notified implements Observer.
func (NopObserver) Notified(time.Time) {}
