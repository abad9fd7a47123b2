package verdict_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The diagnosis knows each pool by the run's configuration, and the requests by
// k6's metrics.
func TestTheDiagnosisKnowsTheConfiguration(t *testing.T) {
	var r timeline.Recorder
	for range 10 {
		r.Record([]timeline.Observation{
			{Measure: timeline.Active, At: began, Value: 4, Pool: "small"},
			{Measure: timeline.Wait, At: began, Value: 1, Pool: "small"},
			{Measure: timeline.Query, At: began, Value: 3000, Pool: "small"},
			{Measure: timeline.Use, At: began, Value: 3000, Pool: "small"},
			{Measure: timeline.Closed, At: began, Value: 1, Pool: "small", Key: "lost"},
		})
	}
	in := verdict.Input{
		Criteria: loadScript(t).rows("poolCriteria"),
		Timeline: r.Snapshot(),
		Metrics:  map[string]verdict.Metric{"dropped_iterations": {Values: map[string]float64{"count": 40}}},
		Run: verdict.Run{Configuration: verdict.Configuration{
			"poolSize": "20", "maxOverflow": "40", "small.poolSize": "4", "small.maxOverflow": "0", "small.poolPrePing": "true",
		}},
	}
	report, err := verdict.Evaluate(in)
	require.NoError(t, err)
	found := map[string]diagnosis.Diagnosis{}
	for _, d := range report.Diagnoses {
		found[d.Name] = d
	}
	require.Contains(t, found, "slow queries hold connections", "4 of 4 in use, not 4 of 20")
	require.Contains(t, found["stale connections"].Remedy, "is on already")
	require.Contains(t, found, "load generator saturated")

	r.Begin("5+10", time.Now()) // the steps of an experiment provoke what they measure
	in.Timeline = r.Snapshot()
	report, err = verdict.Evaluate(in)
	require.NoError(t, err)
	require.Empty(t, report.Diagnoses)
}
