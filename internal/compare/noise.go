package compare

import (
	"math"
	"slices"
)

const (
	// MinRuns is how many runs it takes to know the noise. With fewer the
	// tolerance alone decides.
	MinRuns = 5
	// sigmas is how many standard deviations a change has to exceed.
	sigmas = 3
	// moved is how many times as large the deviation about the median is as the
	// one from each run to the next where the metric itself has moved among the
	// runs, at least movedRuns of them: noise alone seldom looks like that.
	moved     = 2
	movedRuns = 10
)

// Noise is what a metric does from run to run without any change.
type Noise struct {
	Runs   int     `json:"runs"`
	Median float64 `json:"median"`
	// Deviation is the standard deviation, estimated from the median absolute
	// deviation so that a broken night does not widen it, or from the median
	// difference between neighbours where the metric has moved among the runs.
	Deviation float64 `json:"deviation"`
	// Band is how far two runs may lie apart: 3·√2 deviations, since both of
	// them are drawn from the noise.
	Band float64 `json:"band"`
}

// newNoise estimates the noise of runs in their order, nil where there are too
// few. A step or a climb among them is no noise: taken for it, a regression that
// nobody mends would soon be within the band that it has made.
func newNoise(values []float64) *Noise {
	n := len(values)
	if n < MinRuns {
		return nil
	}
	middle := median(values)
	distances := make([]float64, n)
	for i, v := range values {
		distances[i] = math.Abs(v - middle)
	}
	deviation := normalMAD * smallSample(n) * median(distances)
	if next := toTheNext(values); n >= movedRuns && deviation > moved*next {
		deviation = next
	}
	return &Noise{Runs: n, Median: middle, Deviation: deviation, Band: sigmas * math.Sqrt2 * deviation}
}

// toTheNext is the standard deviation by how far each run lies from the one
// before: both are drawn from the noise, wherever the metric was by then.
func toTheNext(values []float64) float64 {
	differences := make([]float64, len(values)-1)
	for i := range differences {
		differences[i] = math.Abs(values[i+1] - values[i])
	}
	return normalMAD / math.Sqrt2 * median(differences)
}

// normalMAD makes a standard deviation of a median absolute deviation where the
// noise is normal: 1/Φ⁻¹(3/4). Hampel, "The Influence Curve and Its Role in
// Robust Estimation", JASA 69 (1974).
const normalMAD = 1.4826

// smallSample corrects the estimate for few runs, of which it would be too
// small: Croux and Rousseeuw, "Time-Efficient Algorithms for Two Highly Robust
// Estimators of Scale", Computational Statistics 1 (1992), for n from 5 on.
func smallSample(n int) float64 {
	few := []float64{5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}
	if n < len(few) {
		return few[n]
	}
	return float64(n) / (float64(n) - 0.8)
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
