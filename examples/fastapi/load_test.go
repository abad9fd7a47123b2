//go:build unix

package fastapi_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// The load: up to 32 users, each of whose requests holds a connection for 5 s,
// with half a second of thought between two. 15 connections serve 3 requests a
// second, so that a user would wait 32/3 - 5.5 = 5.2 s, which is more than the
// pool's timeout; 60 connections are more than there are users.
//
// The two sides differ while a connection is checked out and no statement has
// come: when it is opened, and for a moment in every request. So the users come
// one by one, and hold long rather than often.
const (
	loadUsers    = 32
	loadRamp     = 8 // seconds
	loadSeconds  = 17
	loadThink    = "0.5"
	loadHold     = "5"
	loadTimeout  = 3 * time.Second
	defaultsFull = 5 + 10
)

// TestLoadWithDefaultsAndTuned is the runbook's story on a real application:
// SQLAlchemy's defaults are exhausted, the tuned pool serves the same users.
func TestLoadWithDefaultsAndTuned(t *testing.T) {
	var defaults, tuned loaded
	t.Run("side by side", func(t *testing.T) { // requests sleep for 5 s: the two do not disturb each other
		t.Run("defaults", func(t *testing.T) {
			t.Parallel()
			defaults = load(t, 5, 10)
		})
		t.Run("tuned", func(t *testing.T) {
			t.Parallel()
			tuned = load(t, 20, 40)
		})
	})
	if t.Failed() {
		t.FailNow()
	}

	t.Run("defaults are exhausted", func(t *testing.T) { checkDefaults(t, defaults) })
	t.Run("tuned serves everyone", func(t *testing.T) { checkTuned(t, tuned) })
	t.Run("tuned answers sooner", func(t *testing.T) {
		require.Less(t, *tuned.summary.Overview.ResponseP95, *defaults.summary.Overview.ResponseP95)
	})
	for name, l := range map[string]loaded{"defaults": defaults, "tuned": tuned} {
		t.Run(name+" seen alike by the load test", func(t *testing.T) { checkLoadFigures(t, l) })
		t.Run(name+" seen alike by the monitor", func(t *testing.T) { checkMonitorFigures(t, l) })
		t.Run(name+" in the runbook's words", func(t *testing.T) { checkLines(t, l) })
	}
}

// loaded is what a load test and the monitor beside it left behind.
type loaded struct {
	size, capacity int
	k6, monitor    k6test.Result
	summary        verdict.Summary
	watch          watch
}

// load starts the application with a pool of that size and runs the load test
// against it, with `k6 x pgxpool monitor` beside it.
func load(t *testing.T, size, maxOverflow int) loaded {
	t.Helper()
	url, name := pgtest.Database(t), fmt.Sprintf("flowboard-%d", size) // sessions are counted by name on the whole server
	app := flowboardtest.Start(t, flowboardtest.Config{
		DatabaseURL: url, ApplicationName: name, PoolSize: size, MaxOverflow: maxOverflow, PoolTimeout: loadTimeout,
	})
	env := map[string]string{
		"DATABASE_URL":        url,
		"DB_APPLICATION_NAME": name,
		"DB_POOL_SIZE":        strconv.Itoa(size),
		"DB_MAX_OVERFLOW":     strconv.Itoa(maxOverflow),
		"BASE_URL":            app.BaseURL,
		"APP_URL":             app.BaseURL + "/health/pool",
		"ENDPOINT":            "/api/issues?hold=" + loadHold,
		"THINK":               loadThink,
		"INTERVAL":            "1",
		// Below FAIL is what counts here. Both pools live in their overflow, on
		// purpose; CPU and drift are those of a machine that runs other tests too.
		"GATE":  "fail",
		"WAIVE": "db_cpu,response_drift,overflow_time",
	}
	stop := startMonitor(t, env)
	result := k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "--quiet", "--vus", "1",
			"--stage", fmt.Sprintf("%ds:%d", loadRamp, loadUsers),
			"--stage", fmt.Sprintf("%ds:%d", loadSeconds-loadRamp, loadUsers),
			filepath.Join(k6test.Root(t), "scripts", "100users.js")},
		Env: env,
	})
	l := loaded{size: size, capacity: size + maxOverflow, k6: result, monitor: stop()}
	require.NoError(t, app.Stop())
	var err error
	l.summary, err = verdict.ParseSummary([]byte(result.File(t, "results/summary.json")))
	require.NoError(t, err, result.Output())
	l.watch = parseWatch(t, l.monitor)
	t.Logf("%d+%d, exit code %d, monitor's exit code %d\n%s%s", size, maxOverflow, result.Code, l.monitor.Code,
		result.Output(), l.monitor.Stderr)
	return l
}

