package module

import (
	"context"
	"sync"

	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// iteration follows what one VU holds, to sweep it when its iteration ends.
type iteration struct {
	vu   modules.VU
	test *testRun

	watching bool // k6 reports the end of iterations

	mu   sync.Mutex
	held map[*pool.Conn]context.Context // each with that of its iteration
}

// hold notes a connection that the script has to give back in the iteration
// of ctx. Somebody must have called watchEnd in it.
func (it *iteration) hold(ctx context.Context, c *pool.Conn) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.held == nil {
		it.held = make(map[*pool.Conn]context.Context)
	}
	it.held[c] = ctx
}

func (it *iteration) drop(c *pool.Conn) {
	it.mu.Lock()
	delete(it.held, c)
	it.mu.Unlock()
}

// watchEnd makes sure that the end of the iteration is noticed, and gives its
// context. Iterations report theirs, and whether k6 cut them off; setup() and
// teardown() only end their context. It runs on the VU's goroutine.
func (it *iteration) watchEnd() (ctx context.Context) {
	ctx = it.vu.Context()
	if lib.GetScenarioState(ctx) == nil {
		context.AfterFunc(ctx, func() {
			it.sweep(func(context.Context) bool { return setupWasCutOff(ctx) })
		})
		return ctx
	}
	if it.watching {
		return ctx
	}
	if stop := onIterationEnd(it.vu.Events(), it.sweepIteration); stop != nil {
		it.watching = true
		it.test.onEnd(stop)
		return ctx
	}
	context.AfterFunc(ctx, func() { it.sweepIteration(false) })
	return ctx
}

func (it *iteration) sweepIteration(interrupted bool) {
	it.sweep(func(ctx context.Context) bool { return interrupted || wasCutOff(ctx) })
}

// sweep returns what is still held by an iteration that is over. It is a leak
// unless k6 cut the iteration off, which the script could not help. It may come
// late: what the VU's next iteration holds is none of its business.
func (it *iteration) sweep(cutOff func(context.Context) bool) {
	it.mu.Lock()
	over := make(map[*pool.Conn]context.Context)
	for c, ctx := range it.held {
		if ctx.Err() != nil {
			over[c] = ctx
			delete(it.held, c)
		}
	}
	it.mu.Unlock()
	for c, ctx := range over {
		if cutOff(ctx) {
			c.Release()
		} else {
			c.Leak()
		}
	}
}
