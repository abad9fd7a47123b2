package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
)

// planRun is one call of `k6 x pgxpool plan` in a directory of its own.
type planRun struct {
	env    map[string]string
	dotEnv string
}

func (r planRun) plan(t *testing.T, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if r.dotEnv != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(r.dotEnv), 0o600))
	}
	gs := state.NewGlobalState(t.Context())
	gs.Env = r.env
	gs.Getwd = func() (string, error) { return dir, nil }
	var output bytes.Buffer
	gs.Stdout.Writer = &output
	cmd := newRoot(gs, nil)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true // as k6 does
	cmd.SetArgs(append([]string{"plan"}, args...))
	err := cmd.Execute()
	return output.String(), err
}

func (r planRun) json(t *testing.T, args ...string) poolPlan {
	t.Helper()
	output, err := r.plan(t, append(args, "--format", "json")...)
	if code := planExitCode(err); code != exitcodes.ThresholdsHaveFailed {
		require.NoError(t, err)
	}
	var plan poolPlan
	require.NoError(t, json.Unmarshal([]byte(output), &plan))
	return plan
}

func planExitCode(err error) exitcodes.ExitCode {
	var coded errext.HasExitCode
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 0
}

var sixteenWorkers = []string{"--users", "100", "--hold", "20ms", "--think", "1s", "--instances", "4", "--workers", "4"}

func TestPlanRefusesWhatDoesNotFit(t *testing.T) {
	output, err := planRun{}.plan(t, sixteenWorkers...)
	require.Equal(t, `100 users, each holding a connection for 20 ms and thinking for 1 s
4 instances × 4 workers = 16 pools; a request goes to any of them, at random

                                    given   recommended
pool size + max overflow          20 + 40         2 + 2
connections (96 available)            960            64
  in use on average          1.96 (0.2 %)  1.96 (3.1 %)
  time in overflow                  0.0 %        0.03 %
requests per second                 98.04         98.04
wait for a connection, mean          0 ms      <0.01 ms
  p95 (target: 10 ms)                0 ms          0 ms
  checkouts that wait               0.0 %       <0.01 %
  that time out after 30 s          0.0 %         0.0 %

Connections for a p95 wait of 10 ms            each pool   all  leaves out
  runbook: 100 requests / 5 per connection            20   320  hold, think, number of pools, wait
  Little: 98.04/s × 20 ms in use                   0.123  1.96  all waiting: this is the mean
  Erlang C: arrivals at that rate                      2    32  that users wait before they ask again
  closed loop: nobody waits for longer                 2    32  slow outliers, opening connections
  runbook: less than 80 % in use at p95                2    32  the wait
  closed loop, if all workers shared one pool          –     5  only possible with PgBouncer

Budget (PostgreSQL's defaults; --url reads the server's)
  server        100 max_connections - 3 superuser_reserved - 0 reserved - 0 others - 1 to read the CPU = 96
  given         4 instances × 4 workers × (20 + 40) = 960: DOES NOT FIT, 864 too many
  recommended   4 instances × 4 workers × (2 + 2) = 64: fits, 32 to spare (2 more instances while deploying)
  would fit     size + overflow of 96 / 16 = 6 at most, or max_connections = 964

# .env: the smallest pool that meets target and runbook, and the same number as overflow for spikes
DB_POOL_SIZE=2
DB_MAX_OVERFLOW=2
DB_POOL_TIMEOUT=30
`, output)
	require.EqualError(t, err, "the pool does not fit the server: 4 instances × 4 workers × (20 + 40) = 960 connections, "+
		"max_connections leaves 96; size + overflow of at most 6 would fit")
	require.Equal(t, exitcodes.ThresholdsHaveFailed, planExitCode(err))
}

