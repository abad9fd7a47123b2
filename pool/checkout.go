package pool

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// acquire checks out a connection for a call in scope s, and returns when it
// had it. Every checkout that was not interrupted is observed once.
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
	r, claimed, silent := g.record, g.claimed, false
	for {
		if r == nil {
			var err error
			if r, err = p.obtain(s, claimed); err != nil {
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
		if silent && p.replaceBeside(r, reason) {
			claimed, r = true, nil
			continue
		}
		claimed, r = p.replace(s, r, reason), nil
	}
}

// place takes a place in the pool, waiting for one if need be. With it may
// come a connection that another caller has just returned.
func (p *Pool) place(s *Scope, start time.Time) grant {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return grant{err: ErrClosed(p.config.Name)}
	}
	if p.taken < p.config.MaxConns() {
		p.taken++
		g := grant{claimed: p.claimLocked()}
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

// claimLocked decides for the holder of a place whether it takes an idle
// connection or opens its own.
func (p *Pool) claimLocked() (claimed bool) {
	if p.idle > 0 {
		p.idle--
		p.notePeakLocked()
		return true
	}
	p.opening++
	return false
}

func (p *Pool) notePeakLocked() {
	p.counts.PeakActive = max(p.counts.PeakActive, p.activeLocked())
}

// obtain turns a place into a connection: a claimed idle one, or a new one.
// If that fails the place is free again.
func (p *Pool) obtain(s *Scope, claimed bool) (*record, error) {
	if claimed {
		c, err := p.pgx.Acquire(reuseContext)
		if err == nil {
			return recordOf(c), nil
		}
		// Somebody who was opening a connection got this idle one instead, or
		// Close did, which is still closing it: another one would be one too many.
		p.mu.Lock()
		p.idle++
		if p.closed {
			p.freePlaceLocked()
			p.mu.Unlock()
			return nil, ErrClosed(p.config.Name)
		}
		p.opening++
		p.mu.Unlock()
	}
	return p.open(s)
}

// opened is the outcome of opening one connection.
type opened struct {
	conn *pgxpool.Conn
	took time.Duration
	err  error
}

// open opens a connection. It runs apart from the caller, whose scope may be
// cut off: the connection then goes to the next in line instead.
func (p *Pool) open(s *Scope) (*record, error) {
	done := make(chan opened, 1)
	p.background.Go(func() {
		start := time.Now()
		c, err := p.pgx.Acquire(connectContext)
		done <- opened{c, time.Since(start), err}
	})
	select {
	case o := <-done:
		return p.admit(o, s.observer)
	case <-s.ctx.Done():
		p.background.Go(func() {
			if r, err := p.admit(<-done, p.observer); err == nil {
				p.giveBack(r, p.observer)
			}
		})
		return nil, ErrInterrupted
	}
}

// admit counts a connection that was opened, or frees the place.
func (p *Pool) admit(o opened, observer Observer) (*record, error) {
	p.mu.Lock()
	p.opening--
	if o.err != nil {
		closed := p.closed
		p.freePlaceLocked()
		p.mu.Unlock()
		if closed {
			return nil, ErrClosed(p.config.Name)
		}
		return nil, &ConnectError{Pool: p.config.Name, Server: p.server, Err: o.err}
	}
	r := recordOf(o.conn)
	if _, known := p.records[r]; known {
		p.idle-- // pgxpool had an idle one by now and preferred it
		p.notePeakLocked()
		p.mu.Unlock()
		return r, nil
	}
	p.records[r] = struct{}{}
	p.counts.Connects++
	p.counts.Total++
	p.notePeakLocked()
	p.mu.Unlock()
	observer.Connected(time.Now(), o.took)
	return r, nil
}

// check decides whether r may be handed out: recycled by age, replaced when
// something younger was found dead, pinged unless brand new. A non-empty
// reason says why it must be replaced.
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

// invalidate marks everything opened before now as suspect, because r was
// found dead: what killed it has probably killed its elders too. A connection
// from before the last invalidation tells nothing new.
func (p *Pool) invalidate(r *record) {
	if int64(r.opened) >= p.invalidBefore.Load() {
		p.invalidBefore.Store(int64(time.Since(p.created)))
	}
}

// replace closes r and keeps its place for another connection.
func (p *Pool) replace(s *Scope, r *record, reason CloseReason) (claimed bool) {
	p.mu.Lock()
	p.closing++
	p.mu.Unlock()
	p.closeRecord(r, reason, s.observer)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing--
	return p.claimLocked()
}

// replaceBeside is replace for when the server does not answer: while another
// connection is idle, which is as suspect, r is closed apart from the caller.
// Otherwise one caller would wait out closeGrace for all of them, one by one.
// The idle connection's place is r's now, and the caller's is for the other.
func (p *Pool) replaceBeside(r *record, reason CloseReason) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle <= 0 {
		return false
	}
	p.taken++
	p.closing++
	p.claimLocked()
	p.background.Go(func() { p.closeAndFree(r, reason, p.observer) })
	return true
}
