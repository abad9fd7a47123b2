package testrun

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// setup remembers why setup() failed: k6 runs handleSummary after it without the
// cause.
type setup struct {
	seen    atomic.Bool // setup() called something of ours
	settled atomic.Bool // it came to its end, or a user began

	mu   sync.Mutex
	why  *verdict.SetupFailure
	held []*VU // that took connections outside iterations
}

// outside notes a VU that takes a connection in setup() or teardown().
func (t *Run) outside(u *VU) {
	t.setup.mu.Lock()
	defer t.setup.mu.Unlock()
	if !slices.Contains(t.setup.held, u) {
		t.setup.held = append(t.setup.held, u)
	}
}

// sweep returns what setup() has left taken. A context tells nobody when those who
// watch it are done.
func (s *setup) sweep() {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for _, u := range held {
		u.sweepOutside()
	}
}

// InSetup tells whether a VU runs setup() now.
func (t *Run) InSetup() bool { return t.status() == lib.ExecutionStatusSetup }

// follow notes that setup() runs, or that it is over.
func (s *setup) follow(t *Run) {
	switch {
	case s.settled.Load():
	case t.InSetup():
		s.seen.Store(true)
	default:
		s.settle()
	}
}

// SetupFailed remembers why.
func (t *Run) SetupFailed(why *verdict.SetupFailure) {
	t.setup.mu.Lock()
	defer t.setup.mu.Unlock()
	t.setup.why = why
}

// SetupEnded is for when setup() has not failed after all.
func (t *Run) SetupEnded() { t.setup.settle() }

func (s *setup) settle() {
	if s.settled.Swap(true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = nil
}

// SetupFailure says why setup() failed, nil where it did not. data are k6's
// metrics at the test's end.
func (t *Run) SetupFailure(data map[string]verdict.Metric) *verdict.SetupFailure {
	s := &t.setup
	if !s.seen.Load() || s.settled.Load() || data["iterations"].Values["count"] > 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.why != nil:
		return s.why
	case t.status() == lib.ExecutionStatusInterrupted:
		return &verdict.SetupFailure{Cause: "the test was stopped", Stopped: true}
	default:
		return &verdict.SetupFailure{Cause: "k6's log has the error"}
	}
}

// ExplainSetup says why a call in setup() failed, and what to do.
func (t *Run) ExplainSetup(err error) *verdict.SetupFailure {
	connect, ok := errors.AsType[*pool.ConnectError](err)
	if !ok {
		return &verdict.SetupFailure{Cause: text.Line(strings.TrimPrefix(err.Error(), "ERROR: "))}
	}
	source := ""
	if url, ok := t.lookup("DATABASE_URL"); ok && url != "" {
		source = "DATABASE_URL"
	}
	server, _, _ := strings.Cut(connect.Server, " as ")
	return &verdict.SetupFailure{
		Cause:  connect.Cause() + " (" + text.List(source, server) + ")",
		Advice: connect.Advice(),
	}
}

// isUsers tells whether a context is that of a user's iteration, and not of
// setup() or teardown().
func isUsers(ctx context.Context) bool { return lib.GetScenarioState(ctx) != nil }

// usersBegin makes everything from now on count: what setup() does, such as
// filling tables, is in no metric and in no report. ctx is that of an iteration.
func (t *Run) usersBegin(ctx context.Context) {
	if t.measuring.Load() {
		return
	}
	t.usersOnce.Do(func() {
		if execution := lib.GetExecutionState(ctx); execution != nil {
			t.setupTook = execution.GetCurrentTestRunDuration()
		}
		t.firstScenario = lib.GetScenarioState(ctx)
		t.setup.sweep()
		t.measuring.Store(true)
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, p := range t.pools {
			p.usersBegin()
		}
	})
}

// usersBegin counts the connections that setup() has opened and left as opened:
// the users have them, and need not open any.
func (p *SharedPool) usersBegin() {
	started := p.started.Load()
	if started == nil {
		return
	}
	out := p.run.background(p.state, p.config.Name)
	if open := started.Stat().Total; open > 0 {
		out.push(out.sample(p.run.metrics.opened, time.Now(), float64(open)))
	}
}
