package pool

import (
	"context"
	"sync"
	"time"
)

// Close closes the pool for everybody: callers who wait fail at once, idle
// connections are closed before it comes back, connections in use when they
// are returned. It waits for nobody, so that a caller who holds a connection
// may close the pool. A second call does nothing.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	for w := p.waiters.pop(); w != nil; w = p.waiters.pop() {
		w.ready <- grant{err: ErrClosed(p.config.Name)}
	}
	p.mu.Unlock()
	p.closeIdle()
}

func (p *Pool) closeIdle() {
	var wg sync.WaitGroup
	for _, c := range p.pgx.AcquireAllIdle(context.Background()) {
		r := recordOf(c)
		p.mu.Lock()
		p.idle--
		p.taken++
		p.closing++
		p.mu.Unlock()
		wg.Go(func() {
			p.closeRecord(r, CloseExplicit, p.observer)
			p.mu.Lock()
			p.closing--
			p.taken--
			p.mu.Unlock()
		})
	}
	wg.Wait()
}

// Shutdown closes the pool and waits until every connection is closed, at most
// until ctx is done: what is still in use then is cut off. After it no
// goroutine and no backend of the pool is left. Connections open until now are
// not observed as closed: they were not closed by anything in the test.
func (p *Pool) Shutdown(ctx context.Context) {
	if p.ending.Swap(true) {
		return
	}
	p.Close()
	if !p.drained(ctx) {
		p.abort()
		limit, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		p.drained(limit)
	}
	if p.leaks != nil {
		p.leaks.stop()
	}
	p.cutter.stop()
	p.stopTimer()
	p.closePgx()
}

// drained waits until no place is taken.
func (p *Pool) drained(ctx context.Context) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		p.mu.Lock()
		taken := p.taken
		p.mu.Unlock()
		if taken == 0 {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// abort makes every statement in flight fail, whose caller then gives its
// connection back, and ends the connections that nobody gives back. Either way
// the server is waited for: it may be in the middle of something.
func (p *Pool) abort() {
	var wg sync.WaitGroup
	for _, r := range p.openRecords(nil) {
		if !r.flight.fail() {
			wg.Go(func() { _ = r.transport.Close() })
		}
	}
	wg.Wait()
}

// closePgx ends pgxpool's own goroutine. Its Close waits for connections that
// are still out, which abort has left without a socket: nobody waits for them.
func (p *Pool) closePgx() {
	p.mu.Lock()
	stuck := p.taken > 0
	p.mu.Unlock()
	if stuck {
		go p.pgx.Close()
		return
	}
	p.background.Wait()
	p.pgx.Close()
}
