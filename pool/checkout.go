package pool

import (
	"errors"
	"time"
)

// checkout is a connection that was checked out for a call.
type checkout struct {
	*connection
	placed time.Time // since when its place is taken
	at     time.Time // when the call got it
}

// acquire checks out a connection for a call in scope s. Every checkout that
// was not interrupted is observed once. caller says where it was called.
func (p *Pool) acquire(s *Scope, caller func() string) (checkout, error) {
	start := time.Now()
	g := p.place(s, start, caller)
	asks := p.config.PoolPrePing || g.connection != nil && g.connection.doubted
	c, err := p.occupy(s, g)
	now := g.at // for who waited, unless more than looking at the connection was to do
	if now.Equal(start) || asks || err != nil || c != g.connection {
		now = time.Now()
	}
	if !errors.Is(err, ErrInterrupted) {
		s.observer.Acquired(now, now.Sub(start), err)
	}
	return checkout{c, g.at, now}, err
}

// occupy gets a connection for a place: the one that came with it if that is
// still good, else a new one. A stale one is replaced alone, as in QueuePool:
// others are looked at when they are checked out.
func (p *Pool) occupy(s *Scope, g grant) (*connection, error) {
	if g.err != nil {
		return nil, g.err
	}
	c := g.connection
	if c != nil {
		reason, err := p.check(s, c, g.at)
		if err != nil {
			p.giveBack(c, s.observer)
			return nil, err
		}
		if reason != "" {
			p.closeForNew(c, reason, s.observer)
			c = nil
		}
	}
	if c == nil {
		var err error
		if c, err = p.open(s, g.slot); err != nil {
			return nil, err
		}
		c.fresh = false
	}
	p.acquires.Add(1)
	return c, nil
}

// place takes a place in the pool, waiting for one if need be. With it comes a
// connection: an idle one, or one that another caller has just returned. A
// place without one is for the caller to open one.
func (p *Pool) place(s *Scope, start time.Time, caller func() string) grant {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return grant{err: p.errClosed()}
	}
	if p.taken < p.config.MaxConns() {
		p.taken++
		p.levelChangedLocked()
		c, slot := p.idle.take(p.config.PoolUseLIFO)
		if c == nil {
			p.opening++
		}
		p.mu.Unlock()
		s.nested(p, caller, false)
		return grant{connection: c, slot: slot, at: start}
	}
	if p.config.PoolTimeout <= 0 {
		err := p.timeoutLocked(start)
		p.mu.Unlock()
		s.nested(p, caller, true)
		return grant{err: err}
	}
	w := waiterPool.Get().(*waiter)
	w.ctx, w.since = s.ctx, start
	p.waiters.push(w)
	p.counts.PeakWaiting = max(p.counts.PeakWaiting, p.waiters.len())
	p.watchTimeoutLocked(w)
	p.mu.Unlock()
	s.nested(p, caller, true)
	g := <-w.ready // a connection, a place, a timeout or an interruption
	g.at = time.Now()
	w.ctx = nil
	waiterPool.Put(w)
	return g
}

// check decides whether c may be handed out. It must be replaced, for the reason
// returned, when it is too old, when a connection opened later was found dead,
// or when it does not answer a ping. A brand-new one needs no check. at is when
// the checkout got its place, about.
func (p *Pool) check(s *Scope, c *connection, at time.Time) (CloseReason, error) {
	if c.fresh {
		c.fresh = false
		return "", nil
	}
	// Of 0 each is too old, also one that was opened and returned since at.
	if limit := p.config.PoolRecycle; limit == 0 || limit > 0 && at.Sub(p.created)-c.opened > limit {
		return CloseRecycle, nil
	}
	if int64(c.opened) < p.invalidBefore.Load() {
		return CloseRecycle, nil
	}
	if c.doubted && !c.meetsAttributes(p.connConfig, p.config.ConnectTimeout) {
		p.invalidate(c)
		return CloseRecycle, nil
	}
	if !p.config.PoolPrePing {
		return "", nil
	}
	err := c.ping(s, at, p.config.ConnectTimeout, &p.traffic)
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, ErrInterrupted):
		return "", err
	}
	p.invalidate(c)
	return CloseLost, nil
}

// invalidate makes all connections opened before now suspect, because c was
// found dead. One from before the last invalidation tells nothing new.
func (p *Pool) invalidate(c *connection) {
	if int64(c.opened) >= p.invalidBefore.Load() {
		p.invalidBefore.Store(int64(time.Since(p.created)))
	}
}

