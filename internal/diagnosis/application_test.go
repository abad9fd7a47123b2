package diagnosis_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// watched is an application's pool as its database shows it.
func watched(active func(second int) float64, requests func(second int) int) *story {
	s := newStory()
	s.pool, s.facts.Requests.HTTP = "flowboard", true
	for second := range 30 {
		s.add(timeline.Active, active(second))
		s.add(timeline.Total, active(second))
		s.add(timeline.Request, slices.Repeat([]float64{20}, requests(second))...)
		s.second++
	}
	return s
}

func TestDiagnosisOfAnApplication(t *testing.T) {
	constant := func(n int) func(int) int { return func(int) int { return n } }
	level := func(n float64) func(int) float64 { return func(int) float64 { return n } }
	rising := func(second int) float64 { return float64(second) }

	require.Empty(t, watched(level(12), constant(50)).names(t))
	require.Equal(t, []string{diagnosis.PoolExhausted}, watched(level(60), constant(50)).names(t))
	require.Equal(t, []string{diagnosis.ConnectionLeak}, watched(rising, constant(50)).names(t))
	require.Empty(t, watched(func(second int) float64 { return min(10, float64(second)) }, constant(50)).names(t), "it rises no more")
	require.Empty(t, watched(func(second int) float64 { return float64(second) / 2.1 }, constant(50)).names(t), "not yet half of poolSize")
	require.Empty(t, watched(rising, func(second int) int { return 2 * second }).names(t), "more work takes more connections")

	for _, atCeiling := range []bool{false, true} {
		s, want := watched(level(12), constant(50)), diagnosis.Possible
		if atCeiling {
			s, want = watched(level(60), constant(50)), diagnosis.Certain
		}
		s.facts.Requests.Timeouts = 12
		d := s.diagnoses(t)
		require.Equal(t, diagnosis.PoolExhausted, d[0].Name)
		require.Equal(t, want, d[0].Confidence)
	}
}
