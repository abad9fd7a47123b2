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

// A step late in the run is growth, and connections that come and go with the
// load are none: +30 of them passed a slope test.
func TestSeriesSeesALateStep(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 30))
	level := func(int) float64 { return math.Round(24 + 4*random.NormFloat64()) }
	for _, at := range []int{100, 500, 800, 880} {
		grown, _, _ := growthOf(t, 1000, func(i int) float64 {
			if i >= at {
				return level(i) + 30
			}
			return level(i)
		})
		if at > 250 { // before that it belongs to the warm-up
			require.Greater(t, grown, 10.0, "from %d on", at)
		}
	}
	alarms := 0
	for range 100 {
		grown, _, _ := growthOf(t, 400, level)
		bursts, _, _ := growthOf(t, 400, func(i int) float64 {
			if i%40 < 8 {
				return level(i) + 30
			}
			return level(i)
		})
		if grown >= 2 || bursts >= 2 {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, 1)
}
