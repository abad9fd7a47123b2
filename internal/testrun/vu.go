package testrun

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/modules"

	"github.com/flowboard/xk6-pgxpool/internal/upstream"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// VU is one VU's part in the run: the samples that it makes, and the connections
// that it holds, which are swept when its iteration ends.
type VU struct {
	modules.VU
	run      *Run
	logger   logrus.FieldLogger
	buffer   *buffer
	watching bool // k6 reports the end of iterations

	requests    []*request // that have begun and not ended; the VU's goroutine has them
	lastRequest time.Time  // when the last one began
	// hidTimeout says that the iteration's request timed out and was made again.
	hidTimeout atomic.Bool

	sweeping sync.Mutex // held while connections are swept

	mu   sync.Mutex
	held map[*pool.Conn]context.Context // each with that of its iteration
}

// NewVU adds a VU, in its init context.
func (t *Run) NewVU(vu modules.VU) *VU {
	t.begin(vu)
	return &VU{VU: vu, run: t, logger: vu.InitEnv().Logger, buffer: newBuffer(t)}
}

// enter notes whose events tags reports in the context of a call: a user's, or
// those of setup() and teardown(), which do not count.
func (u *VU) enter(ctx context.Context, tags *observer) {
	tags.quiet.Store(!isUsers(ctx))
	if isUsers(ctx) {
		u.run.usersBegin(ctx)
	}
}

// Session is the VU's use of a pool.
func (u *VU) Session(pool string) *Session { return &Session{vu: u, pool: pool} }

// Hold notes a connection that the script has to give back in the iteration
// of ctx. Somebody must have called WatchEnd in it.
func (u *VU) Hold(ctx context.Context, c *pool.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.held == nil {
		u.held = make(map[*pool.Conn]context.Context)
	}
	u.held[c] = ctx
}

// Drop forgets a connection that is on its way back.
func (u *VU) Drop(c *pool.Conn) {
	u.mu.Lock()
	delete(u.held, c)
	u.mu.Unlock()
}

// WatchEnd makes sure that the end of the iteration is noticed, and gives its
// context. Iterations report theirs, and whether k6 cut them off; setup() and
// teardown() only end their context. It runs on the VU's goroutine.
func (u *VU) WatchEnd() (ctx context.Context) {
	ctx = u.Context()
	if !isUsers(ctx) {
		u.run.outside(u)
		context.AfterFunc(ctx, u.sweepOutside)
		return ctx
	}
	if u.watching {
		return ctx
	}
	if stop := upstream.OnIterationEnd(u.Events(), u.sweepIteration); stop != nil {
		u.watching = true
		u.run.OnEnd(stop, nil)
		return ctx
	}
	context.AfterFunc(ctx, func() { u.sweepIteration(false) })
	return ctx
}

// sweepOutside is for setup() and teardown().
func (u *VU) sweepOutside() { u.sweep(upstream.SetupWasCutOff) }

func (u *VU) sweepIteration(interrupted bool) {
	u.sweep(func(ctx context.Context) bool { return interrupted || upstream.WasCutOff(ctx) })
}

// sweep returns what is still held by an iteration that is over. It is a leak
// unless k6 cut the iteration off, which the script could not help. It may come
// late: what the VU's next iteration holds is none of its business.
func (u *VU) sweep(cutOff func(context.Context) bool) {
	u.sweeping.Lock()
	defer u.sweeping.Unlock()
	u.mu.Lock()
	over := make(map[*pool.Conn]context.Context)
	for c, ctx := range u.held {
		if ctx.Err() != nil {
			over[c] = ctx
			delete(u.held, c)
		}
	}
	u.mu.Unlock()
	for c, ctx := range over {
		if cutOff(ctx) {
			c.Release()
		} else {
			c.Leak()
		}
	}
}

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

	// The observer of Apart, and the context in which it was made.
	apart    *observer
	apartCtx context.Context

	// Of a session made by With.
	from *Session
	with With
}

// With is what a session's calls have of their own.
type With struct {
	Tags   map[string]string
	Limits pool.Limits
}

// With gives a session for the same iterations and connections, whose calls have
// these tags and limits beside those of s, over which they win.
func (s *Session) With(w With) *Session {
	if s.from != nil {
		tags := make(map[string]string)
		maps.Copy(tags, s.with.Tags)
		maps.Copy(tags, w.Tags)
		w = With{Tags: tags, Limits: pool.Limits{
			Timeout: cmp.Or(w.Limits.Timeout, s.with.Limits.Timeout), MaxRows: cmp.Or(w.Limits.MaxRows, s.with.Limits.MaxRows),
		}}
		s = s.from
	}
	return &Session{Caller: s.Caller, vu: s.vu, pool: s.pool, from: s, with: w}
}

// Current gives the scope of the running iteration, with the VU's tags of this
// moment. It serves the blocking calls.
func (s *Session) Current() *pool.Scope {
	if s.from != nil {
		scope := s.from.Current()
		s.tags = s.from.tags
		s.tags.refresh(s.pool, callTags{with: s.with.Tags})
		scope.Limits = s.with.Limits
		return scope
	}
	if ctx := s.vu.Context(); ctx != s.ctx {
		s.ctx = ctx
		if s.tags == nil {
			s.tags = s.newObserver()
		}
		s.scope = pool.NewScope(ctx, s.tags)
		s.scope.Caller = s.Caller
		s.vu.enter(ctx, s.tags)
	}
	s.tags.refresh(s.pool, callTags{})
	s.scope.Limits = pool.Limits{}
	return s.scope
}

// Statement is Current for a statement of a workload, which its samples name in the tag `statement`.
func (s *Session) Statement(name string) *pool.Scope {
	scope := s.Current()
	s.tags.refresh(s.pool, callTags{statement: name, with: s.with.Tags})
	return scope
}

// Apart gives a scope for one asynchronous call, whose tags stay as they are
// while the VU's change: calls share an observer, which never changes, until
// they do.
func (s *Session) Apart() *pool.Scope {
	ctx := s.vu.Context()
	if s.apart == nil || s.apartCtx != ctx || s.apart.outdated() {
		s.apart, s.apartCtx = s.newObserver(), ctx
		s.vu.enter(ctx, s.apart)
		s.apart.refresh(s.pool, callTags{with: s.with.Tags})
	}
	scope := pool.NewScope(ctx, s.apart)
	scope.Limits, scope.OneCall = s.with.Limits, true
	return scope
}

// Retried counts a transaction that is run again.
func (s *Session) Retried() {
	s.Current()
	s.tags.push(s.tags.sample(s.vu.run.metrics.transactionRetries, time.Now(), 1))
}

func (s *Session) newObserver() *observer {
	return &observer{buffer: s.vu.buffer, state: s.vu.State()}
}
