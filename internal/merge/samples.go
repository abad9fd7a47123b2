package merge

import (
	"maps"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// sampledLevels are one pool's levels, all runners together: by level, at how
// many of the samples it was that.
type sampledLevels struct {
	size            int // configured poolSize, of all runners
	active, waiting []float64
}

// add counts a window of which every runner has its own levels. Their samples
// were not taken at the same moments, so any of one may have met any of another:
// what all had together is the convolution of what each had, which it gives.
func (s *sampledLevels) add(runners []timeline.Level) (active, waiting chances) {
	samples, there := 0.0, 0.0
	active, waiting = chances{1}, chances{1}
	for _, l := range runners {
		if l.Samples > 0 {
			samples, there = samples+float64(l.Samples), there+1
		}
		active = active.plus(chancesOf(l.ActiveSamples()))
		waiting = waiting.plus(chancesOf(l.WaitingSamples()))
	}
	moments := samples / math.Max(1, there) // each runner's clock ticks on its own
	s.active = active.addTo(s.active, moments)
	s.waiting = waiting.addTo(s.waiting, moments)
	return active, waiting
}

// chances are how likely each level is, by level. They add up to 1.
type chances []float64

func chancesOf(at map[int]int64) chances {
	samples, top := int64(0), 0
	for level, n := range at {
		samples, top = samples+n, max(top, level)
	}
	c := make(chances, top+1)
	for level, n := range at {
		c[level] = float64(n) / float64(samples)
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

// samples deals out so many samples by the chances, each level's rounded with
// those below it so that none gets lost.
func (c chances) samples(n int64) map[int]int64 {
	at, below, dealt := make(map[int]int64), 0.0, int64(0)
	for level, p := range c {
		below += p
		if until := int64(math.Round(below * float64(n))); until > dealt {
			at[level] = until - dealt
			dealt = until
		}
	}
	return at
}

// addTo adds so many samples to the counts by level.
func (c chances) addTo(counts []float64, samples float64) []float64 {
	for len(counts) < len(c) {
		counts = append(counts, 0)
	}
	for level, p := range c {
		counts[level] += samples * p
	}
	return counts
}

// foldSamples adds a window's samples to those of the windows before it.
func foldSamples(sum, at map[int]int64) map[int]int64 {
	if sum == nil {
		sum = make(map[int]int64)
	}
	for level, n := range at {
		sum[level] += n
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
