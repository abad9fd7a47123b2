//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// brief makes an experiment's steps short. Connections are held for so long
// that the machine hardly matters.
func brief(settings ...string) []string {
	return append([]string{"DURATION=1", "SETTLE=0.2", "THINK=0", "HOLD=0.1", "SPREAD=constant"}, settings...)
}

func gauge(t *testing.T, r k6test.Result, name string) float64 {
	t.Helper()
	metric, ok := reportOf(t, r).Metrics[name]
	require.True(t, ok, "%s: %s", name, r.Output())
	return metric.Values["value"]
}

// Twelve users on two connections are served 20 times per second, on twelve
// connections up to 120 times.
func TestBeforeAfterScript(t *testing.T) {
	t.Parallel()
	r := scenario(t, "before-after.js", brief("DURATION=2", "CONCURRENT=12", "ROUNDS=3", "BEFORE=2+0", "AFTER=12+0")...)
	requireVerdictOfItsInterval(t, r)
	require.Less(t, gauge(t, r, "before_after_p95_ratio"), 0.6)
	require.Greater(t, gauge(t, r, "before_after_throughput_ratio"), 1.5)
	require.Contains(t, r.Stdout, "step 6 of 6, after, 12 users")
	require.Contains(t, r.File(t, "results/before-after.md"), "Before is 2 + 0, timeout 30s, recycle never, no pre-ping; after is 12 + 0, timeout 30s, recycle 1h, pre-ping.")
	require.Contains(t, r.File(t, "results/report.html"), "Before and after")
	require.Contains(t, r.File(t, "results/before-after.md"), "| Response p95 |")
}

// The other way round the same run fails: a report that hopes for the better
// would not notice.
func TestBeforeAfterScriptThatGetsWorse(t *testing.T) {
	t.Parallel()
	r := scenario(t, "before-after.js", brief("DURATION=2", "CONCURRENT=12", "ROUNDS=3", "POOLS=2", "BALANCE=least", "RETRIES=8", "RETRY_BACKOFF=0.01",
		"BEFORE=6+0", "AFTER=1+0,poolTimeout=0.4")...)
	require.NotZero(t, r.Code, r.Output())
	requireVerdictOfItsInterval(t, r)
	require.Greater(t, gauge(t, r, "before_after_p95_ratio"), 1.5)
	// In two pools of each size. Six users of one connection wait for 0.5 s, which is
	// more than they may: they try again.
	require.Regexp(t, `\| Retries \| \d+ \| [1-9]\d* \|`, r.File(t, "results/before-after.md"))
	require.Equal(t, "2", reportOf(t, r).Run.Configuration["pools"])
	text := r.File(t, "results/before-after.md")
	require.Contains(t, text, "Each step had 2 pools of its settings, as an application of 2 processes has, and requests were balanced over them (least).")
	require.Regexp(t, `\| Peak, fullest pool \| [1-6] \| 1 \|`, text)
	require.Regexp(t, `\| Peaks of all pools together \| \d+ \| 2 \|`, text)
	require.Regexp(t, `\| Busiest pool, over its equal share \| 1\.\d\d× \| 1\.\d\d× \|`, text)
}

// requireVerdictOfItsInterval wants what three rounds decided: how wide their
// interval is, the machine's other work decides too.
func requireVerdictOfItsInterval(t *testing.T, r k6test.Result) {
	t.Helper()
	low, high := gauge(t, r, "before_after_p95_ratio_low"), gauge(t, r, "before_after_p95_ratio_high")
	require.Less(t, low, gauge(t, r, "before_after_p95_ratio"), r.Output())
	require.Greater(t, high, gauge(t, r, "before_after_p95_ratio"), r.Output())
	want, code := verdict.Warning, exitThresholds
	switch {
	case high <= 1.1:
		want, code = verdict.Pass, 0
	case low > 1.1:
		want = verdict.Fail
	}
	require.Equal(t, want, rowOf(t, reportOf(t, r), "p95_ratio").Verdict, r.Output())
	require.Equal(t, code, r.Code, r.Output())
	sentence := "within the noise"
	switch {
	case high < 1:
		sentence = "Responses are faster after"
	case low > 1:
		sentence = "Responses are slower after"
	}
	require.Contains(t, r.Stdout, sentence)
}

