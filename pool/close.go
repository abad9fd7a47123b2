package pool

import (
	"context"
	"sync"
)

// Close closes the pool for everybody: callers that wait fail at once, idle
// connections are closed before Close returns, and connections in use when they
// are returned. It waits for no caller, so a caller that holds a connection may
// close the pool. A second call does nothing.
//
// With the last connection everything of the pool ends: goroutines and timers
// too.
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
	p.endIfDrainedLocked()
	p.mu.Unlock()
	p.closeAll(idle)
}

// endIfDrainedLocked ends the pool's goroutines and its timer when the pool is
// closed and no place is taken: none will be taken any more.
func (p *Pool) endIfDrainedLocked() {
	if p.closed && p.taken == 0 {
		p.endLocked()
	}
}

func (p *Pool) endLocked() {
	select {
	case <-p.ended:
	default:
		close(p.ended)
	}
	if p.timer != nil {
		p.timer.Stop()
	}
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
// until ctx is done: what is still in use then is cut off. When it returns no
// goroutine and no backend of the pool is left. The connections closed by it are
// not reported to observers: they were open when the test ended.
func (p *Pool) Shutdown(ctx context.Context) {
	if p.ending.Swap(true) {
		return
	}
	p.Close()
	if !p.drained(ctx) {
		p.abort()
		limit, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		if !p.drained(limit) {
			p.mu.Lock()
			p.endLocked()
			p.mu.Unlock()
			return // a goroutine may wait for a socket that abort has ended
		}
	}
	p.background.Wait()
}

// drained waits until no place of the closed pool is taken. It is false if ctx
// was done before.
func (p *Pool) drained(ctx context.Context) bool {
	select {
	case <-p.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// abort makes every running statement fail, whose caller then returns its
// connection, and closes the connections on which none runs. Either way it waits
// for the server, which may be busy with something.
func (p *Pool) abort() {
	var wg sync.WaitGroup
	for _, r := range p.openRecords(nil) {
		if !r.flight.fail() {
			wg.Go(func() { _ = r.transport.Close() })
		}
	}
	wg.Wait()
}
