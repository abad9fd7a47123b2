package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// A row that k6 takes is a row that Evaluate takes, and the other way round.
func TestExpressionsAreK6s(t *testing.T) {
	for _, expression := range []string{
		"rate>=0.95", "rate >= 0.95", " count == 0", "count===0", "value<=1.25", "avg<50", "min>0", "med<1", "max!=3",
		"p(95)<80", "p(99.9)<80", "p(0)<1", "p(100)<1", "p(95.0)<80", "count<1e3", "count>-1",
		"", "rate", "rate=0.95", "p(101)<1", "p(-1)<1", "p()<1", "p(x)<1", "p95<1", "sum<1", "<1", "rate<", "rate<x", "RATE<1", "rate<<1",
	} {
		thresholds := metrics.NewThresholds([]string{expression})
		accepted := thresholds.Parse() == nil
		_, err := verdict.Evaluate(verdict.Input{Criteria: []verdict.Criterion{{
			Name: "row", Metric: "m", Pass: expression, Warning: expression, Unit: text.Count,
			Guard: verdict.Condition{Metric: "m", Expression: "count>0"},
		}}})
		require.Equal(t, accepted, err == nil, "%q: %v", expression, err)
	}
}
