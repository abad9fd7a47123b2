package pool

// idleList holds the connections that are open and free, in the order of their
// return. The pool's lock guards it. It never holds more than poolSize.
type idleList struct {
	ring  []*record // of fixed length: poolSize
	first int       // where the connection stands that has been idle longest
	n     int
}

func newIdleList(size int) idleList { return idleList{ring: make([]*record, size)} }

func (l *idleList) len() int { return l.n }

// put adds a connection as the one returned last. There must be room.
func (l *idleList) put(r *record) {
	l.ring[(l.first+l.n)%len(l.ring)] = r
	l.n++
}

// takeOldest takes the connection that has been idle longest, nil if none is.
func (l *idleList) takeOldest() *record {
	if l.n == 0 {
		return nil
	}
	r := l.ring[l.first]
	l.ring[l.first] = nil
	l.first = (l.first + 1) % len(l.ring)
	l.n--
	return r
}

// takeNewest takes the connection that was returned last, nil if none is idle.
func (l *idleList) takeNewest() *record {
	if l.n == 0 {
		return nil
	}
	l.n--
	last := (l.first + l.n) % len(l.ring)
	r := l.ring[last]
	l.ring[last] = nil
	return r
}