// What is recommended is accepted when it is given.
func TestPlanAcceptsItsOwnAdvice(t *testing.T) {
	for _, load := range [][]string{
		sixteenWorkers,
		{"--users", "300", "--hold", "100ms", "--think", "500ms", "--workers", "2"},
		{"--users", "50", "--hold", "1s", "--think", "0s", "--max-connections", "500"},
		{"--users", "500", "--hold", "30ms", "--instances", "3", "--workers", "8", "--pgbouncer-pool-size", "4", "--size", "1"},
	} {
		t.Run(strings.Join(load, " "), func(t *testing.T) {
			first, err := planRun{}.plan(t, load...)
			if code := planExitCode(err); code != exitcodes.ThresholdsHaveFailed {
				require.NoError(t, err)
			}
			_, dotEnv, found := strings.Cut(first, "# .env")
			require.True(t, found)
			dotEnv, pgBouncer, found := strings.Cut(dotEnv, "# pgbouncer.ini\ndefault_pool_size = ")
			if found {
				size, _, _ := strings.Cut(pgBouncer, "\n")
				load = append(load, "--pgbouncer-pool-size", size)
			}
			taken := load[:0:0]
			for i := 0; i < len(load); i += 2 {
				if load[i] != "--size" {
					taken = append(taken, load[i], load[i+1])
				}
			}
			second := planRun{dotEnv: "#" + dotEnv}.json(t, taken...)
			require.True(t, second.Given.Fits)
			require.True(t, second.Given.TargetMet)
			require.Equal(t, second.Given, *second.Recommended)
		})
	}
}

func TestPlanOneScreen(t *testing.T) {
	for _, args := range [][]string{
		sixteenWorkers,
		{"--users", "10000", "--hold", "19.37ms", "--think", "61.3s", "--instances", "1000"},
		append([]string{"--pgbouncer-pool-size", "9"}, sixteenWorkers...),
		{"--users", "2000", "--hold", "50ms", "--instances", "8", "--workers", "4", "--reserved", "10"},
	} {
		output, _ := planRun{}.plan(t, args...)
		lines := strings.Split(output, "\n")
		require.LessOrEqual(t, len(lines), 42, "%s", output)
		for _, line := range lines {
			require.LessOrEqual(t, len([]rune(line)), 110, "%s", line)
		}
	}
}

func TestPlanTakesThePoolFromTheEnvironment(t *testing.T) {
	given := func(r planRun, args ...string) [3]float64 {
		plan := r.json(t, append(args, "--hold", "5ms")...)
		return [3]float64{float64(plan.Given.PoolSize), float64(plan.Given.MaxOverflow), plan.Given.PoolTimeoutMs}
	}
	require.Equal(t, [3]float64{20, 40, 30_000}, given(planRun{}), "the runbook's")

	file := planRun{dotEnv: "DB_POOL_SIZE=5\nDB_MAX_OVERFLOW=10\nDB_POOL_TIMEOUT=7\n"}
	require.Equal(t, [3]float64{5, 10, 7000}, given(file))

	file.env = map[string]string{"DB_POOL_SIZE": "6", "DB_POOL_TIMEOUT": "1500ms"}
	require.Equal(t, [3]float64{6, 10, 1500}, given(file), "the process wins over the file")
	require.Equal(t, [3]float64{8, 0, 2000}, given(file, "--size", "8", "--max-overflow", "0", "--pool-timeout", "2s"), "flags win")

	file.env["DB_POOL_USE_LIFO"] = "sometimes"
	require.Equal(t, [3]float64{6, 10, 1500}, given(file), "what concerns other commands is not read")
}

func TestPlanSaysWhenTheTargetIsMissed(t *testing.T) {
	output, err := planRun{}.plan(t, "--users", "2000", "--hold", "50ms", "--instances", "8", "--workers", "4",
		"--size", "3", "--max-overflow", "0")
	require.NoError(t, err, "it fits, which is all that is refused")
	require.Contains(t, output, "The target needs 8 connections in each pool, 256 in all; max_connections leaves 96.")
	require.Contains(t, output, "# .env: the largest pool that fits; it misses the target\nDB_POOL_SIZE=3\nDB_MAX_OVERFLOW=0\n")
}

