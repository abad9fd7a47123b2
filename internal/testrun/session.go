package testrun

import (
	"context"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// Session is one VU's use of one pool: the scope of the iteration that is
// running, and the tags that its events carry.
type Session struct {
	// Caller says where the script is, see pool.Scope. It serves the blocking
	// calls.
	Caller func() string

	vu   *VU
	pool string // name, the value of the tag

	ctx   context.Context
	scope *pool.Scope
	tags  *observer
}

// Current gives the scope of the running iteration, with the VU's tags of this
// moment. It serves the blocking calls.
func (s *Session) Current() *pool.Scope {
	if ctx := s.vu.Context(); ctx != s.ctx {
		s.ctx = ctx
		if s.tags == nil {
			s.tags = s.newObserver()
		}
		s.scope = pool.NewScope(ctx, s.tags)
		s.scope.Caller = s.Caller
		s.vu.enter(ctx, s.tags)
	}
	s.tags.refresh(s.pool, "")
	return s.scope
}

// Statement is Current for a statement of a workload, which its samples name in the tag `statement`.
func (s *Session) Statement(name string) *pool.Scope {
	scope := s.Current()
	s.tags.refresh(s.pool, name)
	return scope
}

// Apart gives a scope for one asynchronous call, whose tags stay as they are
// while the VU's change.
func (s *Session) Apart() *pool.Scope {
	tags := s.newObserver()
	s.vu.enter(s.vu.Context(), tags)
	tags.refresh(s.pool, "")
	return pool.NewScope(s.vu.Context(), tags)
}

func (s *Session) newObserver() *observer {
	return &observer{buffer: s.vu.buffer, state: s.vu.State(), warn: s.vu.run.warnOnce}
}
