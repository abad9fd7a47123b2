package pool

import (
	"sync"
	"time"
)

// leakWatch reports connections that are held longer than a threshold, each
// once. It exists only where the threshold is set.
type leakWatch struct {
	threshold time.Duration

	mu   sync.Mutex
	held map[*Conn]bool // true: reported
}

func newLeakWatch(threshold time.Duration) *leakWatch {
	return &leakWatch{threshold: threshold, held: make(map[*Conn]bool)}
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

// run looks four times per threshold, so that a report is at most a quarter
// late, until ended is closed.
func (w *leakWatch) run(ended <-chan struct{}) {
	tick := time.NewTicker(max(w.threshold/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.report()
		case <-ended:
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
