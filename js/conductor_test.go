package js

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/timeline"
	"github.com/flowboard/xk6-pgxpool/verdict"
)

func TestAStepTellsItsDriftOnlyOfEnoughResponses(t *testing.T) {
	driftAfter := func(responses int) *float64 {
		var drift verdict.Drift
		var measured timeline.Totals
		began := time.Now()
		for i := range responses {
			ms := 10.0
			if i > responses/2 {
				ms = 20
			}
			require.NoError(t, drift.Add(began.Add(time.Duration(i)*10*time.Millisecond), ms))
			measured.Requests.Duration.Add(ms)
		}
		return driftOf(&drift, measured)
	}
	require.Nil(t, driftAfter(3*driftResponses-1))
	require.InEpsilon(t, 2, *driftAfter(3 * driftResponses), 0.02)
	require.Nil(t, driftOf(&verdict.Drift{}, timeline.Totals{}))
}
