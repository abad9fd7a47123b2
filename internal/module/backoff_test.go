package module

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Full jitter: anything up to the bound, which doubles up to the longest.
func TestBackoffIsSpreadOverAllOfItsBound(t *testing.T) {
	for attempt, bound := range map[int]time.Duration{0: 100, 1: 200, 3: 800, 4: 1000, 99: 1000} {
		least, most := time.Hour, time.Duration(0)
		for range 2000 { // that none falls into a tenth has a chance of 1e-91
			pause := backoff(attempt, 100, 1000)
			least, most = min(least, pause), max(most, pause)
		}
		require.LessOrEqual(t, most, bound)
		require.Greater(t, most, bound*9/10)
		require.Less(t, least, bound/10)
	}
	require.Zero(t, backoff(5, 0, time.Second))
	require.LessOrEqual(t, backoff(99, longestBackoff, longestBackoff), longestBackoff)
}
