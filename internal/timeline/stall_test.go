package timeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// outage is a load of so many requests a second, none of which ends from at on
// for as long as it lasts.
func outage(rate float64, length, at, lasts time.Duration) Snapshot {
	random := rand.New(rand.NewPCG(1, 1))
	var r Recorder
	for t := 0.0; t < length.Seconds(); t += random.ExpFloat64() / rate {
		now := time.Duration(t * float64(time.Second))
		if now < at || now > at+lasts {
			r.Record([]Observation{{Measure: Request, At: start.Add(now), Value: 10}})
		}
	}
	r.BoundLoad(time.Time{}, start.Add(length))
	return r.Snapshot()
}

func TestLongestStall(t *testing.T) {
	for _, test := range []struct {
		rate              float64
		length, at, lasts time.Duration
		limit             time.Duration
		ratio             [2]float64 // of PASS: 1, of WARNING: 5
	}{
		{100, 2 * time.Minute, time.Minute, 5500 * time.Millisecond, time.Second, [2]float64{5.1, 6}},
		{100, 5 * time.Minute, time.Minute, 14 * time.Second, time.Second, [2]float64{13, 15}},
		{100, time.Minute, 30 * time.Second, 0, time.Second, [2]float64{0, 0.5}},
		{4, time.Minute, 30 * time.Second, 3 * time.Second, 5 * time.Second, [2]float64{0.5, 1}},
		{0.95, time.Minute, 30 * time.Second, 0, 21 * time.Second, [2]float64{0, 0.6}},
	} {
		name := fmt.Sprintf("%v/s, %v of %v", test.rate, test.lasts, test.length)
		stall, ok := LongestStall(outage(test.rate, test.length, test.at, test.lasts).Ended)
		require.True(t, ok, name)
		require.InDelta(t, test.limit.Seconds(), stall.limit.Seconds(), 0.3*test.limit.Seconds(), name)
		require.GreaterOrEqual(t, stall.Ratio(), test.ratio[0], name)
		require.LessOrEqual(t, stall.Ratio(), test.ratio[1], name)
		if test.lasts > 3*time.Second {
			require.InDelta(t, test.at.Seconds(), stall.from.Seconds(), 0.5, name)
			require.Regexp(t, `^The longest stall lasted (5\.|1[34])[0-9.]* s and began after (59|60)[0-9.]* s of load\. That is .* times its limit of 1 s .*\.$`, stall.String())
		}
	}
}

// Healthy loads of one user up to many do not stall.
func TestAHealthyLoadDoesNotStall(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for _, users := range []int{1, 2, 5, 20, 100} {
		for range 100 {
			var r Recorder
			for range users {
				for at := random.Float64(); at < 60; at += 0.5 + random.Float64() + 0.1*random.ExpFloat64() {
					r.Record([]Observation{{Measure: Request, At: start.Add(time.Duration(at * float64(time.Second))), Value: 10}})
				}
			}
			r.BoundLoad(start.Add(10*time.Millisecond), start.Add(time.Minute))
			stall, ok := LongestStall(r.Snapshot().Ended)
			require.True(t, ok)
			require.Less(t, stall.Ratio(), 1.0, "%d users: %+v", users, stall)
		}
	}
}

// An application that stops answering does so until the end of the run.
func TestAStallLastsUntilTheEnd(t *testing.T) {
	snapshot := outage(50, 70*time.Second, 30*time.Second, time.Hour)
	stall, ok := LongestStall(snapshot.Ended)
	require.True(t, ok)
	require.InDelta(t, 40, stall.length.Seconds(), 0.5)
	_, ok = LongestStall(nil)
	require.False(t, ok)
}

// An application that is not there is out wherever in a run that is, and however fast it says so.
func TestEveryOutageIsAStall(t *testing.T) {
	const rate, length = 50, 2 * time.Minute
	for name, test := range map[string]struct {
		at, lasts time.Duration
		fast      bool // each request fails at once
	}{
		"errors":                 {40 * time.Second, 5500 * time.Millisecond, true},
		"errors at the end":      {114500 * time.Millisecond, time.Hour, true},
		"errors at the begin":    {0, 5500 * time.Millisecond, true},
		"no answer at the begin": {0, 5500 * time.Millisecond, false},
		"no answer at the end":   {114500 * time.Millisecond, time.Hour, false},
		"no answer":              {40 * time.Second, 5500 * time.Millisecond, false},
	} {
		random := rand.New(rand.NewPCG(2, 3))
		var r Recorder
		r.BoundLoad(start, start.Add(length))
		for at := time.Duration(0); at < length; at += time.Duration(random.ExpFloat64() * float64(time.Second) / rate) {
			out := at >= test.at && at < test.at+test.lasts
			if out && !test.fast {
				continue
			}
			failed := 0.0
			if out || random.Float64() < 0.02 { // a few fail at any time
				failed = 1
			}
			now := start.Add(at)
			r.Record([]Observation{{Measure: Request, At: now, Value: 10}, {Measure: RequestFailed, At: now, Value: failed}})
		}
		stall, ok := LongestStall(r.Snapshot().Ended)
		require.True(t, ok, name)
		require.InDelta(t, 5.5, stall.Ratio(), 0.4, name)
		require.InDelta(t, test.at.Seconds(), stall.from.Seconds(), 0.4, name)
	}
}

// A run in which nothing succeeds is one stall; an interrupted request is no response.
func TestNothingThatSucceedsIsAStall(t *testing.T) {
	var r Recorder
	for at := range 60 {
		now := start.Add(time.Duration(at) * 100 * time.Millisecond)
		r.Record([]Observation{{Measure: Request, At: now, Value: 10}, {Measure: RequestFailed, At: now, Value: 1}})
	}
	r.Record([]Observation{{Measure: RequestInterrupted, At: start, Value: 10}, {Measure: InterruptedFailed, At: start, Value: 1}})
	// Even of a load that is over at once there is a window.
	r.BoundLoad(start, start)
	require.Len(t, r.Snapshot().Ended.Counts, 1)
	r.BoundLoad(time.Time{}, time.Time{})
	stall, ok := LongestStall(r.Snapshot().Ended)
	require.True(t, ok)
	require.InDelta(t, 6, stall.Ratio(), 0.2)
	require.EqualValues(t, 61, r.Snapshot().Whole().Requests.Failed)
}

// The corrected percentiles are those of an open loop: wrk2's example, a user
// who asks every 10 ms and is stopped for a second once in ten.
func TestCorrectedForCoordinatedOmission(t *testing.T) {
	var measured, open Distribution
	for range 10 {
		for range 900 {
			measured.Add(1)
			open.Add(1)
		}
		measured.Add(1000)
		for missing := 1000.0; missing >= 10; missing -= 10 {
			open.Add(missing)
		}
	}
	corrected := measured.Corrected(10)
	require.InEpsilon(t, 1, measured.Quantile(0.95), 0.01, "what the user measured hides the outage")
	require.InEpsilon(t, open.Quantile(0.95), corrected.Quantile(0.95), 0.02)
	require.InEpsilon(t, open.Quantile(0.99), corrected.Quantile(0.99), 0.02)
	require.Equal(t, measured.Count(), measured.Corrected(0).Count())
}