// A single round tells no difference from noise, in either direction.
func TestBeforeAfterScriptOfOneRoundIsUndecided(t *testing.T) {
	t.Parallel()
	for gate, code := range map[string]int{"pass": exitThresholds, "fail": 0} {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			r := scenario(t, "before-after.js", brief("DURATION=3", "HOLD=0.1", "CONCURRENT=4", "ROUNDS=1", "BEFORE=1+0", "AFTER=4+0", "GATE="+gate)...)
			require.Equal(t, code, r.Code, r.Output())
			require.Equal(t, verdict.Warning, reportOf(t, r).Verdict)
			row := rowOf(t, reportOf(t, r), "p95_ratio")
			require.Equal(t, verdict.Warning, row.Verdict)
			require.Contains(t, row.Reason, "one round gives no confidence interval; raise ROUNDS")
			require.Contains(t, r.Stdout, "faster after, in the only round")
		})
	}
}

// Ten users never use more than ten connections, and on two they wait: here in two
// pools, of which one is sized.
func TestTuneScript(t *testing.T) {
	t.Parallel()
	r := scenario(t, "tune.js", brief("CONCURRENT=10", "ROUNDS=2", "POOLS=2", "BALANCE=least", "SIZES=1,6,1+9", "WAIVE=agreement,noise")...)
	require.Zero(t, r.Code, r.Output())
	require.GreaterOrEqual(t, gauge(t, r, "tune_connections"), 6.0)
	require.GreaterOrEqual(t, gauge(t, r, "tune_connections_low"), 6.0)
	require.Regexp(t, `Recommended: pool size \d+, max overflow \d+,\s+for\s+each\s+of\s+the\s+2\s+pools`, r.Stdout)
	require.Contains(t, r.Stdout, "DB_POOL_SIZE=")
	require.Contains(t, r.Stdout, "Cross-check with the models")
}

// N users on two connections take N/2 times 0.1 s: with a limit of 0.55 s that
// is ten users, or fewer where the machine takes its time too.
func TestCapacityScript(t *testing.T) {
	t.Parallel()
	settings := brief("DB_POOL_SIZE=2", "DB_MAX_OVERFLOW=0", "P95=550", "CONCURRENT=30", "STEPS=2,20", "RESOLUTION=0.5",
		"STEP_WAIVE=db_cpu,active_connections,response_drift,overflow_time")
	r := scenario(t, "capacity.js", append(settings, "WANTED=2")...)
	require.Zero(t, r.Code, r.Output())
	carried := gauge(t, r, "capacity_users")
	require.GreaterOrEqual(t, carried, 2.0)
	require.LessOrEqual(t, carried, 10.0)
	require.LessOrEqual(t, gauge(t, r, "capacity_low"), carried)
	require.GreaterOrEqual(t, gauge(t, r, "capacity_high"), carried)
	require.GreaterOrEqual(t, gauge(t, r, "capacity_broke"), carried, "the load that every second step carries may have broken once")
	require.Contains(t, r.Stdout, "no: Response p95")
}

// An open loop does not wait for those who wait: beyond 20 requests per second
// two connections fall behind, and arrivals find nobody free. They come at random:
// with 4 per second a step of a second without any is rare enough.
func TestCapacityScriptOfArrivals(t *testing.T) {
	t.Parallel()
	settings := brief("DB_POOL_SIZE=2", "DB_MAX_OVERFLOW=0", "CONCURRENT=8", "RATE=100", "STEPS=4,100", "RESOLUTION=0.5", "WANTED=50",
		"STEP_WAIVE=db_cpu,active_connections,response_drift,overflow_time")
	r := scenario(t, "capacity.js", settings...)
	require.Equal(t, exitThresholds, r.Code, r.Output())
	require.Less(t, gauge(t, r, "capacity_rate"), 40.0)
	require.Contains(t, r.Stdout, "no: Arrivals dropped")
}

