//go:build unix

package conductor

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// withApplication is an experiment of two quick steps for two users on an
// application: a command line that is to listen at $PORT.
func withApplication(t *testing.T, command string, seconds float64) (*Conductor, *fakeTest) {
	t.Helper()
	t.Chdir(t.TempDir())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	t.Setenv("PORT", port)
	given := map[string]any{
		"plan": "before-after", "users": int64(2), "think": int64(0), "settle": int64(0), "duration": seconds, "rounds": int64(1),
		"before": "1+0", "after": "2+1",
		"application": map[string]any{"command": command, "url": "http://127.0.0.1:" + port, "ready": "/", "workers": int64(2)},
	}
	c, err := New(given, func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	require.True(t, c.IsFor(given), "they are not changed")
	t.Cleanup(c.Stop)
	return c, &fakeTest{}
}

func needPython(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		require.Empty(t, os.Getenv("CI"), "python3 must be installed in CI: %v", err)
		t.Skip(err)
	}
}

// server is an application.
const server = "/usr/bin/python3 -m http.server --bind 127.0.0.1 $PORT"

func TestEveryStepWaitsForTheSessionsOfTheOneBefore(t *testing.T) {
	needPython(t)
	c, test := withApplication(t, server, 0.2)
	require.NoError(t, c.TryApplication(t.Context(), test))
	var users sync.WaitGroup
	for range 2 {
		users.Go(func() { work(t.Context(), c, test) })
	}
	users.Wait()
	require.Empty(t, test.errors)
	require.Equal(t, "await no sessions, watch 1+0, await no sessions, watch 1+0, await no sessions, watch 2+1", strings.Join(test.calls, ", "))
	require.Len(t, c.measured(), 2)
	require.Equal(t, `"/usr/bin/python3 -m http.server --bind 127.0.0.1 $PORT"`, c.identity["workload"].(map[string]any)["command"])
}

func TestAnApplicationThatEndsDuringAStepEndsTheExperiment(t *testing.T) {
	needPython(t)
	c, test := withApplication(t, "/bin/sh -c 'echo $$ > pid; exec "+server+"'", 60)
	user := c.NewUser()
	s := user.Next(t.Context(), test.begin)
	require.NotNil(t, s)
	written, err := os.ReadFile("pid")
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(written)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	for s != nil {
		s = user.Next(t.Context(), test.begin)
	}
	require.Len(t, test.errors, 1)
	require.Contains(t, test.errors[0], `it ended during step "before" (signal: killed); `)
	require.Contains(t, test.errors[0], "results/app-01-before.log")
	require.Empty(t, c.measured())
}

func TestAStepWithMoreSessionsThanItsPoolIsRefused(t *testing.T) {
	c, _ := withApplication(t, "sleep 600", 0.2)
	config := pool.Config{Name: "flowboard", PoolSize: 2 * 5, MaxOverflow: 2 * 10}
	seen := func(sessions ...float64) timeline.Totals {
		recorder := &timeline.Recorder{}
		recorder.Begin("step", time.Now())
		for _, n := range sessions {
			recorder.Record([]timeline.Observation{{Measure: timeline.Total, At: time.Now(), Value: n, Pool: "flowboard"}})
		}
		return recorder.End(time.Now()).Totals
	}
	step := experiment.Step{Label: "before"}
	require.NoError(t, c.checkSessions(step, config, seen()))
	require.NoError(t, c.checkSessions(step, config, seen(30, 30, 31)), "one that is being closed")
	require.EqualError(t, c.checkSessions(step, config, seen(30, 60, 60)), `step "before": the server had 60 sessions of "flowboard", and 2 processes `+
		`with a pool of 5 + 10 each can have 30: the application has to read DB_POOL_SIZE and DB_MAX_OVERFLOW from its environment; with several processes say how many (WORKERS)`)
}

func TestACanceledTryLeavesNoApplication(t *testing.T) {
	c, test := withApplication(t, "sleep 600", 0.2)
	ended := make(chan error)
	go func() { ended <- c.TryApplication(t.Context(), test) }()
	require.Eventually(t, func() bool {
		_, err := os.Stat("results/app-start.log")
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	c.Stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Nil(t, c.NewUser().Next(t.Context(), test.begin), "it is over")
}
