package testrun

import (
	"context"
	"sync"
	"sync/atomic"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// SharedPool is one named pool of the process. It is made when a VU first needs
// it: the init context, which `k6 inspect` runs too, connects nothing.
type SharedPool struct {
	run    *Run
	config pool.Config

	started atomic.Pointer[pool.Pool] // set once start has succeeded

	// Of handles, whose closes count. The run's lock guards them.
	handles int  // open ones
	kept    bool // somebody has the pool without a handle, who closes it for all
	spent   bool // the last handle was closed

	mu      sync.Mutex
	err     error      // why start failed: the same answer for everybody
	closed  bool       // closed before it was started
	state   *lib.State // of the VU that started it
	sampler *sampler
}

// Config is the pool's configuration, for all runners together.
func (p *SharedPool) Config() pool.Config { return p.config }

// Get gives the pool, making it at the first call. state is the calling VU's.
func (p *SharedPool) Get(state *lib.State) (*pool.Pool, error) {
	if started := p.started.Load(); started != nil {
		return started, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if started := p.started.Load(); started != nil {
		return started, nil
	}
	switch {
	case p.closed:
		return nil, pool.ErrClosed(p.config.Name)
	case p.run.hasEnded():
		return nil, pool.ErrEnded(p.config.Name)
	}
	if p.err == nil {
		p.err = p.start(state)
	}
	return p.started.Load(), p.err
}

func (p *SharedPool) start(state *lib.State) error {
	own := shareOf(state)
	if err := own.check(p.config); err != nil {
		return err
	}
	config := own.config(p.config)
	if config.URL == "" {
		url, err := p.run.serverURL(config.Name)
		if err != nil {
			return err
		}
		config.URL = url
	}
	p.state = state
	if config.Metrics == pool.MetricsCompact {
		p.run.compact.enable(p.run, state)
	}
	background := p.run.background(state, config.Name)
	options := pool.Options{Observer: background, ResultFormats: p.run.ResultFormats}
	watch, err := p.run.watch(config)
	if err != nil {
		return err
	}
	if watch != nil {
		options.Watch = watch
	}
	if p.config.URL == "" {
		options.ServerTrouble = p.run.server.trouble
	}
	started, err := pool.New(config, options)
	if err != nil {
		return err
	}
	p.sampler = startSampler(started, background, watch)
	p.started.Store(started)
	return nil
}

// Stat is the snapshot; a pool that was never used has an empty one. state is
// the calling VU's, nil in the init context.
func (p *SharedPool) Stat(state *lib.State) pool.Stat {
	if started := p.started.Load(); started != nil {
		return started.Stat()
	}
	config := shareOf(state).config(p.config)
	return pool.Stat{Size: config.PoolSize, MaxOverflow: config.MaxOverflow, Available: config.PoolSize}
}

// Close closes the pool for the whole process. Nothing is sampled of it from
// then on: what a closed pool has is no level that anybody asks for.
func (p *SharedPool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	started := p.started.Load()
	if started == nil {
		return
	}
	started.Close()
	p.sampler.end(true)
}

// CloseHandle closes one of the handles that JoinHandle gave, and the pool with the
// last one. In teardown() it closes the pool whatever handles are
// open: users whose script does not close theirs must not keep it.
func (p *SharedPool) CloseHandle() {
	teardown := p.run.status() == lib.ExecutionStatusTeardown
	p.run.mu.Lock()
	p.handles--
	p.spent = p.handles <= 0 && !p.kept && !teardown
	last := p.spent || teardown
	p.run.mu.Unlock()
	if last {
		p.Close()
	}
}

// stop is the end: the last levels are sampled, then everything is closed.
func (p *SharedPool) stop(ctx context.Context, push bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	started := p.started.Load()
	if started == nil {
		return
	}
	p.sampler.end(push)
	started.Shutdown(ctx)
}
