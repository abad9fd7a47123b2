package module

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Work that comes one after the other has one goroutine, as many as come at once have
// one each, and of those no more than mostIdle stay. None is left at the end.
func TestWorkersStayForTheNextPromise(t *testing.T) {
	before := runtime.NumGoroutine()
	var w workers
	alone := func() {
		done := make(chan struct{})
		w.do(func() { close(done) })
		<-done
	}
	idle := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.idle)
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Microsecond) {
			require.True(t, time.Now().Before(end), what)
		}
	}
	for range 100 {
		alone()
		until("one waits", func() bool { return idle() == 1 })
	}
	var at sync.WaitGroup
	all := make(chan struct{})
	const many = 2 * mostIdle
	at.Add(many)
	for range many {
		w.do(func() {
			at.Done()
			<-all
		})
	}
	at.Wait() // nobody waits for another's goroutine
	close(all)
	until("no more than mostIdle stay", func() bool { return idle() == mostIdle && runtime.NumGoroutine() <= before+mostIdle })
	busy := make(chan struct{})
	w.do(func() { <-busy })
	w.end()
	alone() // what comes late runs too
	close(busy)
	until("all have gone", func() bool { return runtime.NumGoroutine() <= before })
	require.Zero(t, idle())
}
