package timeline

import (
	"math"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/process"
	"github.com/stretchr/testify/require"
)

func TestGeneratorProbeSeesItsOwnWork(t *testing.T) {
	began := time.Now()
	p, err := NewGeneratorProbe(began)
	require.NoError(t, err)
	work := 0.0
	for i := 0; time.Since(began) < 100*time.Millisecond; i++ {
		work += math.Sqrt(float64(i))
	}
	require.Positive(t, work)
	observed, err := p.Read(time.Now())
	require.NoError(t, err)
	require.Len(t, observed, 2)
	require.Equal(t, GeneratorCPU, observed[0].Measure)
	require.Positive(t, observed[0].Value)
	require.Equal(t, SchedulerDelay, observed[1].Measure)
	require.GreaterOrEqual(t, observed[1].Value, 0.0)

	var r Recorder
	r.Record(observed)
	whole := r.Snapshot().Whole()
	require.Equal(t, observed[0].Value, whole.Generator.CPU.Max())
	require.EqualValues(t, 1, whole.Generator.Delay.Count())
}

func TestGeneratorProbeTellsWhatItCouldNotRead(t *testing.T) {
	p := GeneratorProbe{self: &process.Process{Pid: math.MaxInt32}} // more than there can be
	_, err := p.Read(time.Now())
	require.ErrorContains(t, err, "reading the load generator's CPU time: ")
}

func TestQuantileSinceLooksOnlyAtWhatIsNew(t *testing.T) {
	h := &metrics.Float64Histogram{Counts: []uint64{1000, 99, 1}, Buckets: []float64{0, 1, 2, math.Inf(1)}}
	require.Equal(t, 2.0, quantileSince(h, nil, 0.99), "1099 of 1100 are at most 2")
	require.Equal(t, 2.0, quantileSince(h, []uint64{1000, 0, 0}, 0.99))
	require.Equal(t, 2.0, quantileSince(h, []uint64{1000, 0, 0}, 1), "a bucket without an end counts from its beginning")
	require.Equal(t, 1.0, quantileSince(h, []uint64{0, 99, 1}, 0.99))
	require.Zero(t, quantileSince(h, []uint64{1000, 99, 1}, 0.99), "nothing is new")
}

func TestAbove(t *testing.T) {
	var d Distribution
	count, sum := d.Above(0)
	require.Zero(t, count)
	require.Zero(t, sum)
	for _, value := range []float64{1, 10, 100, 1000, 2000, 2000} {
		d.Add(value)
	}
	for limit, want := range map[float64]struct {
		count int64
		sum   float64
	}{500: {3, 5000}, 0: {6, 5111}, 5000: {0, 0}} {
		count, sum = d.Above(limit)
		require.Equal(t, want.count, count)
		require.InDelta(t, want.sum, sum, 2*Accuracy*want.sum)
	}
}

// A container's quota is its own or one around it, whichever is less.
func TestProcessorsAreThoseOfTheQuota(t *testing.T) {
	files := map[string]string{
		"/kube/pod/app/cpu.max": "max 100000\n", "/kube/pod/cpu.max": "150000 100000\n", "/kube/cpu.max": "400000 100000\n",
	}
	read := func(name string) string { return files[name] }
	require.Equal(t, 1.5, quota("0::/kube/pod/app\n", read))
	require.Equal(t, 4.0, quota("12:cpu:/elsewhere\n0::/kube\n", read))
	require.True(t, math.IsInf(quota("0::/\n", read), 1))
	require.True(t, math.IsInf(quota("2:cpu:/kube/pod\n", read), 1), "version 1 has no cpu.max")
	for _, text := range []string{"", "max 100000", "1", "x 100000", "100000 0", "-1 100000"} {
		require.True(t, math.IsInf(cpuMax(text), 1), text)
	}
	require.Positive(t, Processors())
	require.LessOrEqual(t, Processors(), float64(runtime.GOMAXPROCS(0)))
}
