package pool

import (
	"sync"
	"time"
)

// leakWatch reports connections that are held longer than a threshold, each
// once. It exists only where the threshold is set.
type leakWatch struct {
	threshold time.Duration
	observer  Observer
	quit      chan struct{}
	done      chan struct{}

	mu   sync.Mutex
	held map[*Conn]bool // true: reported
}

func newLeakWatch(threshold time.Duration, observer Observer) *leakWatch {
	w := &leakWatch{
		threshold: threshold, observer: observer, held: make(map[*Conn]bool),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go w.run()
	return w
}

func (w *leakWatch) add(c *Conn) {
	w.mu.Lock()
	w.held[c] = false
	w.mu.Unlock()
}

func (w *leakWatch) remove(c *Conn) {
	w.mu.Lock()
	delete(w.held, c)
	w.mu.Unlock()
}

// run looks four times per threshold, so that a report is at most a quarter late.
func (w *leakWatch) run() {
	defer close(w.done)
	tick := time.NewTicker(max(w.threshold/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.report()
		case <-w.quit:
			return
		}
	}
}

func (w *leakWatch) report() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, reported := range w.held {
		if held := c.held(); !reported && held > w.threshold {
			w.held[c] = true
			c.observer.HeldLong(time.Now(), c.where(), held)
		}
	}
}

func (w *leakWatch) stop() {
	close(w.quit)
	<-w.done
}