func TestPlanWithMorePoolsThanConnections(t *testing.T) {
	output, err := planRun{}.plan(t, "--hold", "200ms", "--instances", "30", "--workers", "4")
	require.ErrorContains(t, err, "not even one connection for each of 120 pools fits")
	require.Contains(t, output, "Nothing fits: 120 pools need at least 120 connections and max_connections leaves 96.")
	require.NotContains(t, output, ".env")
	require.Nil(t, planRun{}.json(t, "--hold", "200ms", "--instances", "30", "--workers", "4").Recommended)

	output, err = planRun{}.plan(t, "--hold", "200ms", "--max-connections", "3")
	require.ErrorContains(t, err, "not even one connection for the one pool fits")
	require.Contains(t, output, "Nothing fits: 1 pool needs at least 1 connection and max_connections leaves 0.")
}

// A pool has at most pool.MaxConnections, however many would be needed.
func TestPlanRecommendsNoPoolThatIsRefused(t *testing.T) {
	load := []string{"--users", "12000", "--hold", "1s", "--think", "0", "--max-connections", "100000"}
	plan := planRun{}.json(t, load...)
	require.Equal(t, 10_000, plan.Recommended.PoolSize+plan.Recommended.MaxOverflow)
	require.False(t, plan.Recommended.TargetMet)
	require.Contains(t, plan.Notes[0], "connections in each pool, and a pool has at most 10000.")
	again := planRun{}.json(t, append(load, "--size", "10000", "--max-overflow", "0")...)
	require.Equal(t, *plan.Recommended, again.Given)
}

// Whatever is waited for in PgBouncer, no error names a hold time that nobody gave.
func TestPlanBehindAFarTooSmallPgBouncer(t *testing.T) {
	plan := planRun{}.json(t, "--users", "1000", "--hold", "10h", "--think", "0", "--pgbouncer-pool-size", "2")
	require.Greater(t, plan.Given.PgBouncer.MeanWaitMs, 24*3600*1000.0)
}

func TestPlanCountsOtherApplications(t *testing.T) {
	plan := planRun{}.json(t, "--hold", "5ms", "--max-connections", "200", "--reserved", "150")
	require.Equal(t, 46, plan.Server.Available)
	require.Equal(t, -14, plan.Given.Spare)
	require.False(t, plan.Given.Fits)
	require.Equal(t, "--max-connections", plan.Server.Source)
}

// Overload: half of the checkouts time out, and the wait includes those.
func TestPlanPredictsTimeouts(t *testing.T) {
	plan := planRun{}.json(t, "--users", "100", "--hold", "1s", "--think", "0", "--pool-timeout", "3s", "--size", "5", "--max-overflow", "10")
	require.InDelta(t, 0.477, plan.Given.Timeouts, 0.001)
	require.InDelta(t, 3000, plan.Given.PercentileWaitMs, 0)
	require.InDelta(t, 15, plan.Given.Throughput, 1e-6)
	require.False(t, plan.Given.TargetMet)
}

func TestPlanBehindPgBouncer(t *testing.T) {
	load := []string{"--users", "100", "--hold", "150ms", "--instances", "2", "--workers", "2", "--max-overflow", "10"}
	plan := func(args ...string) planOutcome { return planRun{}.json(t, append(args, load...)...).Given }

	short := plan("--size", "5", "--pgbouncer-pool-size", "8")
	require.Equal(t, 8, short.Needed)
	require.Equal(t, 60, short.Clients)
	require.InDelta(t, 100/(8/0.15)-1.15, short.PgBouncer.MeanWaitMs/1000, 0.001, "saturated: N/X - S - Z")
	require.InDelta(t, 8/0.15, short.Throughput, 2)

	enough := plan("--size", "5", "--pgbouncer-pool-size", "60")
	require.Zero(t, enough.PgBouncer.MeanWaitMs, "a server connection for every client")
	require.Equal(t, 60, enough.Needed)

	advice := planRun{}.json(t, append(load, "--pgbouncer-pool-size", "8")...)
	require.Contains(t, advice.Notes, "PgBouncer's max_client_conn must be at least 64, with the given pools at least 120; its default is 100.")
	require.Equal(t, 19, advice.Recommended.PgBouncerPoolSize)
	require.True(t, advice.Recommended.TargetMet)
}

