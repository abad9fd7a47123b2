package pool

import (
	"context"
)

// Scope is one unit of work whose calls may be cut off together, such as a k6
// iteration: it ends with its context, and its calls' events go to its
// observer. A call that finds it cut off returns ErrInterrupted; a statement in
// flight is cancelled on the server, and its connection survives.
type Scope struct {
	ctx      context.Context
	observer Observer
}

// NewScope costs next to nothing: nobody watches the context but while a
// statement runs, see interrupter.
func NewScope(ctx context.Context, observer Observer) *Scope {
	return &Scope{ctx: ctx, observer: observer}
}

// Interrupted reports whether the scope's context is done.
func (s *Scope) Interrupted() bool { return s.ctx.Err() != nil }
