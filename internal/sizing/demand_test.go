package sizing

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The states of M/M/m, added up one by one.
func TestOpenInUseExceedsIsTheSumOfTheStates(t *testing.T) {
	const m, load = 6, 4.2
	open, err := OpenLoop{Rate: load, Hold: time.Second, Connections: m}.Solve()
	require.NoError(t, err)
	weights, total := make([]float64, 2000), 0.0
	for n := range weights {
		weights[n] = 1
		if n > 0 {
			weights[n] = weights[n-1] * load / float64(min(n, m))
		}
		total += weights[n]
	}
	for size := range m {
		sum := 0.0
		for _, w := range weights[size+1:] {
			sum += w / total
		}
		require.InDelta(t, sum, open.InUseExceeds(size), 1e-9, "size %d", size)
	}
	require.Zero(t, open.InUseExceeds(m))
	require.Equal(t, 1.0, open.InUseExceeds(-1))
}

func TestDemandIsSpreadOverPools(t *testing.T) {
	d := Demand{InUse: 8, Hold: 100 * time.Millisecond, Interval: &Interval{Low: 6, High: 10}, Peak: 15}
	require.InDelta(t, 80, d.Rate(), 1e-9)
	target := WaitTarget{Wait: 5 * time.Millisecond, Percentile: 95}
	one, err := d.SmallestPool(1, target, Runbook)
	require.NoError(t, err)
	four, err := d.SmallestPool(4, target, Runbook)
	require.NoError(t, err)
	require.Greater(t, 4*four, one, "four pools do not help each other out")
	open := d.On(4)
	open.Connections = four
	solved, err := open.Solve()
	require.NoError(t, err)
	require.LessOrEqual(t, solved.WaitExceeds(target.Wait), 0.05)
	wait, err := solved.WaitPercentile(99.9)
	require.NoError(t, err)
	require.Positive(t, wait)
	require.InDelta(t, 0.001, solved.WaitExceeds(wait), 1e-6)
	low, high := d.Times(2).Bounds()
	require.Equal(t, [2]float64{12, 20}, [2]float64{low.InUse, high.InUse})
	require.Equal(t, 30, d.Times(2).Peak)
	low, high = Demand{InUse: 1, Hold: time.Second}.Bounds()
	require.Equal(t, low, high, "without an interval")
}

// The interval of windows that are alike one after the other holds the mean in
// about 95 of 100 measurements.
func TestMeanIntervalHoldsTheMean(t *testing.T) {
	require.Nil(t, MeanInterval(1, []float64{1, 1, 1, 1}))
	require.Equal(t, &Interval{Low: 3, High: 3}, MeanInterval(3, []float64{3, 3, 3, 3, 3, 3}))
	random := rand.New(rand.NewPCG(1, 2))
	const runs = 1000
	held := 0
	for range runs {
		values, state, sum := make([]float64, 80), 0.0, 0.0
		for i := range values {
			state = 0.5*state + math.Sqrt(0.75)*random.NormFloat64()
			values[i] = 10 + state
			sum += values[i]
		}
		interval := MeanInterval(sum/80, values)
		if interval.Low <= 10 && interval.High >= 10 {
			held++
		}
	}
	require.InDelta(t, 0.93, float64(held)/runs, 0.04)
}
