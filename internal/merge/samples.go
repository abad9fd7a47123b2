package merge

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// sampledLevels are one pool's levels, all runners together: by level, for how
// many moments it was that.
type sampledLevels struct {
	size            int // configured poolSize, of all runners
	active, waiting []float64
}

// addByClock adds levels where they were at the same moment: window by window of
// the wall clock, on the grid of the runner with the longest windows. Runners that
// are full together are not independent of each other. Only within a window any
// sample of one may have met any of another: there the chances of their sum are
// the convolution of theirs. A runner that has no sample in a window between
// others has the levels of the one before.
func addByClock(runners []timeline.LevelSeries) (moments []float64) {
	var width time.Duration
	for _, r := range runners {
		width = max(width, r.Window)
	}
	var windows []chances
	var samples []float64
	begin := earliest(runners, width)
	for _, r := range runners {
		r = r.On(width)
		offset := int(r.Start.Sub(begin) / width)
		var here timeline.Samples
		for i, seen := range r.Windows {
			if len(seen) > 0 {
				here = seen
			}
			for len(windows) <= offset+i {
				windows, samples = append(windows, chances{1}), append(samples, 0)
			}
			windows[offset+i] = windows[offset+i].plus(chancesOf(here))
			samples[offset+i] = math.Max(samples[offset+i], countOf(seen))
		}
	}
	for i, c := range windows {
		for len(moments) < len(c) {
			moments = append(moments, 0)
		}
		for level, p := range c {
			moments[level] += p * samples[i]
		}
	}
	return moments
}

func earliest(runners []timeline.LevelSeries, width time.Duration) (begin time.Time) {
	for _, r := range runners {
		if start := r.On(width).Start; begin.IsZero() || start.Before(begin) {
			begin = start
		}
	}
	return begin
}

func countOf(samples timeline.Samples) (n float64) {
	for _, a := range samples {
		n += float64(a.Samples)
	}
	return n
}

// fineOf are a runner's levels of a pool; of a file of an older version in the
// windows that it has.
func fineOf(r *timeline.Recording, pool string) timeline.Fine {
	if fine, ok := r.Fine[pool]; ok {
		return fine
	}
	window := time.Duration(r.Window * float64(time.Second))
	series := timeline.LevelSeries{Start: r.Start, Window: window}
	fine := timeline.Fine{Active: series, Waiting: series}
	for _, l := range r.Levels[pool] {
		index := int(l.At/r.Window + 0.5)
		fine.Active.Windows = samplesAt(fine.Active.Windows, index, l.ActiveSamples())
		fine.Waiting.Windows = samplesAt(fine.Waiting.Windows, index, l.WaitingSamples())
	}
	return fine
}

func samplesAt(windows []timeline.Samples, index int, at map[int]int64) []timeline.Samples {
	for len(windows) <= index {
		windows = append(windows, nil)
	}
	for level, n := range at {
		windows[index].Add(int64(level), n)
	}
	return windows
}

// chances are how likely each level is, by level. They add up to 1.
type chances []float64

func chancesOf(samples timeline.Samples) chances {
	if len(samples) == 0 {
		return chances{1}
	}
	all := int64(0)
	for _, a := range samples {
		all += a.Samples
	}
	c := make(chances, samples[len(samples)-1].Level+1)
	for _, a := range samples {
		c[a.Level] = float64(a.Samples) / float64(all)
	}
	return c
}

// plus are the chances of the sum of two independent levels.
func (c chances) plus(other chances) chances {
	sum := make(chances, len(c)+len(other)-1)
	for a, p := range c {
		if p == 0 {
			continue
		}
		for b, q := range other {
			sum[a+b] += p * q
		}
	}
	return sum
}

// weighted are values, and how often each was there.
type weighted map[float64]float64

// figures are k6's of a Trend; empty where there are no values.
func (w weighted) figures() map[string]float64 {
	values := slices.Sorted(maps.Keys(w))
	count, sum := 0.0, 0.0
	for _, value := range values {
		count += w[value]
		sum += value * w[value]
	}
	if count == 0 {
		return map[string]float64{}
	}
	quantile := func(q float64) float64 {
		below := 0.0
		for _, value := range values {
			// What was added up in another order may be a little less.
			if below += w[value]; below >= q*count*(1-1e-9) {
				return value
			}
		}
		return values[len(values)-1]
	}
	return map[string]float64{
		"count": math.Round(count), "avg": sum / count, "min": values[0], "max": values[len(values)-1],
		"med": quantile(0.5), "p(90)": quantile(0.9), "p(95)": quantile(0.95), "p(99)": quantile(0.99),
	}
}