// Where the pools let few clients through, these wait in PgBouncer for each
// other only, and the rest in front of the pools.
func TestPlanPgBouncerSeesNoMoreThanItsClients(t *testing.T) {
	plan := planRun{}.json(t, "--users", "100", "--hold", "150ms", "--think", "0", "--size", "10", "--max-overflow", "0",
		"--pgbouncer-pool-size", "8")
	require.InDelta(t, (10-8)*150.0/8, plan.Given.PgBouncer.MeanWaitMs, 0.1)
	require.InDelta(t, 8/0.15, plan.Given.Throughput, 0.1)
}

func TestPlanRefusesBadInput(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"--users", "5"}, "--hold is missing; give the mean time a request holds its connection, such as 20ms: pgxpool_use_duration measures it; or --from with what k6 x pgxpool measure wrote"},
		{[]string{"--hold", "5ms", "--users", "0"}, "--users: 0 is not accepted; use 1 to 100000"},
		{[]string{"--hold", "0"}, "--hold: 0s is not accepted; use more than 0 and at most 24h"},
		{[]string{"--hold", "48h"}, "--hold: 48h0m0s is not accepted; use more than 0 and at most 24h"},
		{[]string{"--hold", "5ms", "--instances", "0"}, "--instances: 0 is not accepted; use 1 to 10000"},
		{[]string{"--hold", "5ms", "--workers", "-2"}, "--workers: -2 is not accepted; use 1 to 10000"},
		{[]string{"--hold", "5ms", "--size", "0"}, "--size: 0 is not accepted; use an integer from 1 to 10000 (SQLAlchemy's 0, no limit, is not offered)"},
		{[]string{"--hold", "5ms", "--wait-target", "60s"}, "--target-wait: 1m0s is not accepted; use at most the pool timeout, 30s"},
		{[]string{"--hold", "5ms", "--percentile", "100"}, "--percentile: 100 is not accepted; use a number above 0 and below 100"},
		{[]string{"--hold", "5ms", "--percentile", "NaN"}, "--percentile: NaN is not accepted; use a number above 0 and below 100"},
		{[]string{"--hold", "5ms", "--max-connections", "0"}, "--max-connections: 0 is not accepted; use 1 to 262143"},
		{[]string{"--hold", "5ms", "--reserved", "-1"}, "--reserved: -1 is not accepted; use 0 to 262143"},
		{[]string{"--hold", "5ms", "--pgbouncer-pool-size", "0"}, "--pgbouncer-pool-size: 0 is not accepted; use 1 or more, or leave it out"},
		{[]string{"--hold", "5ms", "--format", "yaml"}, `--format: "yaml" is not accepted; use text or json`},
	} {
		output, err := planRun{}.plan(t, row.args...)
		require.EqualError(t, err, row.want)
		require.Equal(t, exitcodes.InvalidConfig, planExitCode(err))
		require.Empty(t, output)
	}
	for _, value := range []string{"-1s", "soon", "NaN", "1e300s"} {
		_, err := planRun{}.plan(t, "--hold", value)
		require.ErrorContains(t, err, "is not accepted; use a duration such as 20ms or 1.5s")
	}
	for _, flag := range []string{"--hold", "--think", "--pool-timeout", "--wait-target"} { // 20 ms or 20 s?
		_, err := planRun{}.plan(t, flag, "20")
		require.ErrorContains(t, err, `"20" has no unit; use 20ms or 20s`)
	}
	_, err := planRun{env: map[string]string{"DB_POOL_SIZE": "many"}}.plan(t, "--hold", "5ms")
	require.ErrorContains(t, err, "poolSize (from DB_POOL_SIZE)")
}

