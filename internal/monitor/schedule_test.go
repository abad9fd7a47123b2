package monitor

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A load that is on for 30 % of a period, watched by samples at the schedule's
// moments from each tenth of the period on: a grid would see 0 or 100 %.
func TestSamplesSeeAPeriodicLoadWheneverTheyStart(t *testing.T) {
	const interval, on, samples = 5 * time.Second, 0.3, 1000
	for _, period := range []time.Duration{interval, interval / 2, interval / 5, 2 * interval} {
		for tenth := range 10 {
			t.Run(fmt.Sprintf("%s/%d", period, tenth), func(t *testing.T) {
				s := NewSchedule(interval)
				s.random = rand.New(rand.NewPCG(14, uint64(tenth))).Float64
				begin := period * time.Duration(tenth) / 10
				busy, now, last := 0, time.Duration(0), time.Duration(0)
				for n := range samples {
					sample, shown := s.Next(now)
					require.Equal(t, time.Duration(n+1)*interval, shown, "what is shown keeps the interval")
					require.GreaterOrEqual(t, sample-last, interval/10)
					last = sample
					if (begin+sample)%period < time.Duration(on*float64(period)) {
						busy++
					}
					now = shown
				}
				require.InDelta(t, on, float64(busy)/samples, 0.05)
			})
		}
	}
}

// A sample that takes longer than its interval makes the next ones late, not
// more frequent.
func TestScheduleLeavesOutWhatHasPassed(t *testing.T) {
	s := NewSchedule(time.Second)
	s.random = func() float64 { return 0.25 }
	sample, shown := s.Next(3100 * time.Millisecond)
	require.Equal(t, 3250*time.Millisecond, sample)
	require.Equal(t, 4*time.Second, shown)
}
