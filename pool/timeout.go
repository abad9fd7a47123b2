package pool

import "time"

// The limit is the same for all and the queue is in order of arrival, so the
// first in line is always the next to time out: one timer serves the pool, and
// it is set anew only when it has fired.

// watchTimeoutLocked sees to it that w, the last in line, times out.
func (p *Pool) watchTimeoutLocked(w *waiter) {
	if p.timing {
		return // for one who came before w; it is then set for the next
	}
	p.timing = true
	p.setTimerLocked(w.since)
}

func (p *Pool) setTimerLocked(since time.Time) {
	left := max(0, p.config.PoolTimeout-time.Since(since))
	if p.timer == nil {
		p.timer = time.AfterFunc(left, p.expire)
		return
	}
	p.timer.Reset(left)
}

// expire turns away all who have waited for poolTimeout.
func (p *Pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := p.waiters.first; w != nil; w = p.waiters.first {
		if time.Since(w.since) < p.config.PoolTimeout {
			p.setTimerLocked(w.since)
			return
		}
		p.waiters.remove(w)
		w.ready <- grant{err: p.timeoutLocked(w.since)}
	}
	p.timing = false
}

func (p *Pool) timeoutLocked(since time.Time) error {
	p.counts.Timeouts++
	return &TimeoutError{
		Pool: p.config.Name, Waited: time.Since(since), Limit: p.config.PoolTimeout,
		Stat: p.statLocked(), Opening: p.opening, Closing: p.closing,
	}
}

// stopTimer is for the end: nobody waits any more.
func (p *Pool) stopTimer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
}