// A real application with room for 3 requests of 0.5 s each answers 503 to who
// would wait 0.3 s: 3 users never do, and 12 cannot but.
func TestCapacityOfAnApplication(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	app := flowboardtest.Start(t, flowboardtest.Config{
		DatabaseURL: database, ApplicationName: "flowboard-capacity",
		PoolSize: 2, MaxOverflow: 1, PoolTimeout: 300 * time.Millisecond, Hold: 500 * time.Millisecond,
	})
	settings := brief("BASE_URL="+app.BaseURL, "DATABASE_URL="+database, "DB_APPLICATION_NAME=flowboard-capacity",
		"DB_POOL_SIZE=2", "DB_MAX_OVERFLOW=1", "THINK=0.1", "CONCURRENT=12", "STEPS=3,12", "WANTED=3",
		"STEP_WAIVE=db_cpu,active_connections,response_drift,overflow_time")
	r := scenario(t, "capacity.js", settings...)
	require.Zero(t, r.Code, r.Output())
	require.GreaterOrEqual(t, gauge(t, r, "capacity_users"), 3.0, r.Output())
	require.Less(t, gauge(t, r, "capacity_users"), 12.0, r.Output())
	var file experiment.File
	require.NoError(t, json.Unmarshal([]byte(r.File(t, "results/capacity.json")), &file))
	require.NotEmpty(t, file.Measurements)
	followsSchema(t, r, "capacity.json", "experiment")
	for _, m := range file.Measurements {
		require.NotNil(t, m.Pool, "the application's pool is watched")
		require.Positive(t, m.Pool.Active.Max)
		require.LessOrEqual(t, m.Pool.Active.Max, 3.0)
	}
}

// A run that is cut short keeps what it has, says that it is unfinished, and
// goes on where it ended.
func TestAnExperimentScriptIsResumed(t *testing.T) {
	t.Parallel()
	args := []string{"run", "--quiet", "-e", "DATABASE_URL=" + pgtest.Database(t)}
	for _, setting := range brief("CONCURRENT=4", "ROUNDS=2", "BEFORE=1+0", "AFTER=4+0", "WAIVE=p95_ratio") {
		args = append(args, "-e", setting)
	}
	script := filepath.Join(k6test.Root(t), "scripts", "before-after.js")
	cmd := k6test.Command(t.Context(), t, k6test.Run{Args: append(args, script)})
	output := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = output, output
	require.NoError(t, cmd.Start())
	path := filepath.Join(cmd.Dir, "results", "before-after.json")
	require.Eventually(t, func() bool {
		file, err := experiment.ReadFile(path)
		return err == nil && len(file.Measurements) > 0
	}, time.Minute, 20*time.Millisecond, "%s", output)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode(), "%s", output)
	require.Contains(t, output.String(), "Unfinished: ")
	first, err := experiment.ReadFile(path)
	require.NoError(t, err)
	require.Less(t, len(first.Measurements), 4)

	r := k6test.K6(t, k6test.Run{Args: append(args, "-e", "RESUME="+path, script)})
	require.Zero(t, r.Code, r.Output())
	require.NotContains(t, r.Stdout, "step 1 of 4")
	require.Contains(t, r.Stdout, "step 4 of 4")
	second, err := experiment.ReadFile(filepath.Join(r.Dir, "results", "before-after.json"))
	require.NoError(t, err)
	require.Len(t, second.Measurements, 4)
	followsSchema(t, r, "before-after.json", "experiment")
	require.Equal(t, first.Measurements, second.Measurements[:len(first.Measurements)])

	other := k6test.K6(t, k6test.Run{Args: append(args, "-e", "RESUME="+path, "-e", "CONCURRENT=5", script)})
	require.NotZero(t, other.Code)
	require.Contains(t, other.Output(), "users is 4 there and 5 now")
}

