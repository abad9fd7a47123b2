package verdict_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// bounds is what slope() gives.
type bounds struct{ Low, Slope, High float64 }

func slopeOf(t *testing.T, js *lib, points [][]float64) *bounds {
	t.Helper()
	value, err := js.call("slope", points)
	require.NoError(t, err)
	if value.Export() == nil {
		return nil
	}
	fields := value.ToObject(js.runtime)
	return &bounds{fields.Get("low").ToFloat(), fields.Get("slope").ToFloat(), fields.Get("high").ToFloat()}
}

// line has a value at every second, with noise.
func line(n int, a, b float64, noise func() float64) [][]float64 {
	points := make([][]float64, n)
	for i := range points {
		points[i] = []float64{float64(i), a + b*float64(i) + noise()}
	}
	return points
}

func TestSlope(t *testing.T) {
	js, err := loadLib(t, "slope.js", nil)
	require.NoError(t, err)
	none := func() float64 { return 0 }
	require.Nil(t, slopeOf(t, js, line(9, 0, 1, none)), "nine points are too few")
	require.Equal(t, &bounds{2, 2, 2}, slopeOf(t, js, line(10, 5, 2, none)))

	points := line(20, 5, 2, none)
	points[3][1], points[17][1] = 1e6, -1e6
	require.InDelta(t, 2, slopeOf(t, js, points).Slope, 0, "an outlier moves nothing")
}

// Bounds of 95 % hold the true slope 95 times of 100, and where the noise is
// normal the slope is that of least squares.
func TestSlopeKeepsItsPromise(t *testing.T) {
	js, err := loadLib(t, "slope.js", nil)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 7))
	const runs, truth = 100, 0.05
	held := 0
	for range runs {
		points := line(30, 10, truth, random.NormFloat64)
		b := slopeOf(t, js, points)
		if b.Low <= truth && truth <= b.High {
			held++
		}
		var x, y []float64
		for _, p := range points {
			x, y = append(x, p[0]), append(y, p[1])
		}
		_, leastSquares := stat.LinearRegression(x, y, nil, false)
		require.InDelta(t, leastSquares, b.Slope, 0.04)
	}
	// Two standard errors of a share of 95 % in 100 runs are 4.4 %.
	require.InDelta(t, 0.95, float64(held)/runs, 0.044)
}

// Series is used as soak.js does.
func growthOf(t *testing.T, n int, value func(i int) float64) (growth, typical float64, points int64) {
	t.Helper()
	js, err := loadLib(t, "slope.js", nil)
	require.NoError(t, err)
	series, err := js.runtime.New(js.exports.Get("Series"))
	require.NoError(t, err)
	require.NoError(t, js.runtime.Set("series", series))
	require.NoError(t, js.runtime.Set("value", value))
	require.NoError(t, js.runtime.Set("n", n))
	result, err := js.runtime.RunString(`for (let i = 0; i < n; i++) series.add(i, value(i));
		[series.growth() === null ? NaN : series.growth(), series.typical(), series.points.length]`)
	require.NoError(t, err)
	fields := result.ToObject(js.runtime)
	return fields.Get("0").ToFloat(), fields.Get("1").ToFloat(), fields.Get("2").ToInteger()
}

func TestSeries(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 9))
	grown, typical, points := growthOf(t, 10_000, func(i int) float64 { return 100 + float64(i)/100 })
	require.InDelta(t, 75, grown, 1.5, "100 in all, of which the first quarter is left out")
	require.InDelta(t, 150, typical, 1)
	require.LessOrEqual(t, points, int64(240))
	require.Greater(t, points, int64(100))

	flat, _, _ := growthOf(t, 300, func(int) float64 { return 50 + random.NormFloat64() })
	require.LessOrEqual(t, flat, 0.5, "noise is no growth")

	warm, _, _ := growthOf(t, 200, func(i int) float64 { return math.Min(float64(i), 40) })
	require.Zero(t, warm, "warming up is no growth")

	steady, _, _ := growthOf(t, 200, func(int) float64 { return 12 })
	require.Zero(t, steady)

	few, _, _ := growthOf(t, 5, func(i int) float64 { return float64(i) })
	require.True(t, math.IsNaN(few))
}
