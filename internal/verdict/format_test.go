package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// A gauge has no unit: a share of a hundredth is a number that is not whole.
func TestASmallLimitIsNotWrittenAsNothing(t *testing.T) {
	gauge := func(value float64) verdict.Metric {
		return verdict.Metric{Type: "gauge", Values: map[string]float64{"value": value}}
	}
	for value, want := range map[float64]string{
		0.36:   "dropped: 0.4, WARNING needs less than 0.01",
		0.0123: "dropped: 0.012, WARNING needs less than 0.01",
	} {
		report, err := verdict.Evaluate(verdict.Input{
			Criteria: []verdict.Criterion{{
				Name: "dropped", Title: "Arrivals dropped", Unit: text.Count, Metric: "dropped", Pass: "value==0",
				WarningMetric: "dropped_share", WarningTitle: "dropped", Warning: "value<0.01",
				Guard: verdict.Condition{Metric: "dropped", Expression: "value>=0"},
			}},
			Metrics: map[string]verdict.Metric{"dropped": gauge(7), "dropped_share": gauge(value)},
		})
		require.NoError(t, err)
		require.Equal(t, want, report.Rows[0].Reason)
	}
}
