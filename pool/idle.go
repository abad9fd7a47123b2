package pool

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