// Requests that hold two connections at once deadlock a pool in which all of them
// can hold their first.
func TestPlanOfRequestsThatHoldSeveral(t *testing.T) {
	output, err := planRun{}.plan(t, "--hold", "20ms", "--users", "60", "--per-request", "2", "--max-connections", "200")
	require.NoError(t, err)
	words := strings.Join(strings.Fields(output), " ")
	require.Contains(t, words, "wait for each other forever in a pool of fewer than 61: 60 requests × (2 - 1) + 1.")
	require.Contains(t, words, "The given pool of 60 is smaller: let at most 59 such requests run at once, or hold one connection at a time.")
	plan := planRun{}.json(t, "--hold", "20ms", "--users", "60", "--per-request", "2", "--max-connections", "200")
	require.Equal(t, 61, plan.DeadlockFree)
	require.GreaterOrEqual(t, plan.Recommended.PoolSize+plan.Recommended.MaxOverflow, 61)

	output, _ = planRun{}.plan(t, "--hold", "20ms", "--users", "60", "--per-request", "3", "--max-connections", "100")
	require.Contains(t, output, "No pool that is large enough fits the server.")
	plan = planRun{}.json(t, "--hold", "20ms", "--users", "60", "--max-connections", "200")
	require.Equal(t, 1, plan.DeadlockFree)
	_, err = planRun{}.plan(t, "--hold", "20ms", "--per-request", "0")
	require.ErrorContains(t, err, "--per-request: 0 is not accepted; use 1 to 262143")
}

// What --from does not take. What it gives: TestMeasureRecoversAKnownLoad.
func TestPlanFromRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	good := write("load.json", `{"schema": 1, "counters": {"seconds": 600, "databases": ["flow"], "transactions": 6000,
		"transactions_per_second": 10, "active_ms": 1200000, "idle_in_transaction_ms": 0, "hold_ms": 200, "in_use": 2}}`)
	plan := planRun{}.json(t, "--from", good)
	require.InDelta(t, 10, plan.Measured.PerSecond, 1e-9)
	require.Equal(t, plan.Measured.InUse95[0], plan.Measured.InUse95[1], "nothing is known of the interval")
	output, err := planRun{}.plan(t, "--from", good, "--size", "1", "--max-overflow", "0", "--pool-timeout", "3s")
	require.NoError(t, err, "too small is no error, as with users")
	require.Regexp(t, `that time out after 3 s +50\.0 %`, output)
	require.Contains(t, output, "10/s transactions, each holding a connection for 200 ms (200 ms active, 0 ms idle in transaction)\n")
	for _, row := range []struct {
		want string
		args []string
	}{
		{`--from: "none.json": no such file or directory; give a file that k6 x pgxpool measure --output wrote`, []string{"--from", "none.json"}},
		{`it is not a load of k6 x pgxpool measure: invalid character`, []string{"--from", write("text.json", "load")}},
		{`it names no schema`, []string{"--from", write("other.json", "{}")}},
		{`too few transactions ended in database flow in 10 s (0)`, []string{"--from", write("idle.json", `{"schema": 1, "counters": {"seconds": 10, "databases": ["flow"]}}`)}},
		{"--users and --from exclude each other: the load was measured; leave --users out", []string{"--from", good, "--users", "5"}},
		{"--growth: -1 is not accepted; use a number above 0 and at most 1000, such as 2", []string{"--from", good, "--growth", "-1"}},
		{"--growth: NaN is not accepted", []string{"--from", good, "--growth", "NaN"}},
		{"--growth has no effect without --from; give that too, or leave it out", []string{"--hold", "5ms", "--growth", "2"}},
		{"--from and --fleet exclude each other: the file says it; leave --from out", []string{"--from", good, "--fleet", "fleet.yaml"}},
		{"--instances × --workers: 20000 is not accepted", []string{"--from", good, "--instances", "200", "--workers", "100"}},
	} {
		_, err := planRun{}.plan(t, row.args...)
		require.ErrorContains(t, err, row.want)
		require.Equal(t, exitcodes.InvalidConfig, planExitCode(err))
	}
}
