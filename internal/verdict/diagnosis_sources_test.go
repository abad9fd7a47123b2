package verdict_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Of a run that several runners made there are only the sums and the levels:
// what happened at once is gone, the rest is named all the same.
func TestDiagnosisOfSeveralRunners(t *testing.T) {
	for name, happen := range troubles {
		s := newStory()
		s.healthy()
		happen(s)
		report, err := verdict.Evaluate(s.input(t))
		require.NoError(t, err)
		in := s.input(t)
		in.Timeline, in.Recording = timeline.Snapshot{}, report.Recording
		merged, err := verdict.Evaluate(in)
		require.NoError(t, err)
		switch name {
		case verdict.ReconnectStorm: // a wave is one only in its second
			require.Empty(t, merged.Diagnoses, name)
		case verdict.ServerRestarted: // refused and lost, but nobody knows when
			require.Equal(t, verdict.StaleConnections, merged.Diagnoses[0].Name)
		default:
			require.Equal(t, name, merged.Diagnoses[0].Name)
		}
	}
}

// Without a recording, k6's own figures say what they can.
func TestDiagnosisOfK6sFiguresAlone(t *testing.T) {
	trend := func(count, avg, p95 float64) verdict.Metric {
		return verdict.Metric{Type: "trend", Values: map[string]float64{
			"count": count, "avg": avg, "med": avg, "p(95)": p95, "max": p95,
		}}
	}
	healthy := map[string]verdict.Metric{
		"pgxpool_acquire_duration": trend(1000, 0.1, 1),
		"pgxpool_use_duration":     trend(1000, 10, 20),
		"pgxpool_query_duration":   trend(2000, 4, 8),
		"pgxpool_active_sampled":   trend(300, 4, 6),
		"pgxpool_waiting_sampled":  trend(300, 0, 0),
	}
	for name, changes := range map[string]map[string]verdict.Metric{
		"": {},
		verdict.PoolExhausted: {
			"pgxpool_acquire_timeouts": {Type: "counter", Values: map[string]float64{"count": 3}},
		},
		verdict.SlowQueries: {
			"pgxpool_active_sampled": trend(300, 18, 20),
			"pgxpool_use_duration":   trend(1000, 900, 2000), "pgxpool_query_duration": trend(1000, 890, 1900),
		},
		verdict.NPlusOne:           {"pgxpool_query_duration": trend(21_000, 0.4, 1)},
		verdict.ConnectionLeak:     {"pgxpool_leaks": {Type: "counter", Values: map[string]float64{"count": 1}}},
		verdict.GeneratorSaturated: {"dropped_iterations": {Type: "counter", Values: map[string]float64{"count": 1}}},
	} {
		s := newStory()
		maps.Copy(s.metrics, healthy)
		maps.Copy(s.metrics, changes)
		names := s.names(t)
		if name == "" {
			require.Empty(t, names)
			continue
		}
		require.Equal(t, []string{name}, names)
	}
}
