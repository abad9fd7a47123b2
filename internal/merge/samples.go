package merge

import (
	"maps"
	"math"
	"math/rand/v2"
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
// sample of one may have met any of another: see [addLevelsOf]. A runner that has no
// sample in a window between others has the levels of the one before. progress
// hears how many of all windows are done.
func addByClock(runners []timeline.LevelSeries, progress func(done, all int)) (moments []float64) {
	var width time.Duration
	for _, r := range runners {
		width = max(width, r.Window)
	}
	type window struct {
		levels  []timeline.Samples // a runner's each
		samples float64
	}
	windows := make(map[int64]*window) // by their index since the Unix epoch
	for _, r := range runners {
		r = r.On(width)
		var here timeline.Samples
		for i, seen := range r.Windows {
			index := r.Start.UnixNano()/int64(width) + int64(i)
			if len(seen) > 0 {
				here = seen
			}
			if windows[index] == nil {
				windows[index] = &window{}
			}
			if w := windows[index]; len(here) > 0 {
				w.levels = append(w.levels, here)
				w.samples = math.Max(w.samples, countOf(seen))
			}
		}
	}
	for done, index := range slices.Sorted(maps.Keys(windows)) {
		w := windows[index]
		sum := addLevelsOf(w.levels, uint64(index)) // #nosec G115 -- any seed will do
		for len(moments) < sum.base+len(sum.each) {
			moments = append(moments, 0)
		}
		for i, p := range sum.each {
			moments[sum.base+i] += p * w.samples
		}
		progress(done+1, len(windows))
	}
	return moments
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

// chances are how likely each level is, from base on. They add up to 1.
type chances struct {
	base int
	each []float64
}

const (
	// mostExact is how many products of chances a window may take. A few runners'
	// levels take less; those of hundreds are drawn.
	mostExact = 1 << 14
	// draws are how many sums are drawn then in each window.
	draws = 256
)

// addLevelsOf are the chances of the sum of independent levels: the convolution
// of theirs, or, where that takes too long, a Latin hypercube sample of it (McKay,
// Beckman, Conover 1979). So the work is linear in the runners' samples.
func addLevelsOf(levels []timeline.Samples, seed uint64) chances {
	work, span := 0, 1
	for _, l := range levels {
		work += span * len(l)
		span += int(l[len(l)-1].Level - l[0].Level)
	}
	if work > mostExact {
		return drawn(levels, rand.New(rand.NewPCG(seed, draws))) // #nosec G404 -- the same files give the same values
	}
	sum := chances{each: []float64{1}}
	for _, l := range levels {
		sum = sum.plus(l)
	}
	return sum
}

// plus are the chances of the sum with an independent level.
func (c chances) plus(other timeline.Samples) chances {
	least, all := other[0].Level, countOf(other)
	sum := chances{c.base + int(least), make([]float64, len(c.each)+int(other[len(other)-1].Level-least))}
	for _, b := range other {
		q := float64(b.Samples) / all
		at := sum.each[b.Level-least:]
		for a, p := range c.each {
			at[a] += p * q
		}
	}
	return sum
}

// drawn draws from every runner's levels evenly, one of each equal part of its
// samples, and adds them in random order.
func drawn(levels []timeline.Samples, random *rand.Rand) chances {
	var sums, one [draws]int
	for _, l := range levels {
		all, shift, below, at := countOf(l), random.Float64(), float64(l[0].Samples), 0
		for i := range one {
			for at+1 < len(l) && (float64(i)+shift)/draws*all >= below {
				at++
				below += float64(l[at].Samples)
			}
			one[i] = int(l[at].Level)
		}
		random.Shuffle(draws, func(i, j int) { one[i], one[j] = one[j], one[i] })
		for i, level := range one {
			sums[i] += level
		}
	}
	least := slices.Min(sums[:])
	c := chances{least, make([]float64, slices.Max(sums[:])-least+1)}
	for _, sum := range sums {
		c.each[sum-least] += 1.0 / draws
	}
	return c
}

// weighted are values, and how often each was there.
type weighted map[float64]float64

// statistics are those of a Trend in k6; empty without a value.
func (w weighted) statistics() map[string]float64 {
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