// lockedBuffer may be read while a process writes to it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// One answer: the pool that tune recommends for a load carries that load by
// capacity's criteria, and 100users.js passes on it.
func TestTuneCapacityAndTheLoadTestAgree(t *testing.T) {
	database := pgtest.Database(t)
	load := func(settings ...string) []string {
		return append([]string{"DATABASE_URL=" + database, "HOLD=0.05", "THINK=0.2", "DURATION=2",
			"DB_POOL_SAMPLE_INTERVAL=10ms"}, settings...)
	}
	// A machine with more work than cores may be slower between tune and its check.
	for attempt := 1; ; attempt++ {
		tuned := scenario(t, "tune.js", load("CONCURRENT=20", "SETTLE=0.5", "ROUNDS=1", "WAIVE=agreement,noise")...)
		require.Zero(t, tuned.Code, tuned.Output())
		pasted := regexp.MustCompile(`DB_POOL_SIZE=\d+\n +DB_MAX_OVERFLOW=\d+`).FindString(tuned.Stdout)
		require.NotEmpty(t, pasted, tuned.Output())
		settings := strings.Fields(pasted)

		var carried, run k6test.Result // on pools of their own, of users who sleep: they do not disturb each other
		var both sync.WaitGroup
		both.Go(func() {
			carried = scenario(t, "capacity.js", load(append(slices.Clip(settings), "CONCURRENT=40", "SETTLE=0.5", "STEPS=10,20,40", "WANTED=20",
				"RESOLUTION=0.5", "STEP_WAIVE=db_cpu,response_drift")...)...)
		})
		both.Go(func() {
			run = scenario(t, "100users.js", load(append(slices.Clip(settings), "CONCURRENT=20", "DURATION=5", "WAIVE="+k6test.Noisy)...)...)
		})
		both.Wait()
		if attempt < 3 && (gauge(t, carried, "capacity_users") < 20 || run.Code != 0) {
			continue
		}
		require.GreaterOrEqual(t, gauge(t, carried, "capacity_users"), 20.0, carried.Output())
		require.NotContains(t, carried.Stdout, "FAIL  capacity", carried.Output())
		require.Zero(t, run.Code, run.Output())
		return
	}
}

// The new generation of a deployment is refused where the fleet's plan says. The
// role is a superuser, whom reserved connections do not bind; others are two
// connections that read the CPU and one of this test.
func TestDeployFindsTheServerFullWhereThePlanSays(t *testing.T) {
	t.Parallel()
	srv := pgtest.Server(t, embedded.Config{MaxConnections: 20})
	var most int
	require.NoError(t, pgtest.Conn(t, srv.URL()).QueryRow(t.Context(), "SELECT current_setting('max_connections')::int").Scan(&most))
	size := most * 6 / 10
	fleet := filepath.Join(t.TempDir(), "fleet.yaml")
	require.NoError(t, os.WriteFile(fleet, fmt.Appendf(nil, "servers: { primary: { max_connections: %d, superuser_reserved_connections: 0, others: 2 } }\n"+
		"services: [{ name: app, server: primary, surge: 1, pool_size: %d }]\n", most, size), 0o600))
	plan := k6test.K6(t, k6test.Run{Args: []string{"x", "pgxpool", "plan", "--fleet", fleet, "--format", "json"}})
	require.Equal(t, exitThresholds, plan.Code, plan.Output())
	var budget struct {
		Limits []struct{ Allowed, Rest, Rollout int }
	}
	require.NoError(t, json.Unmarshal([]byte(plan.Stdout), &budget))
	require.Equal(t, 2*size, budget.Limits[0].Rollout)

	r := scenario(t, "deploy.js", "DATABASE_URL="+srv.URL(), fmt.Sprintf("DB_POOL_SIZE=%d", size), "DB_MAX_OVERFLOW=0")
	require.Zero(t, r.Code, r.Output())
	require.Equal(t, float64(budget.Limits[0].Allowed-size), 1+gauge(t, r, "deploy_opened"), "the first, and those opened beside the old ones: %s", r.Output())
	require.Equal(t, 1.0, reportOf(t, r).Metrics["deploy_refused"].Values["count"])
}
