package timeline

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestDistributionKnowsItsEndsAndItsQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 10_000)
	var d Distribution
	sum := 0.0
	for i := range values {
		values[i] = 100 * random.ExpFloat64()
		sum += values[i]
		d.Add(values[i])
	}
	slices.Sort(values)
	require.EqualValues(t, len(values), d.Count())
	require.InEpsilon(t, sum, d.Sum(), 1e-9)
	require.InEpsilon(t, sum/float64(len(values)), d.Mean(), 1e-9)
	require.Equal(t, values[0], d.Min())
	require.Equal(t, values[len(values)-1], d.Max())
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99} {
		require.InEpsilon(t, values[int(q*float64(len(values)-1))], d.Quantile(q), 2*Accuracy, q)
	}
	require.Equal(t, d.Min(), d.Quantile(0))
	require.Equal(t, d.Max(), d.Quantile(1))
}

func TestDistributionWithoutValues(t *testing.T) {
	var d Distribution
	require.Zero(t, d.Count())
	require.Zero(t, d.Mean())
	require.Zero(t, d.Quantile(0.95))
	d.Merge(Distribution{})
	require.Zero(t, d.Count())
}

// A level is an integer: what is 80 % of five connections must not be 79.9 %, at
// any size of the pool, after merging, and after a file.
func TestDistributionCountsIntegersAsIntegers(t *testing.T) {
	for _, size := range []float64{5, 60, 500, 20_000} {
		var d, part Distribution
		for range 100 {
			d.Add(0.8 * size)
			part.Add(0.8 * size)
		}
		part.Add(size)
		d.Merge(part)
		require.Equal(t, 0.8*size, d.Quantile(0.95))
		above, sum := d.Above(0.8 * size)
		require.EqualValues(t, 1, above)
		require.Equal(t, size, sum)
		text, err := json.Marshal(d)
		require.NoError(t, err)
		var read Distribution
		require.NoError(t, json.Unmarshal(text, &read))
		require.Equal(t, 0.8*size, read.Quantile(0.95))
	}
}

