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
		w.ready <- grant{err: p.errClosed()}
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
func (p *Pool) takeAllIdleLocked() []*connection {
	all := make([]*connection, 0, p.idle.open)
	for c, ok := p.idle.take(false); ok; c, ok = p.idle.take(false) {
		if c != nil {
			all = append(all, c)
		}
	}
	p.taken += len(all)
	p.draining += len(all)
	return all
}

// closeAll closes connections that takeAllIdleLocked took, all at once.
func (p *Pool) closeAll(connections []*connection) {
	var wg sync.WaitGroup
	for _, c := range connections {
		wg.Go(func() {
			p.closeConnection(c, CloseExplicit, p.observer)
			p.mu.Lock()
			p.draining--
			p.freePlaceLocked(false)
			p.mu.Unlock()
		})
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
	p.mu.Lock()
	p.outlived = !p.closed
	p.mu.Unlock()
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

// CancelStatements asks the server to cancel every statement that runs, for a
// process that is about to exit. It returns when the server has taken the requests,
// or ctx is done.
func (p *Pool) CancelStatements(ctx context.Context) {
	var wg sync.WaitGroup
	for _, c := range p.openConnections(nil) {
		if c.flight.runs() {
			wg.Go(func() { _ = c.pgx.PgConn().CancelRequest(ctx) }) // nobody is left to be told
		}
	}
	wg.Wait()
}

// abort makes every running statement fail, whose caller then returns its
// connection, and closes the connections on which none runs. Either way it waits
// for the server, which may be busy with something.
func (p *Pool) abort() {
	var wg sync.WaitGroup
	for _, c := range p.openConnections(nil) {
		if !c.flight.fail() {
			wg.Go(func() { _ = c.transport.Close() })
		}
	}
	wg.Wait()
}
