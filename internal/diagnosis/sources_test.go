package diagnosis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Of a run that several runners made there are only the sums and the levels:
// what happened at once is gone, the rest is named all the same.
func TestDiagnosisOfSeveralRunners(t *testing.T) {
	for name, happen := range troubles {
		s := newStory()
		s.healthy()
		happen(s)
		var facts diagnosis.Facts
		facts.Merged(*timeline.Condense(s.recorder.Snapshot()))
		facts.Pools[0].Size, facts.Pools[0].Capacity = 20, 60
		facts.Requests = s.facts.Requests
		found := diagnosis.Of(facts)
		switch name {
		case diagnosis.ReconnectStorm: // a wave is one only in its second
			require.Empty(t, found, name)
		case diagnosis.ServerRestarted: // refused and lost, but nobody knows when
			require.Equal(t, diagnosis.StaleConnections, found[0].Name)
		default:
			require.Equal(t, name, found[0].Name)
		}
	}
}
