package module

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// joinError says that a pool of that name exists with other options.
type joinError struct {
	name, difference string
}

func (e *joinError) Error() string {
	return fmt.Sprintf("pool %q exists with other options: %s; give this one another name or the same options",
		e.name, e.difference)
}

// sharedPool is one named pool of the process. It is made when a VU first needs
// it: the init context, which `k6 inspect` runs too, connects nothing.
type sharedPool struct {
	test   *testRun
	config pool.Config

	started atomic.Pointer[pool.Pool] // set once start has succeeded

	mu      sync.Mutex
	err     error // why start failed: the same answer for everybody
	closed  bool  // closed before it was started
	sampler *sampler
}

// get gives the pool, making it at the first call. state is the calling VU's.
func (p *sharedPool) get(state *lib.State) (*pool.Pool, error) {
	if started := p.started.Load(); started != nil {
		return started, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if started := p.started.Load(); started != nil {
		return started, nil
	}
	if p.closed || p.test.hasEnded() {
		return nil, pool.ErrClosed(p.config.Name)
	}
	if p.err == nil {
		p.err = p.start(state)
	}
	return p.started.Load(), p.err
}

func (p *sharedPool) start(state *lib.State) error {
	own := shareOf(state)
	if err := own.check(p.config); err != nil {
		return err
	}
	config := own.config(p.config)
	if config.URL == "" {
		url, err := p.test.server.url(p.test.temporaryConnections())
		if err != nil {
			return &pool.ConnectError{Pool: config.Name, Server: "a temporary PostgreSQL", Err: err}
		}
		config.URL = url
	}
	background := p.test.backgroundTags(state, config.Name)
	started, err := pool.New(config, pool.Options{Observer: background, ResultFormats: sqlvalue.ResultFormats})
	if err != nil {
		return err
	}
	p.sampler = startSampler(started, background, &p.test.facts)
	p.started.Store(started)
	return nil
}

// backgroundTags reports what happens outside any VU.
func (t *testRun) backgroundTags(state *lib.State, name string) *tagged {
	background := &tagged{
		recorder: newRecorder(t),
		state:    state,
		warn:     func(line string) { t.logger.Warn(line) },
	}
	background.current.Store(&tagValues{tags: t.runTags(state).With("pool", name)})
	return background
}

// stat is the snapshot; a pool that was never used has an empty one. state is
// the calling VU's, nil in the init context.
func (p *sharedPool) stat(state *lib.State) pool.Stat {
	if started := p.started.Load(); started != nil {
		return started.Stat()
	}
	config := shareOf(state).config(p.config)
	return pool.Stat{Size: config.PoolSize, MaxOverflow: config.MaxOverflow, Available: config.PoolSize}
}

// close closes the pool for the whole process. Nothing is sampled of it from
// then on: what a closed pool has is no level that anybody asks for.
func (p *sharedPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	started := p.started.Load()
	if started == nil {
		return
	}
	started.Close()
	p.sampler.stop(true)
}

// stop is the end: the last levels are sampled, then everything is closed.
func (p *sharedPool) stop(ctx context.Context, push bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	started := p.started.Load()
	if started == nil {
		return
	}
	p.sampler.stop(push)
	started.Shutdown(ctx)
}
