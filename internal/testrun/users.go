package testrun

import (
	"context"
	"time"

	"go.k6.io/k6/v2/lib"
)

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
