package module

// turns keeps what a script asks of one connection in the order in which it
// asks: the statement of a Promise runs on a goroutine of its own, and those
// come in any order. It belongs to the VU's goroutine. nil keeps no order.
type turns struct {
	last chan struct{} // closed when the turn taken last is over; nil without one
}

// turn is one statement's place in the order. Its methods may be called on any
// goroutine.
type turn struct {
	before <-chan struct{}
	over   chan struct{}
}

// take gives the next place.
func (t *turns) take() turn {
	if t == nil {
		return turn{}
	}
	own := turn{before: t.last, over: make(chan struct{})}
	t.last = own.over
	return own
}

// wait comes back when all that was asked so far is over.
func (t *turns) wait() {
	if t.last != nil {
		<-t.last
		t.last = nil
	}
}

// begin waits for the turn before.
func (t turn) begin() {
	if t.before != nil {
		<-t.before
	}
}

func (t turn) end() {
	if t.over != nil {
		close(t.over)
	}
}
