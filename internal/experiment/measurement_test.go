package experiment

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func observed(all ...timeline.Observation) timeline.Phase {
	r := &timeline.Recorder{}
	r.Begin("step", start)
	for i := range all {
		all[i].At = start.Add(time.Duration(i) * time.Millisecond)
	}
	r.Record(all)
	return r.End(start.Add(time.Minute))
}

func TestMeasure(t *testing.T) {
	o := func(m timeline.Measure, value float64) timeline.Observation {
		return timeline.Observation{Measure: m, Value: value, Pool: "after"}
	}
	atStop := observed(
		o(timeline.Request, 100), o(timeline.Request, 200),
		o(timeline.Active, 4), o(timeline.Active, 8), o(timeline.InOverflow, 0), o(timeline.InOverflow, 1), o(timeline.Waiting, 3), o(timeline.Total, 8),
		o(timeline.DatabaseCPU, 20), o(timeline.DatabaseCPU, 40),
	).Totals
	phase := observed(
		o(timeline.Request, 100), o(timeline.Request, 200), o(timeline.Request, 300),
		o(timeline.RequestFailed, 1), o(timeline.RequestTimeout, 1), o(timeline.RequestDropped, 2),
		o(timeline.Wait, 10), o(timeline.Wait, 30), o(timeline.Use, 50), o(timeline.Query, 5), o(timeline.Opened, 1),
		// What is sampled while draining is no longer the step's load.
		o(timeline.Active, 1), o(timeline.InOverflow, 0), o(timeline.Waiting, 0), o(timeline.DatabaseCPU, 90),
		timeline.Observation{Measure: timeline.Wait, Value: 9999, Pool: "default"},
	)
	step := Step{Label: "after", Round: 2, Duration: 10 * time.Second}
	m := Measure(step, phase, pool.Config{Name: "after", PoolSize: 5, MaxOverflow: 10}, nil, atStop, 4*time.Second)
	require.Equal(t, step, m.Step)
	require.Equal(t, []int64{3, 1, 1, 2}, []int64{m.Requests, m.Failed, m.Timeouts, m.Dropped})
	require.Equal(t, 0.5, m.Throughput, "what came in while draining is no throughput")
	require.InEpsilon(t, 200, m.Request.P50, 0.01)
	require.Equal(t, 300.0, m.Request.Max)
	require.Equal(t, 20.0, m.Pool.Wait.Mean)
	require.Equal(t, 50.0, m.Pool.Use)
	require.Equal(t, 5.0, m.Pool.Query)
	require.Equal(t, 8.0, m.Pool.Active.Max)
	require.Equal(t, 3.0, m.Pool.Waiting.Max)
	require.Equal(t, 0.5, m.Pool.Overflow)
	require.Equal(t, 5, m.Pool.Size)
	require.Equal(t, int64(1), m.Pool.Opened)
	require.Equal(t, level{Mean: 30, P95: m.CPU.P95, Max: 40}, *m.CPU)
	require.Nil(t, m.Drift, "three responses are too few")

	text, err := json.Marshal(m)
	require.NoError(t, err)
	var read Measurement
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, m, read)
}

// Of several pools times and counts are together, and levels side by side.
func TestMeasureSeveralPools(t *testing.T) {
	o := func(pool string, m timeline.Measure, values ...float64) (all []timeline.Observation) {
		for _, value := range values {
			all = append(all, timeline.Observation{Measure: m, Value: value, Pool: pool})
		}
		return all
	}
	phase := observed(slices.Concat(
		o("a", timeline.Wait, 10, 10, 10), o("b", timeline.Wait, 30), o("other", timeline.Wait, 9999),
		o("a", timeline.Opened, 1, 1), o("b", timeline.Opened, 1), o("a", timeline.Active, 4, 2), o("b", timeline.Active, 3, 3),
	)...)
	p := Measure(Step{}, phase, pool.Config{PoolSize: 5}, []string{"a", "b", "unused"}, phase.Totals, time.Second).Pool
	require.Equal(t, 15.0, p.Wait.Mean)
	require.Equal(t, int64(3), p.Opened)
	require.Equal(t, []float64{3, 4}, []float64{p.Active.Mean, p.Active.Max})
	require.Equal(t, 5, p.Size)
	require.Equal(t, 3, p.Pools)
	require.Equal(t, 7.0, p.Peaks)
	require.Equal(t, 2.25, p.Imbalance, "3 of 4 checkouts where a third was due")
	require.Zero(t, Measure(Step{}, phase, pool.Config{PoolSize: 5}, []string{"a"}, phase.Totals, time.Second).Pool.Pools)
}

func TestMeasureWithoutAnything(t *testing.T) {
	m := Measure(Step{}, timeline.Phase{}, pool.Config{}, nil, timeline.Totals{}, 0)
	require.Equal(t, Measurement{}, m)
	_, err := json.Marshal(m)
	require.NoError(t, err)
}

// How long an application holds a connection is what Little's law makes of its
// levels.
func TestHoldsOfAnApplicationFollowFromItsLevels(t *testing.T) {
	recorder := &timeline.Recorder{}
	at := time.Now()
	recorder.Begin("step", at)
	for i := range 40 {
		recorder.Record([]timeline.Observation{
			{Measure: timeline.Request, At: at.Add(time.Duration(i) * 50 * time.Millisecond), Value: 400},
			{Measure: timeline.Active, At: at.Add(time.Duration(i) * 50 * time.Millisecond), Value: 5, Pool: "flowboard"},
		})
	}
	phase := recorder.End(at.Add(2 * time.Second))
	config := pool.Config{Name: "flowboard", PoolSize: 20, MaxOverflow: 40}
	m := Measure(Step{}, phase, config, nil, phase.Totals, 2*time.Second)
	require.InEpsilon(t, 20, m.Throughput, 0.01)
	require.InEpsilon(t, 250, m.Pool.Use, 0.05)
	require.Equal(t, 60, m.Pool.Capacity)
}
