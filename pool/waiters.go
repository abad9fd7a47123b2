package pool

import (
	"context"
	"sync"
	"time"
)

// grant is what ends a wait: a place with a connection, a place in which to
// open one (nil), or an error.
type grant struct {
	record *record
	err    error
}

// waiter is one caller in the queue. Whoever takes it out of the queue, under
// the pool's lock, owes it exactly one grant: so the caller has nothing to
// select from, and nothing that was granted can be lost. Waiters are used
// again: under overload every checkout needs one.
type waiter struct {
	ready      chan grant // capacity 1: the giver never blocks
	ctx        context.Context
	since      time.Time
	prev, next *waiter
}

var waiterPool = sync.Pool{New: func() any { return &waiter{ready: make(chan grant, 1)} }}

// waiterQueue is a first-come queue with removal from the middle in constant
// time, for those who are cut off. The pool's lock guards it.
type waiterQueue struct {
	first, last *waiter
	n           int
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