// Times are no integers, though one of them may be.
func TestDistributionOfIntegersAndTimes(t *testing.T) {
	var integers, times, mixed Distribution
	for i := range 5000 {
		integers.Add(float64(i))
		times.Add(float64(i) + 0.25)
	}
	mixed.Merge(integers)
	mixed.Merge(times)
	require.EqualValues(t, 10_000, mixed.Count())
	require.InEpsilon(t, 2500, mixed.Quantile(0.5), 2*Accuracy)
	require.InEpsilon(t, 4750, integers.Quantile(0.95), 2*Accuracy, "too many different ones to count each")
	for _, bad := range []string{`{"count":2,"integers":{"3":1}}`, `{"count":1,"integers":{"-3":1}}`, `{"count":1,"integers":{}}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &Distribution{}), bad)
	}
}

func TestDistributionGivesItsValues(t *testing.T) {
	var d Distribution
	d.each(func(float64, int64) { t.Error("there is none") })
	for _, value := range []float64{0, 7, 7, 99, 250} {
		d.Add(value)
	}
	counts := make(map[int]int64)
	d.each(func(value float64, count int64) { counts[int(value+0.5)] += count })
	require.Equal(t, map[int]int64{0: 1, 7: 2, 99: 1, 250: 1}, counts, "none above the largest")
}

func TestDistributionsMerge(t *testing.T) {
	var parts [4]Distribution
	var whole Distribution
	for i := range 4000 {
		value := float64(i % 997)
		parts[i%4].Add(value)
		whole.Add(value)
	}
	var merged Distribution
	for _, part := range parts {
		merged.Merge(part)
	}
	require.Equal(t, whole.Count(), merged.Count())
	require.Equal(t, whole.Min(), merged.Min())
	require.Equal(t, whole.Max(), merged.Max())
	for _, q := range []float64{0.1, 0.5, 0.95, 0.99} {
		require.Equal(t, whole.Quantile(q), merged.Quantile(q), "the same sketch, however it came about")
	}
	before := parts[0].Count()
	merged.Add(1)
	require.Equal(t, before, parts[0].Count(), "merging leaves the parts alone")
}

func TestDistributionSurvivesJSON(t *testing.T) {
	var d Distribution
	for i := range 1000 {
		d.Add(float64(i) / 3)
	}
	for _, written := range []Distribution{d, {}} {
		text, err := json.Marshal(written)
		require.NoError(t, err)
		var read Distribution
		require.NoError(t, json.Unmarshal(text, &read))
		require.Equal(t, written.Count(), read.Count())
		require.Equal(t, written.Quantile(0.95), read.Quantile(0.95))
		read.Merge(d)
		require.Equal(t, written.Count()+d.Count(), read.Count(), "what was read can be merged")
	}
}

func TestDistributionRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{
		`{"count":-1}`, `{"count":3}`, `{"count":0,"ddsketch":"AAAA"}`, `{"count":1,"ddsketch":"//8="}`, `"1"`,
	} {
		require.Error(t, json.Unmarshal([]byte(text), new(Distribution)), text)
	}
}

func at(offset time.Duration) time.Time { return start.Add(offset) }

func sumOf(counts []int64) (sum int64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

func responsesIn(windows []Distribution) (n int64) {
	for _, d := range windows {
		n += d.Count()
	}
	return n
}

func TestRecorderKeepsTimeInWindows(t *testing.T) {
	var r Recorder
	r.Record([]Observation{
		{Measure: Active, At: at(0), Value: 3, Pool: "default"},
		{Measure: Active, At: at(time.Second), Value: 5, Pool: "default"},
		{Measure: Request, At: at(time.Second), Value: 12},
		{Measure: None, At: at(time.Hour), Value: 1},
	})
	s := r.Snapshot()
	require.Equal(t, start, s.Start)
	require.Len(t, s.Windows, 2)
	require.Equal(t, 3.0, s.Windows[0].Totals.Pools["default"].Active.Max())
	require.Equal(t, time.Second, s.Windows[1].From)
	require.EqualValues(t, 1, s.Windows[1].Totals.Requests.Duration.Count())
	whole := s.Whole()
	require.Equal(t, 4.0, whole.Pools["default"].Active.Mean())
}

func TestRecorderLosesNothingWhenWindowsMerge(t *testing.T) {
	var r Recorder
	const seconds = 3600
	r.Begin("all of it", at(0))
	for i := range seconds {
		r.Record([]Observation{
			{Measure: Request, At: at(time.Duration(i) * time.Second), Value: 5},
			{Measure: Request, At: at(time.Duration(i)*time.Second + fineWidth), Value: 5},
			{Measure: Wait, At: at(time.Duration(i) * time.Second), Value: float64(i), Pool: "default"},
			{Measure: Closed, At: at(time.Duration(i) * time.Second), Value: 1, Pool: "default", Key: "recycle"},
		})
	}
	s := r.Snapshot()
	require.LessOrEqual(t, len(s.Windows), maxWindows)
	require.GreaterOrEqual(t, len(s.Windows), maxWindows/2)
	require.GreaterOrEqual(t, time.Duration(len(s.Windows))*s.Width, (seconds-1)*time.Second)
	whole := s.Whole()
	require.EqualValues(t, seconds, whole.Pools["default"].Wait.Count())
	require.EqualValues(t, seconds, whole.Pools["default"].Closed["recycle"])
	for _, ended := range []*Series{s.Ended, s.Phases[0].Ended} {
		require.Equal(t, 0.4, ended.Window, "as the grid has it: a tenth of a second, twice doubled")
		require.EqualValues(t, 2*seconds, sumOf(ended.Counts))
	}
	require.LessOrEqual(t, len(s.Phases[0].Responses.Windows), maxWindows)
	require.EqualValues(t, 2*seconds, responsesIn(s.Phases[0].Responses.Windows))
	for i, w := range s.Windows {
		require.Equal(t, time.Duration(i)*s.Width, w.From)
		require.InDelta(t, w.From.Seconds(), w.Totals.Pools["default"].Wait.Min(), 1)
	}
}

func TestRecorderGivesPhasesWhatIsTheirs(t *testing.T) {
	var r Recorder
	r.Record([]Observation{{Measure: Request, At: at(0), Value: 1}})
	r.Begin("before", at(time.Second))
	r.Record([]Observation{
		{Measure: Request, At: at(500 * time.Millisecond), Value: 1000}, // came late, belongs to nobody
		{Measure: Request, At: at(2 * time.Second), Value: 20},
		{Measure: RequestFailed, At: at(2 * time.Second), Value: 1},
	})
	require.EqualValues(t, 1, r.Current().Totals.Requests.Duration.Count())
	ended := r.End(at(3 * time.Second))
	require.Empty(t, r.Current().Label)
	require.Equal(t, "before", ended.Label)
	require.Equal(t, time.Second, ended.From)
	require.Equal(t, 3*time.Second, ended.To)
	require.EqualValues(t, 1, ended.Totals.Requests.Duration.Count())
	require.EqualValues(t, 1, ended.Totals.Requests.Failed)
	r.Record([]Observation{{Measure: Request, At: at(4 * time.Second), Value: 1}})
	require.EqualValues(t, 1, r.Snapshot().Phases[0].Totals.Requests.Duration.Count())
	require.Empty(t, r.End(at(5*time.Second)).Label, "no phase is open")
}

func TestSnapshotSharesNothingWithTheRecorder(t *testing.T) {
	var r Recorder
	one := []Observation{{Measure: Error, At: at(0), Value: 1, Pool: "default", Key: "57P01"}}
	r.Record(one)
	s := r.Snapshot()
	r.Record(one)
	require.EqualValues(t, 1, s.Windows[0].Totals.Pools["default"].Errors["57P01"])
}

// An application's pool is counted by itself, and added as a whole.
func TestRecorderAddsWhatAPoolDid(t *testing.T) {
	did := Pool{Opened: 2, Closed: map[string]int64{"lost": 1}}
	did.Active.Add(4)
	var r Recorder
	r.Merge(at(0), "app", &did)
	r.Begin("step", at(time.Second))
	r.Merge(at(0), "app", &did) // came late, belongs to nobody
	r.Merge(at(2*time.Second), "app", &did)
	phase := r.End(at(3 * time.Second)).Totals.Pools["app"]
	whole := r.Snapshot().Whole().Pools["app"]
	require.EqualValues(t, 2, phase.Opened)
	require.EqualValues(t, 6, whole.Opened)
	require.EqualValues(t, 1, phase.Closed["lost"])
	require.EqualValues(t, 3, whole.Closed["lost"])
	require.EqualValues(t, 3, whole.Active.Count())
	require.EqualValues(t, 1, did.Closed["lost"], "what was added is left alone")
}

// Each measure counts somewhere, and only there: in a run, in a file of it, and in two
// that are merged.
func TestEveryMeasureCounts(t *testing.T) {
	seen := make(map[string]Measure)
	for m := Request; m < measures; m++ {
		var once, twice Totals
		o := Observation{Measure: m, At: start, Value: 2, Pool: "default", Key: "why"}
		once.add(&o)
		twice.add(&o)
		twice.add(&o)
		text, err := json.Marshal(once)
		require.NoError(t, err)
		as := m
		if m == InterruptedFailed { // a failure as others
			as = RequestFailed
		}
		if other, taken := seen[string(text)]; taken {
			require.Equal(t, as, other, "measures %d and %d count as the same", m, other)
		}
		seen[string(text)] = as
		once.Merge(once.clone())
		require.Equal(t, twice, once, "measure %d", m)
	}
	var none Totals
	none.add(&Observation{Measure: None, Value: 2, Pool: "default", Key: "why"})
	require.Zero(t, none)
}

func TestTotalsOfAllPoolsAndReasons(t *testing.T) {
	var all Totals
	require.Zero(t, all.Total())
	require.Zero(t, all.Requests.Retried())
	for i, pool := range []string{"default", "reports"} {
		all.add(&Observation{Measure: Opened, Value: float64(i + 1), Pool: pool})
		all.add(&Observation{Measure: Error, Value: 2, Pool: pool, Key: "57014"})
		all.add(&Observation{Measure: RequestRetry, Value: 3, Key: pool})
	}
	total := all.Total()
	require.EqualValues(t, 3, total.Opened)
	require.EqualValues(t, 4, total.Errors["57014"])
	require.EqualValues(t, 2, all.Pools["default"].Errors["57014"], "the sum shares nothing with its parts")
	require.EqualValues(t, 6, all.Requests.Retried())
}

func TestOnlyACycleThatIsKnownIsWritten(t *testing.T) {
	var r Requests
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(text), "cycle_ms")
	r.Cycle.Add(0)
	text, err = json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(text), "cycle_ms")
}

func TestNoRecordingOfNothingAndOfSteps(t *testing.T) {
	var r Recorder
	require.Nil(t, Condense(r.Snapshot()))
	r.Begin("step", at(0))
	r.Record([]Observation{{Measure: Request, At: at(0), Value: 1}})
	require.Nil(t, Condense(r.Snapshot()), "steps have a file of their own")
}

// A file from before the levels' own windows has the mean and the largest; what is made
// of them has both.
func TestLevelsOfAnOlderFile(t *testing.T) {
	for name, test := range map[string]struct {
		level           Level
		active, waiting map[int]int64
	}{
		"counted":       {Level{Samples: 5, Active: 9, ActiveAt: map[int]int64{2: 5}}, map[int]int64{2: 5}, map[int]int64{0: 5}},
		"one sample":    {Level{Samples: 1, Active: 4, ActiveMax: 4, Waiting: 2}, map[int]int64{4: 1}, map[int]int64{2: 1}},
		"up and down":   {Level{Samples: 4, Active: 2, ActiveMax: 5, Waiting: 1, WaitingMax: 4}, map[int]int64{1: 3, 5: 1}, map[int]int64{0: 3, 4: 1}},
		"all the same":  {Level{Samples: 3, Active: 7, ActiveMax: 7}, map[int]int64{7: 3}, map[int]int64{0: 3}},
		"more than all": {Level{Samples: 2, Active: 1, ActiveMax: 9}, map[int]int64{0: 1, 9: 1}, map[int]int64{0: 2}},
	} {
		require.Equal(t, test.active, test.level.ActiveSamples(), name)
		require.Equal(t, test.waiting, test.level.WaitingSamples(), name)
	}
}
