package testrun

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	_ "go.k6.io/k6/v2/lib/executor" // registers what scenarios name
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