// closeForNew closes c, whose place the caller keeps in order to open another.
func (p *Pool) closeForNew(c *connection, reason CloseReason, o Observer) {
	p.mu.Lock()
	p.closing++
	p.mu.Unlock()
	p.closeConnection(c, reason, o)
	p.mu.Lock()
	p.closing--
	p.opening++
	p.mu.Unlock()
}

// giveBack returns a connection: its transaction is ended if one is open, then
// it goes to the caller that has waited longest, stays as an idle one while
// fewer than poolSize are idle, or is closed. It returns when that is done.
func (p *Pool) giveBack(c *connection, o Observer) {
	reason := CloseReason("")
	c.opening = opening{} // of a BEGIN that was never sent there is nothing to end
	if c.pgx.IsClosed() || !p.reset(c) || !p.resetEncoding(c) {
		reason = CloseLost
	}
	p.mu.Lock()
	if reason == "" {
		if reason = p.keepLocked(c); reason == "" {
			p.mu.Unlock()
			return
		}
	}
	p.closing++
	p.mu.Unlock()
	p.closeConnection(c, reason, o)
	p.mu.Lock()
	p.closing--
	p.freePlaceLocked(reason == CloseLost)
	p.mu.Unlock()
}

// reset ends a transaction that is open or has failed, within connectTimeout and
// for no scope: the connection has to be clean even if its user was cut off. It
// is false if the server does not answer.
func (p *Pool) reset(c *connection) bool {
	sql := rollback
	switch {
	case !c.inTransaction():
		return true
	case c.inImplicit():
		if !c.failed() {
			sql = commit // statements that only read, and what their functions did
		}
	case p.config.ResetOnReturn == ResetNone:
		return true
	case p.config.ResetOnReturn == ResetCommit:
		sql = commit
	}
	if p.endTransaction(c, sql) {
		return true
	}
	p.invalidate(c)
	return false
}

// resetEncoding takes back what a user did to the session and nobody could work
// with. It is false if the server does not.
func (p *Pool) resetEncoding(c *connection) bool {
	encoding := c.pgx.PgConn().ParameterStatus("client_encoding")
	return encoding == "UTF8" || encoding == "" || c.roundTrip(p.config.ConnectTimeout, "SET client_encoding TO 'UTF8'") == nil
}

// endTransaction ends a transaction for no scope. It is false if the server does
// not answer.
func (p *Pool) endTransaction(c *connection, sql string) bool {
	c.implicit = false
	_ = c.roundTrip(p.config.ConnectTimeout, sql) // a COMMIT may fail: it is over all the same
	return !c.pgx.IsClosed() && !c.inTransaction()
}

// keepLocked hands c to a waiter or puts it among the idle ones. Otherwise it
// gives the reason for which c has to be closed.
func (p *Pool) keepLocked(c *connection) CloseReason {
	if p.closed {
		return CloseExplicit
	}
	if w := p.waiters.pop(); w != nil {
		w.ready <- grant{connection: c, slot: true}
		return ""
	}
	if !p.idle.put(c) {
		return CloseOverflow
	}
	// A connection that was opened for a caller who was cut off has never been
	// handed out. It is idle now and has to be pinged like any other.
	c.fresh = false
	p.taken--
	p.levelChangedLocked()
	return ""
}

// freePlaceLocked gives a place without a connection to the first in line, or
// back to the pool: with slot, to the idle list.
func (p *Pool) freePlaceLocked(slot bool) {
	if w := p.waiters.pop(); w != nil {
		p.opening++
		w.ready <- grant{slot: slot}
		return
	}
	if slot && !p.closed {
		p.idle.put(nil) // where there is no room QueuePool forgets it too
	}
	p.taken--
	p.levelChangedLocked()
	p.endIfDrainedLocked()
}

// closeConnection closes c for the reason given and counts it. The caller holds
// the place and has counted it as closing.
func (p *Pool) closeConnection(c *connection, reason CloseReason, o Observer) {
	c.close()
	p.mu.Lock()
	delete(p.connections, c)
	p.counts.Total--
	switch reason {
	case CloseRecycle:
		p.counts.Recycled++
	case CloseLost:
		p.counts.Lost++
	case CloseOverflow:
		p.counts.Discarded++
	case CloseExplicit:
	}
	p.mu.Unlock()
	if !p.ending.Load() {
		o.Closed(time.Now(), reason)
	}
}
