package testrun_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// settled are this process's goroutines and its heap once they grow no more.
func settled(most int) (goroutines int, heap uint64) {
	var memory runtime.MemStats
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		goroutines = runtime.NumGoroutine()
		if goroutines <= most || time.Now().After(deadline) {
			break
		}
	}
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	runtime.ReadMemStats(&memory)
	return goroutines, memory.HeapAlloc
}

// A script that opens a pool for each iteration and closes it leaves neither a
// sampler nor a reader of the CPU behind, used or not, and no more memory than a
// pool's configuration.
func TestOpenedAndClosedPoolsLeaveNothing(t *testing.T) {
	u := jstest.Running(t, `{ name: 'kept', poolSize: 1, statusInterval: 0 }`)
	u.JS(`
		pool.query('SELECT 1');
		function cycle(from, to, used) {
			for (let i = from; i < to; i++) {
				const one = open(URL, { name: 'p' + i, poolSize: 1, maxOverflow: 0, statusInterval: 0 });
				if (used && i % 2) one.query('SELECT 1');
				one.close();
			}
		}
		cycle(0, 50, true)`)
	before, heapBefore := settled(runtime.NumGoroutine())
	const pools = 10_000
	u.JS(`cycle(50, 150, true); cycle(150, 10050, false)`)
	after, heapAfter := settled(before)
	require.LessOrEqual(t, after, before)
	grown := int64(heapAfter) - int64(heapBefore) // #nosec G115 -- a heap
	require.Less(t, grown/pools, int64(20<<10), "bytes of each closed pool")
	t.Logf("%d goroutines before, %d after; %d bytes of each pool", before, after, grown/pools)
}
