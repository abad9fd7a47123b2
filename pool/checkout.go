package pool

import (
	"errors"
	"time"
)

// acquire checks out a connection for a call in scope s, and returns when it
// got it. Every checkout that was not interrupted is observed once.
func (p *Pool) acquire(s *Scope) (*record, time.Time, error) {
	start := time.Now()
	r, err := p.checkout(s, start)
	now := time.Now()
	if !errors.Is(err, ErrInterrupted) {
		s.observer.Acquired(now, now.Sub(start), err)
	}
	return r, now, err
}

func (p *Pool) checkout(s *Scope, start time.Time) (*record, error) {
	g := p.place(s, start)
	if g.err != nil {
		return nil, g.err
	}
	r, silent := g.record, false
	for {
		if r == nil {
			var err error
			if r, err = p.open(s); err != nil {
				return nil, err
			}
		}
		reason, err := p.check(s, r)
		if err != nil {
			p.giveBack(r, s.observer)
			return nil, err
		}
		if reason == "" {
			p.acquires.Add(1)
			return r, nil
		}
		silent = silent || r.silent
		if silent {
			if other := p.replaceBeside(r, reason); other != nil {
				r = other
				continue
			}
		}
		r = p.replace(s, r, reason)
	}
}

// place takes a place in the pool, waiting for one if need be. With it comes a
// connection: an idle one, or one that another caller has just returned. A
// place without one is for the caller to open one.
func (p *Pool) place(s *Scope, start time.Time) grant {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return grant{err: ErrClosed(p.config.Name)}
	}
	if p.taken < p.config.MaxConns() {
		p.taken++
		g := grant{record: p.takeIdleLocked()}
		p.mu.Unlock()
		return g
	}
	if p.config.PoolTimeout <= 0 {
		err := p.timeoutLocked(start)
		p.mu.Unlock()
		return grant{err: err}
	}
	w := waiterPool.Get().(*waiter)
	w.ctx, w.since = s.ctx, start
	p.waiters.push(w)
	p.watchTimeoutLocked(w)
	p.mu.Unlock()
	g := <-w.ready // a connection, a place, a timeout or an interruption
	w.ctx = nil
	waiterPool.Put(w)
	return g
}

// takeIdleLocked takes an idle connection for the holder of a place. It is nil
// where none is idle: the holder opens one.
func (p *Pool) takeIdleLocked() *record {
	r := p.idle.takeNewest()
	if r == nil {
		p.opening++
		return nil
	}
	p.notePeakLocked()
	return r
}

func (p *Pool) notePeakLocked() {
	p.counts.PeakActive = max(p.counts.PeakActive, p.activeLocked())
}

// check decides whether r may be handed out. It must be replaced, for the reason
// returned, when it is too old, when a connection opened later was found dead,
// or when it does not answer a ping. A brand-new one needs no check.
func (p *Pool) check(s *Scope, r *record) (CloseReason, error) {
	if r.fresh {
		r.fresh = false
		return "", nil
	}
	if r.conn.IsClosed() {
		return CloseLost, nil
	}
	if p.config.PoolRecycle >= 0 && time.Since(p.created)-r.opened > p.config.PoolRecycle {
		return CloseRecycle, nil
	}
	if int64(r.opened) < p.invalidBefore.Load() {
		if r.dead() {
			return CloseLost, nil
		}
		return CloseRecycle, nil
	}
	if !p.config.PoolPrePing {
		return "", nil
	}
	err := r.ping(s, p.config.ConnectTimeout)
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, ErrInterrupted):
		return "", err
	}
	p.invalidate(r)
	return CloseLost, nil
}

// invalidate makes all connections opened before now suspect, because r was
// found dead. One from before the last invalidation tells nothing new.
func (p *Pool) invalidate(r *record) {
	if int64(r.opened) >= p.invalidBefore.Load() {
		p.invalidBefore.Store(int64(time.Since(p.created)))
	}
}

// replace closes r and keeps its place for another connection, an idle one or
// nil for a new one.
func (p *Pool) replace(s *Scope, r *record, reason CloseReason) *record {
	p.mu.Lock()
	p.closing++
	p.mu.Unlock()
	p.closeRecord(r, reason, s.observer)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing--
	return p.takeIdleLocked()
}

// replaceBeside is replace for when the server does not answer: while another
// connection is idle, which is as suspect, r is closed apart from the caller.
// Otherwise one caller would wait out closeGrace for all of them, one by one.
// The idle connection's place is r's now, and the caller's is for the other.
// It is nil, and nothing has happened, where no other is idle.
func (p *Pool) replaceBeside(r *record, reason CloseReason) *record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle.len() == 0 {
		return nil
	}
	p.taken++
	p.closing++
	other := p.takeIdleLocked()
	p.background.Go(func() { p.closeAndFree(r, reason, p.observer) })
	return other
}
