package pool

import "time"

// interruptInterval is how long a statement may go on after its scope was cut
// off or its time was up, before it is cancelled.
const interruptInterval = 20 * time.Millisecond

// interrupter cancels statements, and ends waits, whose scope was cut off, and
// statements whose server has fallen silent. It looks at the connections and
// the queue from time to time, where pgx would start a goroutine to watch the
// context of every statement, for something that happens once a test.
type interrupter struct {
	quit, done chan struct{}
}

func startInterrupter(p *Pool) *interrupter {
	i := &interrupter{quit: make(chan struct{}), done: make(chan struct{})}
	go i.run(p)
	return i
}

func (i *interrupter) run(p *Pool) {
	defer close(i.done)
	tick := time.NewTicker(interruptInterval)
	defer tick.Stop()
	var open []*record
	limit := p.config.silenceLimit
	for {
		select {
		case now := <-tick.C:
			open = p.openRecords(open[:0])
			for _, r := range open {
				r.flight.look(now, r.transport.heard.Load(), limit)
			}
			clear(open)
			p.interruptWaiters()
		case <-i.quit:
			return
		}
	}
}

func (i *interrupter) stop() {
	close(i.quit)
	<-i.done
}

func (p *Pool) interruptWaiters() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := p.waiters.first; w != nil; {
		next := w.next
		if w.ctx.Err() != nil {
			p.waiters.remove(w)
			w.ready <- grant{err: ErrInterrupted}
		}
		w = next
	}
}

func (p *Pool) openRecords(into []*record) []*record {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.records {
		into = append(into, r)
	}
	return into
}
