package pool

import (
	"sync"
	"time"
)

// grant is what a waiter is handed: a returned connection, or just the place
// in which to take one of the idle ones (claimed) or to open its own.
type grant struct {
	record  *record
	claimed bool // an idle connection was set aside for the receiver
	err     error
}

// waiter is one caller in the queue. Waiters are used again, timer and all:
// under overload every checkout needs one.
type waiter struct {
	ready      chan grant // capacity 1: the giver never blocks
	timer      *time.Timer
	prev, next *waiter
	queued     bool
}

var waiterPool = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &waiter{ready: make(chan grant, 1), timer: t}
}}

// waiterQueue is a first-come queue with removal from the middle in constant
// time, for those who give up. The pool's lock guards it.
type waiterQueue struct {
	first, last *waiter
	n           int
}

func (q *waiterQueue) len() int { return q.n }

func (q *waiterQueue) push(w *waiter) {
	w.prev, w.next, w.queued = q.last, nil, true
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

// remove takes w out and reports whether it was still in: if not, a grant is
// on its way to it.
func (q *waiterQueue) remove(w *waiter) bool {
	if !w.queued {
		return false
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
	w.prev, w.next, w.queued = nil, nil, false
	q.n--
	return true
}
