package upstream

import (
	"math"
	"runtime"
	"runtime/metrics"
	"strings"
)

// MemoryWithoutTrends gives the memory that the process holds, in bytes: what the
// last garbage collection left and what goroutines need, without the values that
// k6 keeps of every Trend until the end of the test. Those grow with each
// request, of whatever pool, and would hide whether anything else does.
func MemoryWithoutTrends() int64 { return max(0, heldMemory()-trendMemory()) }

// heldMemory is the live heap and the goroutines' stacks. What the collector has
// not come to yet, or not given back, is nobody's leak.
func heldMemory() int64 {
	read := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(read)
	var sum uint64
	for _, s := range read {
		sum += s.Value.Uint64()
	}
	return int64(min(sum, math.MaxInt64)) // #nosec G115 -- bounded
}

// trendSink is what keeps a Trend's values: only it can tell how much they are.
const trendSink = "go.k6.io/k6/v2/metrics.(*TrendSink)."

// trendMemory is what k6's Trends hold, by the runtime's own sampling of the
// heap, which knows who allocated what is still in use. Large slices, which
// these are, it samples without fail.
func trendMemory() (bytes int64) {
	for _, r := range memoryProfile() {
		if r.InUseBytes() > 0 && allocatedBy(r.Stack(), trendSink) {
			bytes += unsampled(r)
		}
	}
	return bytes
}

func memoryProfile() []runtime.MemProfileRecord {
	n, _ := runtime.MemProfile(nil, false)
	for {
		records := make([]runtime.MemProfileRecord, n+n/4+10) // more may come meanwhile
		var ok bool
		if n, ok = runtime.MemProfile(records, false); ok {
			return records[:n]
		}
	}
}

func allocatedBy(stack []uintptr, prefix string) bool {
	frames := runtime.CallersFrames(stack)
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, prefix) {
			return true
		}
		if !more {
			return false
		}
	}
}

// unsampled is what a record stands for: an allocation of a size is sampled with
// the probability 1 - exp(-size/rate), as in runtime/pprof.
func unsampled(r runtime.MemProfileRecord) int64 {
	size := float64(r.InUseBytes()) / float64(r.InUseObjects())
	return int64(float64(r.InUseBytes()) / (1 - math.Exp(-size/float64(runtime.MemProfileRate))))
}
