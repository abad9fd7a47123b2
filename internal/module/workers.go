package module

import "sync"

// workers run what Promises wait for. A new goroutine for each would have to grow its
// stack each time, below all the calls that lead to the socket: 4 % of the CPU of a
// query (docs/performance.md). The zero value is ready; end must be called once.
type workers struct {
	mu    sync.Mutex
	idle  []chan func() // of goroutines that wait for work, each of capacity 1
	ended bool
}

// mostIdle bounds what is kept for the next Promises: 16 KiB of stack each.
const mostIdle = 256

// do runs work on a goroutine beside the caller's.
func (w *workers) do(work func()) {
	w.mu.Lock()
	n := len(w.idle)
	if n == 0 {
		w.mu.Unlock()
		go w.work(work)
		return
	}
	next := w.idle[n-1] // its stack was in use last
	w.idle = w.idle[:n-1]
	w.mu.Unlock()
	next <- work
}

func (w *workers) work(do func()) {
	next := make(chan func(), 1)
	for do != nil {
		do()
		if !w.wait(next) {
			return
		}
		do = <-next
	}
}

// wait lines up for more work, and tells whether there may be any.
func (w *workers) wait(next chan func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || len(w.idle) == mostIdle {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}

// end lets those that wait go; the others go when they have done their work.
func (w *workers) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for _, next := range w.idle {
		next <- nil
	}
	w.idle = nil
}
