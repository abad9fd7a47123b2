package testrun

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	_ "go.k6.io/k6/v2/lib/executor" // registers what scenarios name

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestTheUsersOfAnExperimentAreThoseOfThisRunner(t *testing.T) {
	run, state := started(t)
	e := run.Experiment(state, "capacity")
	users, err := e.Users()
	require.NoError(t, err)
	require.Zero(t, users, "nothing is known of them")
	require.NoError(t, json.Unmarshal([]byte(`{"scenarios":{"all":{"executor":"per-vu-iterations","vus":6}}}`), &state.Options))
	users, err = e.Users()
	require.NoError(t, err)
	require.Equal(t, 6, users)
	state.Options.ExecutionSegment, err = lib.NewExecutionSegmentFromString("0:1/2")
	require.NoError(t, err)
	users, err = e.Users()
	require.NoError(t, err)
	require.Equal(t, 3, users)
}

// A step of an experiment on an application begins without sessions of the step
// before.
func TestAStepWaitsUntilTheServerHasNoSession(t *testing.T) {
	m := &Application{settings: monitor.Settings{Select: monitor.Selection{Application: "flowboard"}}}
	const limit = 300 * time.Millisecond
	require.NoError(t, m.awaitNoSessions(t.Context(), limit), "nobody looks")

	m.cancel = func() {}
	keep := func(s monitor.Sample) { m.latest.Store(&s) }
	open := func(sessions int, after time.Duration) {
		time.AfterFunc(after, func() {
			keep(monitor.Sample{Time: time.Now(), Database: &monitor.Database{Sessions: monitor.Sessions{Open: sessions}}})
		})
	}
	keep(monitor.Sample{Time: time.Now().Add(-time.Second), Database: &monitor.Database{}})
	open(2, limit/10)
	require.EqualError(t, m.awaitNoSessions(t.Context(), limit), `the server has 2 sessions of "flowboard" although the application does not run: `+
		`end them, or give the application a name of its own (DB_APPLICATION_NAME)`)
	open(0, limit/10)
	require.NoError(t, m.awaitNoSessions(t.Context(), time.Minute))
	keep(monitor.Sample{Time: time.Now().Add(time.Second), Err: io.EOF})
	require.ErrorIs(t, m.awaitNoSessions(t.Context(), limit), io.EOF)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, m.awaitNoSessions(ctx, time.Minute), context.Canceled)
}

// Of several processes the watched pool is the sum.
func TestTheWatchedPoolIsOfAllProcesses(t *testing.T) {
	m := &Application{
		settings: monitor.Settings{Select: monitor.Selection{Role: "app"}, Workers: 4}, size: pool.Config{PoolSize: 20, MaxOverflow: 40},
	}
	m.latest.Store(new(monitor.Sample))
	require.Equal(t, pool.Config{Name: "role app", PoolSize: 80, MaxOverflow: 160}, m.pool())
	m.resize(pool.Config{PoolSize: 5, MaxOverflow: 10, PoolTimeout: time.Second})
	require.Equal(t, pool.Config{Name: "role app", PoolSize: 20, MaxOverflow: 40, PoolTimeout: time.Second}, m.pool())
	size, resized := m.takeSize()
	require.True(t, resized)
	require.Equal(t, monitor.Pool{Size: 5, MaxOverflow: 10, Timeout: 1}, size)
	_, resized = m.takeSize()
	require.False(t, resized)
}
