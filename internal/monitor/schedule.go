package monitor

import (
	"math/rand/v2"
	"time"
)

// A Schedule says when to sample. On a fixed grid, a load whose period is the
// grid's interval is seen at one point of its period only, and the answer
// depends on the moment of the start. Moments at random see time averages
// (PASTA: Wolff, Operations Research 30, 1982); one in each interval keeps
// their number.
type Schedule struct {
	interval time.Duration
	random   func() float64 // 0 to 1
	last     time.Duration  // the sample before
}

// NewSchedule begins with a sample at once.
func NewSchedule(interval time.Duration) *Schedule {
	return &Schedule{interval: interval, random: rand.Float64} // #nosec G404 -- no secret
}

// shortestGap between two samples, as a part of the interval: what is computed
// from two of them, such as the CPU, needs some time between.
const shortestGap = 0.1

// Next is of the interval in which elapsed lies, all counted from the start: the
// sample's moment, and the interval's end, when to show it. An interval that
// has passed while a sample was waited for is left out.
func (s *Schedule) Next(elapsed time.Duration) (sample, shown time.Duration) {
	begin := elapsed.Truncate(s.interval)
	sample = begin + time.Duration(s.random()*float64(s.interval))
	sample = max(sample, s.last+time.Duration(shortestGap*float64(s.interval)))
	s.last = max(sample, elapsed)
	return sample, begin + s.interval
}
