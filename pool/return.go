package pool

import "time"

// giveBack returns a connection: its transaction is rolled back if one is open,
// then it goes to the caller that has waited longest, stays as an idle one
// while fewer than poolSize are idle, or is closed. It returns when that is
// done.
func (p *Pool) giveBack(r *record, o Observer) {
	reason := CloseReason("")
	if r.conn.IsClosed() {
		reason = CloseLost
	} else if r.inTransaction() && r.rollback(p.config.ConnectTimeout) != nil {
		p.invalidate(r)
		reason = CloseLost
	}
	p.mu.Lock()
	if reason == "" {
		if reason = p.keepLocked(r); reason == "" {
			p.mu.Unlock()
			return
		}
	}
	p.closing++
	p.mu.Unlock()
	p.closeAndFree(r, reason, o)
}

// closeAndFree closes r, which the caller has counted as closing, and frees its
// place.
func (p *Pool) closeAndFree(r *record, reason CloseReason, o Observer) {
	p.closeRecord(r, reason, o)
	p.mu.Lock()
	p.closing--
	p.freePlaceLocked()
	p.mu.Unlock()
}

// keepLocked hands r to a waiter or puts it among the idle ones. Otherwise it
// gives the reason for which r has to be closed.
func (p *Pool) keepLocked(r *record) CloseReason {
	if p.closed {
		return CloseExplicit
	}
	if w := p.waiters.pop(); w != nil {
		w.ready <- grant{record: r}
		return ""
	}
	if p.idle.len() >= p.config.PoolSize {
		return CloseOverflow
	}
	// A connection that was opened for a caller who was cut off has never been
	// handed out. It is idle now and has to be pinged like any other.
	r.fresh = false
	p.idle.put(r)
	p.taken--
	return ""
}

// freePlaceLocked gives a place without a connection to the first in line, or
// back to the pool.
func (p *Pool) freePlaceLocked() {
	if w := p.waiters.pop(); w != nil {
		w.ready <- grant{record: p.takeIdleLocked()}
		return
	}
	p.taken--
	p.endIfDrainedLocked()
}

// closeRecord closes r for the reason given and counts it. The caller holds
// the place and has counted it as closing.
func (p *Pool) closeRecord(r *record, reason CloseReason, o Observer) {
	r.close()
	p.mu.Lock()
	delete(p.records, r)
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
