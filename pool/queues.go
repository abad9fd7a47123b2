package pool

import (
	"context"
	"sync"
	"time"
)

// grant is what a checkout gets: a place with a connection, a place in which to
// open one (nil), or an error.
type grant struct {
	connection *connection
	// slot: the place is one of the idle list's, to which it goes back if no
	// connection can be opened in it.
	slot bool
	at   time.Time // when the place was taken
	err  error
}

// waiter is one caller in the queue. Who takes it out of the queue, under the
// pool's lock, must send it exactly one grant: the caller then has nothing else
// to select on, and no grant can be lost. Waiters are reused: under overload
// every checkout needs one.
type waiter struct {
	ready      chan grant // capacity 1: the giver never blocks
	ctx        context.Context
	since      time.Time
	prev, next *waiter
}

var waiterPool = sync.Pool{New: func() any { return &waiter{ready: make(chan grant, 1)} }}

// waiterQueue is a queue in order of arrival, with removal from the middle in
// constant time for waiters that are cut off. The pool's lock guards it.
type waiterQueue struct {
	first, last *waiter
	n           int
	unchecked   *waiter // where interruptWaiters goes on; nil: at the first
}

func (q *waiterQueue) len() int { return q.n }

func (q *waiterQueue) push(w *waiter) {
	w.prev, w.next = q.last, nil
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	q.n++
}

// pop takes out the one who came first; nil if there is none.
func (q *waiterQueue) pop() *waiter {
	w := q.first
	if w != nil {
		q.remove(w)
	}
	return w
}

func (q *waiterQueue) remove(w *waiter) {
	if q.unchecked == w {
		q.unchecked = w.next
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.prev, w.next = nil, nil
	q.n--
}

// watchTimeoutLocked makes sure that w, the last in line, times out. All wait
// for the same time and in order of arrival, so the first in line is always the
// next to time out: one timer serves the pool, and it is set again only when it
// has fired.
func (p *Pool) watchTimeoutLocked(w *waiter) {
	if p.timing {
		return // for a waiter before w; expire sets it for the next
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

// idleList holds what the next checkouts get, in the order of return: the
// connections that are open and free, and slots whose connection is gone. As in
// SQLAlchemy's QueuePool, which keeps the record of an invalidated connection, a
// slot counts towards poolSize, and the checkout that gets it opens a
// connection. The pool's lock guards the list.
type idleList struct {
	ring  []*connection // of fixed length, poolSize; nil is a slot without connection
	first int           // the one that has been idle longest
	n     int
	open  int // entries with a connection
}

func newIdleList(size int) idleList { return idleList{ring: make([]*connection, size)} }

// put adds c as the one returned last. It is false, and nothing is added, where
// the list is full.
func (l *idleList) put(c *connection) bool {
	if l.n == len(l.ring) {
		return false
	}
	l.ring[(l.first+l.n)%len(l.ring)] = c
	l.n++
	if c != nil {
		l.open++
	}
	return true
}

// take takes the one returned last (newest) or the one that has been idle
// longest. ok is false where the list is empty.
func (l *idleList) take(newest bool) (c *connection, ok bool) {
	if l.n == 0 {
		return nil, false
	}
	at := l.first
	if newest {
		at = (l.first + l.n - 1) % len(l.ring)
	} else {
		l.first = (l.first + 1) % len(l.ring)
	}
	l.n--
	c, l.ring[at] = l.ring[at], nil
	if c != nil {
		l.open--
	}
	return c, true
}
