package testrun

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	_ "go.k6.io/k6/v2/lib/executor" // registers the executors
)

// One of many users whose request never ends is no outage after the load; all users of a few are.
func TestOneOpenRequestIsNoOutage(t *testing.T) {
	for _, test := range []struct {
		open, users int
		want        bool
	}{{0, 0, false}, {0, 10, false}, {1, 100, false}, {4, 10, false}, {5, 10, true}, {1, 1, true}, {20, 100, true}, {1, 0, true}} {
		require.Equal(t, test.want, stopped(test.open, test.users), "%+v", test)
	}
}

// A scenario that ends by time does so before its gracefulStop; one of so many iterations when the last has begun, and
// at its maxDuration at the latest.
func TestTheLoadEndsWithItsScenarios(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		scenarios string
		last      time.Duration
		want      time.Duration
	}{
		"time":            {`{"a":{"executor":"constant-vus","vus":2,"duration":"10s"}}`, 4 * time.Second, 10 * time.Second},
		"iterations":      {`{"a":{"executor":"per-vu-iterations","vus":2,"iterations":5}}`, 4 * time.Second, 4 * time.Second},
		"shared":          {`{"a":{"executor":"shared-iterations","vus":2,"iterations":5}}`, 4 * time.Second, 4 * time.Second},
		"maxDuration":     {`{"a":{"executor":"shared-iterations","vus":2,"iterations":5,"maxDuration":"3s"}}`, 4 * time.Second, 3 * time.Second},
		"time after them": {`{"a":{"executor":"shared-iterations","vus":2,"iterations":5},"b":{"executor":"constant-vus","vus":2,"duration":"10s","startTime":"5s"}}`, 4 * time.Second, 15 * time.Second},
	} {
		var options lib.Options
		require.NoError(t, json.Unmarshal([]byte(`{"scenarios":`+test.scenarios+`}`), &options), name)
		got := endOfLoad(options, &lib.ScenarioState{Name: "a", StartTime: start}, start.Add(test.last))
		require.Equal(t, test.want, got.Sub(start), name)
	}
	require.Zero(t, endOfLoad(lib.Options{}, nil, start))
}
