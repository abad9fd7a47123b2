package diagnosis

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Of a run that several runners made there are only the sums and the levels:
// what happened at once is gone, the rest is named all the same.
func TestDiagnosisOfSeveralRunners(t *testing.T) {
	for name, happen := range troubles {
		s := newStory()
		s.healthy()
		happen(s)
		var facts Facts
		facts.Merged(*timeline.Condense(s.recorder.Snapshot()))
		facts.Pools[0].Size, facts.Pools[0].Capacity = 20, 60
		facts.Requests = s.facts.Requests
		found := Of(facts)
		switch name {
		case reconnectStorm: // a wave is one only in its second
			require.Empty(t, found, name)
		case serverRestarted: // refused and lost, but nobody knows when
			require.Equal(t, staleConnections, found[0].Name)
		default:
			require.Equal(t, name, found[0].Name)
		}
	}
}

// A file that was made to keep a reader busy, or to break it, is none of ours.
func TestApplicationsOfAFileAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Application){
		"no pool":               func(a *Application) { a.Watched.Pool.Size = 0 },
		"a huge count":          func(a *Application) { a.Watched.Usage.Full = 1 << 60 },
		"a huge count in parts": func(a *Application) { a.Watched.Server.Statistics.Sessions = 1 << 60 },
		"no number":             func(a *Application) { a.Watched.Held.LongestIdle = math.NaN() },
		"a worker of nothing":   func(a *Application) { a.Watched.Fullest = &monitor.WorkerReport{} },
		"a long statement": func(a *Application) {
			a.Watched.Blocker = &monitor.Session{Statement: strings.Repeat("x", 5000)}
		},
		"a status":       func(a *Application) { a.Responses.Failed = []FailedResponses{{Status: 10_000}} },
		"too many kinds": func(a *Application) { a.Responses.Failed = make([]FailedResponses, 20_000) },
	} {
		a := Application{Watched: full()}
		require.NoError(t, a.Check())
		change(&a)
		require.Error(t, a.Check(), name)
	}
}
