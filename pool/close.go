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
	idle := p.takeAllIdleLocked()
	p.mu.Unlock()
	p.closeAll(idle)
}

// takeAllIdleLocked takes every idle connection, and a place for each, in order
// to close it.
func (p *Pool) takeAllIdleLocked() []*record {
	all := make([]*record, 0, p.idle.len())
	for r := p.idle.takeOldest(); r != nil; r = p.idle.takeOldest() {
		all = append(all, r)
	}
	p.taken += len(all)
	p.closing += len(all)
	return all
}

// closeAll closes connections whose places are counted as closing, all at once.
func (p *Pool) closeAll(records []*record) {
	var wg sync.WaitGroup
	for _, r := range records {
		wg.Go(func() { p.closeAndFree(r, CloseExplicit, p.observer) })
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
	p.waitForBackground()
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

// waitForBackground waits for the goroutines that outlive their callers. Where
// a place is still taken one of them may wait for a socket that abort has ended
// and for nothing else: nobody waits for it.
func (p *Pool) waitForBackground() {
	p.mu.Lock()
	stuck := p.taken > 0
	p.mu.Unlock()
	if !stuck {
		p.background.Wait()
	}
}
