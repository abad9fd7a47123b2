package upstream

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"
)

const mebibyte = 1 << 20

// settledMemory is what is held after the collector has seen all: the profile
// is two collections behind.
func settledMemory() float64 {
	for range 3 {
		runtime.GC()
	}
	return float64(MemoryWithoutTrends())
}

func TestMemoryIsWhatIsHeldWithoutTrends(t *testing.T) {
	before := settledMemory()
	require.Positive(t, before)

	trend := metrics.NewTrendSink()
	for range 8 * mebibyte { // 64 MiB and more, as a long run has
		trend.Add(metrics.Sample{Time: time.Time{}, Value: 1})
	}
	require.InDelta(t, before, settledMemory(), 8*mebibyte, "k6 keeps a Trend's values, and that is no leak")

	kept := make([]byte, 32*mebibyte)
	require.InDelta(t, before+32*mebibyte, settledMemory(), 8*mebibyte)
	runtime.KeepAlive(kept)
	runtime.KeepAlive(trend)
	require.InDelta(t, before, settledMemory(), 8*mebibyte)
}
