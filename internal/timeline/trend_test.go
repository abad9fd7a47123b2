package timeline

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

func trendOf(values []float64) Trend {
	times := make([]float64, len(values))
	for i := range times {
		times[i] = float64(i)
	}
	return TrendOf(times, values)
}

func slopeOf(values []float64) float64  { return trendOf(values).Slope }
func chanceOf(values []float64) float64 { return trendOf(values).chance }

func TestTheilSen(t *testing.T) {
	require.Equal(t, 2.0, slopeOf([]float64{1, 3, 5, 7, 9}))
	require.Equal(t, 2.0, slopeOf([]float64{1, 3, 500, 7, 9}), "one broken night bends no line")
	require.Equal(t, -1.0, slopeOf([]float64{3, 2, 1}))
}

// Of all orders exactly so many are as clear as this one.
func TestMannKendallAgreesWithCounting(t *testing.T) {
	for _, series := range [][]float64{
		{1, 2, 4, 3, 5, 6, 8, 7},
		{2, 1, 4, 3, 8, 5, 6, 7},
		{8, 7, 6, 5, 3, 4, 2, 1},
		{0, 0, 0, 0, 1, 1, 1, 1},
	} {
		s := kendall(series)
		asClear, all := 0, 0
		permute(slices.Sorted(slices.Values(series)), func(order []float64) {
			all++
			if s > 0 && kendall(order) >= s || s < 0 && kendall(order) <= s {
				asClear++
			}
		})
		require.Equal(t, 40320, all)
		require.InDelta(t, float64(asClear)/float64(all), chanceOf(series), 0.003, "the normal approximation")
	}
}

func kendall(values []float64) int {
	s := 0
	for i := range values {
		for j := i + 1; j < len(values); j++ {
			switch {
			case values[j] > values[i]:
				s++
			case values[j] < values[i]:
				s--
			}
		}
	}
	return s
}

func permute(values []float64, visit func([]float64)) {
	if len(values) < 2 {
		visit(values)
		return
	}
	var at func(int)
	at = func(k int) {
		if k == len(values) {
			visit(values)
			return
		}
		for i := k; i < len(values); i++ {
			values[k], values[i] = values[i], values[k]
			at(k + 1)
			values[k], values[i] = values[i], values[k]
		}
	}
	at(0)
}

func TestMannKendallOfTies(t *testing.T) {
	require.Equal(t, 0.5, chanceOf([]float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}))
	require.Greater(t, chanceOf([]float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 0.001)
}

// Noise alone looks like a trend to one question in a thousand.
func TestNoiseAloneIsNoTrend(t *testing.T) {
	random := rand.New(rand.NewPCG(16, 17))
	found := 0
	const questions = 5_000
	for range questions {
		values := make([]float64, 20)
		for i := range values {
			values[i] = random.NormFloat64()
		}
		if chanceOf(values) <= 0.001 {
			found++
		}
	}
	require.Less(t, found, questions*2*2/1000, "both directions, and twice that for the approximation")
	require.Positive(t, found)
}

// Bounds of 95 % hold the true slope 95 times of 100, and where the noise is
// normal the slope is that of least squares.
func TestTrendKeepsItsPromise(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 7))
	const runs, truth = 400, 0.05
	held := 0
	for range runs {
		var x, y []float64
		for i := range 30 {
			x, y = append(x, float64(i)), append(y, 10+truth*float64(i)+random.NormFloat64())
		}
		trend := TrendOf(x, y)
		if trend.Low <= truth && truth <= trend.High {
			held++
		}
		_, leastSquares := stat.LinearRegression(x, y, nil, false)
		require.InDelta(t, leastSquares, trend.Slope, 0.04)
	}
	// Two standard errors of a share of 95 % in 400 runs are 2.2 %.
	require.InDelta(t, 0.95, float64(held)/runs, 0.025)
	require.Equal(t, Trend{chance: 0.5}, TrendOf([]float64{1}, []float64{1}))
}
