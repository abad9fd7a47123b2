package conductor

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// admit is whether a turn was given.
func admit(ctx context.Context, s *Stage, first bool) bool {
	_, ok := s.admit(ctx, first)
	return ok
}

func TestAStageThatIsOverAdmitsNobody(t *testing.T) {
	s := newStage(1, time.Hour, false)
	admitted := make(chan bool)
	go func() { admitted <- admit(t.Context(), s, true) }()
	s.stop()
	require.False(t, <-admitted, "who is thinking is told")
	require.False(t, admit(t.Context(), s, false))
	<-s.drained
	s.stop() // twice is no harm
}

func TestAStageIsDrainedByItsLastTurn(t *testing.T) {
	s := newStage(2, 0, false)
	require.True(t, admit(t.Context(), s, true))
	require.True(t, admit(t.Context(), s, true))
	s.stop()
	s.leave()
	select {
	case <-s.drained:
		require.Fail(t, "one turn is still under way")
	default:
	}
	s.leave()
	<-s.drained
}

func TestAUserWhoIsCutOffIsNotAdmitted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, admit(ctx, newStage(1, time.Hour, false), false))
}

func TestArrivalsComeAtTheirRateAndAreDroppedWhereNobodyIsFree(t *testing.T) {
	s := newStage(1, 0, true)
	var dropped, last atomic.Int64 // last is when, after began, the latest came
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		s.arrive(2000, func(arrived time.Time) {
			dropped.Add(1)
			last.Store(int64(arrived.Sub(began)))
		})
	}()
	served, until := 0, time.Duration(0)
	for time.Since(began) < 500*time.Millisecond {
		arrived, ok := s.admit(t.Context(), false)
		require.True(t, ok)
		require.WithinRange(t, arrived, began, time.Now())
		served++
		until = max(until, arrived.Sub(began))
		time.Sleep(time.Millisecond) // a user who is busy: more than one arrival in two finds nobody
		s.leave()
	}
	s.stop()
	<-ended
	// Until the latest arrival: a busy machine may be late with those after it.
	rate := float64(int64(served)+dropped.Load()) / max(until, time.Duration(last.Load())).Seconds()
	// 1000 arrivals of a Poisson process are 1000 +- 32: 4 standard deviations.
	require.InEpsilon(t, 2000, rate, 0.15)
	require.Positive(t, dropped.Load())
	require.Positive(t, served)
}
