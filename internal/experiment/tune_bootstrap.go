package experiment

import (
	"math"
	"math/rand/v2"
	"slices"
)

// resamples is how often the rounds are drawn again.
const resamples = 2000

// confidenceOf is how sure a recommendation is.
type confidenceOf struct {
	low, high int     // connections
	agreement float64 // share of resamples that recommend the same pool
}

// bootstrap says between which of the measured sizes the recommendation moves
// when the noise is drawn again: every pool's mean, and for every round one of
// all residuals at random (p95 and throughput of the same step together, scaled
// up for the degrees of freedom that the means took). Then the knee is looked
// for as before. The interval is from the 2.5th to the 97.5th percentile of the
// pools found, in connections. ok is false with a single round or pool, which
// show no noise.
//
// Source: A. C. Davison and D. V. Hinkley, Bootstrap Methods and their
// Application (1997), section 6.2.3: resampling of residuals, of rounds there
// are too few to resample.
func (k knee) bootstrap(seed uint64) (c confidenceOf, ok bool) {
	if k.p95.freedom == 0 {
		return c, false
	}
	random := rand.New(rand.NewPCG(seed, math.MaxUint64)) // #nosec G404 -- no secret
	rows, columns := len(k.sound), len(k.p95.residuals[0])
	scale := math.Sqrt(float64(rows*columns) / float64(k.p95.freedom))
	found := make([]int, resamples)
	same := 0
	p95s, served := make([]float64, rows), make([]float64, rows)
	for b := range found {
		for i := range rows {
			var noise95, noiseServed float64
			for range columns {
				row, column := random.IntN(rows), random.IntN(columns)
				noise95 += k.p95.residuals[row][column]
				noiseServed += k.served.residuals[row][column]
			}
			p95s[i] = k.p95.means[i] + scale*noise95/float64(columns)
			served[i] = k.served.means[i] + scale*noiseServed/float64(columns)
		}
		chosen := slices.Index(k.good(p95s, served), true)
		found[b] = k.sound[chosen].connections()
		if chosen == k.chosen {
			same++
		}
	}
	slices.Sort(found)
	const tail = (1 - confidence) / 2
	return confidenceOf{
		low:  found[int(tail*resamples)],
		high: found[int((1-tail)*resamples)-1],
		// The interval holds the recommendation itself even where noise leans to
		// one side.
		agreement: float64(same) / resamples,
	}.including(k.sound[k.chosen].connections()), true
}

func (c confidenceOf) including(connections int) confidenceOf {
	c.low, c.high = min(c.low, connections), max(c.high, connections)
	return c
}