func checkDefaults(t *testing.T, l loaded) {
	require.Equal(t, 99, l.k6.Code, "the gate does not hold")
	require.Equal(t, verdict.Fail, l.summary.Verdict)
	require.Equal(t, verdict.Fail, row(t, l, "success_rate").Verdict)
	timeouts := row(t, l, "pool_timeouts")
	require.Equal(t, verdict.Fail, timeouts.Verdict)
	require.Positive(t, *timeouts.Measured)
	require.Equal(t, *l.summary.Overview.Failed, *timeouts.Measured, "nothing failed but for a pool timeout")
	require.Equal(t, verdict.Fail, row(t, l, "active_connections").Verdict, "the pool is at its ceiling")

	require.InDelta(t, defaultsFull, *l.summary.Overview.PeakActive, 0, "the pool is full and never more than that")
	require.InDelta(t, defaultsFull, value(t, l, "app_pool_checked_out_sampled", "max"), 0)
	require.Equal(t, defaultsFull, l.watch.report.Active.Peak)
	require.Equal(t, "pool exhausted", l.watch.report.cause(), "the holders work in the database")
	require.Equal(t, "pool exhausted", l.summary.Diagnoses[0].Name, "as the load test sees it")
}

func checkTuned(t *testing.T, l loaded) {
	require.Zero(t, l.k6.Code, "the gate holds")
	require.Equal(t, verdict.Warning, l.summary.Verdict)
	success := row(t, l, "success_rate")
	require.Equal(t, verdict.Pass, success.Verdict)
	require.InDelta(t, 1, *success.Measured, 0)
	timeouts := row(t, l, "pool_timeouts")
	require.Equal(t, verdict.Pass, timeouts.Verdict)
	require.Zero(t, *timeouts.Measured)
	active := row(t, l, "active_connections")
	require.Equal(t, verdict.Warning, active.Verdict, "in overflow, and below the ceiling")
	require.True(t, row(t, l, "overflow_time").Waived)

	require.Greater(t, *l.summary.Overview.PeakActive, float64(defaultsFull), "more than the defaults allow")
	require.LessOrEqual(t, *l.summary.Overview.PeakActive, float64(loadUsers), "one connection a user")
	require.Equal(t, "none", l.watch.report.cause())
}

// checkLoadFigures holds the sessions that the load test saw in the database to
// the connections that the application counted.
func checkLoadFigures(t *testing.T, l loaded) {
	application := value(t, l, "app_pool_checked_out_sampled", "avg")
	database := value(t, l, "app_pool_active_sampled", "avg")
	require.InDelta(t, application, database, 1, "on average")
	t.Logf("in use on average: %.2f by the application, %.2f by the database", application, database)
}

// checkMonitorFigures does so for `k6 x pgxpool monitor`.
func checkMonitorFigures(t *testing.T, l loaded) {
	pairs := l.watch.underLoad()
	require.GreaterOrEqual(t, len(pairs), loadSeconds, "two samples a second, most of them answered")
	var database, application float64
	for _, s := range pairs {
		require.LessOrEqual(t, s.AppPool.CheckedOut, l.capacity)
		require.LessOrEqual(t, s.Active, l.capacity)
		database += float64(s.Active) / float64(len(pairs))
		application += float64(s.AppPool.CheckedOut) / float64(len(pairs))
	}
	require.InDelta(t, application, database, 1, "on average of %d samples", len(pairs))
	t.Logf("in use on average: %.2f by the application, %.2f by the database", application, database)
}

var statusLine = regexp.MustCompile(
	`(?m)^Pool Status: Active=(\d+), Available=(\d+), Total=(\d+), Utilization=(\d+\.\d)%(  # Using overflow)?$`)

// checkLines holds both programs to the line that the runbook shows.
func checkLines(t *testing.T, l loaded) {
	report := strings.Count(l.k6.Stdout, "Pool Status:")
	lines := statusLine.FindAllStringSubmatch(l.k6.Stdout, -1)
	require.Len(t, lines, report, "every line is the runbook's: %s", l.k6.Stdout)
	require.GreaterOrEqual(t, len(lines), loadSeconds/2, "a line a second, less what a busy machine swallows")
	overflows := 0
	for _, line := range lines {
		active, err := strconv.Atoi(line[1])
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(max(0, l.size-active)), line[2], line[0])
		require.Equal(t, strconv.Itoa(max(l.size, active)), line[3], line[0])
		require.Equal(t, active > l.size, line[5] != "", line[0])
		if line[5] != "" {
			overflows++
		}
	}
	require.Positive(t, overflows, "the runbook's comment is there: %s", l.k6.Stdout)
}

func row(t *testing.T, l loaded, name string) verdict.Row {
	t.Helper()
	for _, c := range l.summary.Criteria {
		if c.Name == name {
			return c
		}
	}
	require.Fail(t, "no such criterion", "%s in %v", name, l.summary.Criteria)
	return verdict.Row{}
}

func value(t *testing.T, l loaded, metric, statistic string) float64 {
	t.Helper()
	value, ok := l.summary.Metrics[metric].Values[statistic]
	require.True(t, ok, "%s of %s: %s", statistic, metric, l.k6.Output())
	return value
}
