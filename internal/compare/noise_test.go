package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, median([]float64{3}))
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
	unsorted := []float64{3, 1, 2}
	median(unsorted)
	require.Equal(t, []float64{3, 1, 2}, unsorted, "the course of a metric must keep its order")
}

func TestNoiseOfAKnownSeries(t *testing.T) {
	require.Nil(t, newNoise([]float64{1, 2, 3, 4}))
	noise := newNoise([]float64{10, 12, 11, 13, 500})
	require.Equal(t, 12.0, noise.Median)
	require.InDelta(t, 1.4826*1.206*1, noise.Deviation, 1e-12, "distances 2 0 1 1 488, median 1")
	require.InDelta(t, 3*math.Sqrt2*noise.Deviation, noise.Band, 1e-12)
	require.Zero(t, newNoise([]float64{1, 1, 1, 1, 1}).Band)
}

// What has moved is no noise: neither a step nor a climb widens the band.
func TestNoiseOfAMetricThatMoved(t *testing.T) {
	random := rand.New(rand.NewPCG(18, 19))
	for name, course := range map[string]func(i int) float64{
		"step":            func(i int) float64 { return 50 * float64(i/10) },
		"there, and back": func(i int) float64 { return 50 * float64(i/7%2) },
		"climb":           func(i int) float64 { return 5 * float64(i) },
	} {
		sum := 0.0
		const samples = 500
		for range samples {
			values := make([]float64, DefaultLast)
			for i := range values {
				values[i] = 100 + course(i) + random.NormFloat64()
			}
			sum += newNoise(values).Deviation
		}
		require.Less(t, sum/samples, 8.0, name)
	}
	require.Zero(t, newNoise([]float64{1, 1, 1, 1, 1, 2, 2, 2, 2, 2}).Band)
}

// For normal noise the estimate is, on average, its standard deviation, however
// few the runs.
func TestDeviationIsNotBiased(t *testing.T) {
	const samples = 5_000
	random := rand.New(rand.NewPCG(12, 13))
	for _, n := range []int{MinRuns, 6, 7, 8, 9, 10, DefaultLast} {
		sum := 0.0
		for range samples {
			values := make([]float64, n)
			for i := range values {
				values[i] = 100 + random.NormFloat64()
			}
			sum += newNoise(values).Deviation
		}
		require.InDelta(t, 1, sum/samples, 0.05, "%d runs", n)
	}
}
