package pool

import "time"

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
	return encoding == "UTF8" || encoding == "" || c.roundTrip(nil, p.config.ConnectTimeout, "SET client_encoding TO 'UTF8'") == nil
}

// endTransaction ends a transaction for no scope. It is false if the server does
// not answer.
func (p *Pool) endTransaction(c *connection, sql string) bool {
	c.implicit = false
	_ = c.roundTrip(nil, p.config.ConnectTimeout, sql) // a COMMIT may fail: it is over all the same
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
