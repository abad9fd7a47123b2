//go:build unix

package fastapi_test

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// The load of the experiments: 30 users who hold a connection for a second and
// think for 0.3 s. 15 connections serve 15 requests a second, and a user waits
// 30/15 - 1.3 = 0.7 s for one; 60 are more than there are users.
const (
	experimentUsers = 30
	experimentThink = 300 * time.Millisecond
	experimentHold  = time.Second
)

// compared are the steps of one run of before-after.js with 5+10 and 20+40.
type compared struct{ before, after experiment.Measurement }

// TestExperimentsOnTheApplicationAgree runs the same experiment on a pool of ours
// and on the application with one and with four workers, and asks the model.
func TestExperimentsOnTheApplicationAgree(t *testing.T) {
	flowboardtest.RequirePackages(t)
	url := pgtest.Database(t)
	var own, one, four compared
	t.Run("side by side", func(t *testing.T) {
		t.Run("own pool", func(t *testing.T) {
			t.Parallel()
			own = compare(t, map[string]string{"DATABASE_URL": url, "HOLD": "1", "SPREAD": "constant"})
		})
		t.Run("application", func(t *testing.T) { // its workers keep a core busy when they start
			t.Parallel()
			one, four = compareApplication(t, url, 1), compareApplication(t, url, 4)
		})
	})
	if t.Failed() {
		t.FailNow()
	}
	for name, c := range map[string]compared{"own pool": own, "one worker": one, "four workers": four} {
		t.Logf("%s: %.0f ms with 5+10, %.0f ms with 20+40", name, c.before.Request.Mean, c.after.Request.Mean)
	}
	if one.after.Request.Mean >= 0.9*one.before.Request.Mean || four.before.Request.Mean >= one.before.Request.Mean {
		// Workers that get too little of the processor answer late with any pool.
		one, four = compareApplication(t, url, 1), compareApplication(t, url, 4)
		t.Logf("once more, one after the other: one worker %.0f and %.0f ms, four workers %.0f ms",
			one.before.Request.Mean, one.after.Request.Mean, four.before.Request.Mean)
	}
	// Holds are never shorter than they should be, however busy the machine is.
	shortest := 1000*experimentHold.Seconds() + 0.8*modelWait(t, 1, 15)
	for name, c := range map[string]compared{"own pool": own, "one worker": one} {
		require.Greater(t, c.before.Request.Mean, shortest, name)
		require.Less(t, c.after.Request.Mean, 0.9*c.before.Request.Mean, name)
	}
	require.Less(t, modelWait(t, 1, 60), 0.1*modelWait(t, 1, 15))
	// Four times 5+10 are as many as 20+40: what is left is that some workers are
	// asked more than others.
	require.Less(t, modelWait(t, 4, 15), 0.5*modelWait(t, 1, 15))
	require.Less(t, four.before.Request.Mean, one.before.Request.Mean)
}

func modelWait(t *testing.T, pools, connections int) float64 {
	t.Helper()
	solved, err := sizing.ClosedLoop{
		Users: experimentUsers, Think: experimentThink, Hold: experimentHold, Pools: pools, Connections: connections, PoolTimeout: 30 * time.Second,
	}.Solve()
	require.NoError(t, err)
	return float64(solved.MeanWait()) / float64(time.Millisecond)
}

// compareApplication lets the script start the application. Nothing else may have
// more sessions than a step's pools allow.
func compareApplication(t *testing.T, url string, workers int) compared {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	name := fmt.Sprintf("flowboard-%d", workers)
	c := compare(t, map[string]string{
		"DATABASE_URL":        url,
		"DB_APPLICATION_NAME": name,
		"BASE_URL":            "http://127.0.0.1:" + port,
		"ENDPOINT":            "/api/issues?hold=1",
		"APP_READY":           "/health",
		"APP_COMMAND": fmt.Sprintf("%s -m uvicorn --app-dir '%s' --port %s --workers $WORKERS --no-access-log app.main:app",
			flowboardtest.Python(), filepath.Join(k6test.Root(t), "examples", "fastapi"), port),
		"WORKERS": strconv.Itoa(workers),
		// Which worker a request meets is chosen anew each time, as the model has it.
		"K6_NO_CONNECTION_REUSE": "true",
	})
	for m, limit := range map[*experiment.Measurement]int{&c.before: workers * 15, &c.after: workers * 60} {
		require.Equal(t, limit, m.Pool.Capacity)
		require.Positive(t, m.Pool.Open)
		require.LessOrEqual(t, m.Pool.Open, float64(limit), "sessions in step %s", m.Step.Label)
	}
	conn := pgtest.Conn(t, url)
	var left int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name).Scan(&left))
	require.Zero(t, left, "the application has ended")
	return c
}

func compare(t *testing.T, env map[string]string) compared {
	t.Helper()
	for name, value := range map[string]string{
		"CONCURRENT": strconv.Itoa(experimentUsers), "THINK": experimentThink.String(), "ROUNDS": "1", "SETTLE": "2", "DURATION": "3",
		"BEFORE": "5+10", "AFTER": "20+40", "GATE": "fail",
	} {
		env[name] = value
	}
	r := k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", "-q", filepath.Join(k6test.Root(t), "scripts", "before-after.js")}, Env: env})
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stdout, "Before → after")
	var file experiment.File
	require.NoError(t, json.Unmarshal([]byte(r.File(t, "results/before-after.json")), &file))
	require.Len(t, file.Measurements, 2)
	c := compared{file.Measurements[0], file.Measurements[1]}
	require.Equal(t, "before after", c.before.Step.Label+" "+c.after.Step.Label)
	require.Zero(t, c.before.Failed+c.after.Failed, r.Output())
	if env["APP_COMMAND"] != "" {
		for _, log := range []string{"start", "01-before", "02-after"} {
			require.Contains(t, r.File(t, "results/app-"+log+".log"), "Uvicorn running on", log)
		}
		require.Contains(t, strings.Join(strings.Fields(r.Stdout), " "), "Peak in use")
	}
	return c
}
