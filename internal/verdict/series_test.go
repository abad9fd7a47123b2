package verdict_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Series is used as soak.js does.
func growthOf(t *testing.T, n int, value func(i int) float64) (growth, typical float64, points int64) {
	t.Helper()
	js, err := loadLib(t, "series.js", nil)
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
