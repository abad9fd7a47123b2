//go:build unix

package main_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// reportOf is what a run's report says, for programs.
func reportOf(t *testing.T, r k6test.Result) verdict.Summary {
	t.Helper()
	summary, err := verdict.ParseSummary([]byte(r.File(t, "results/summary.json")))
	require.NoError(t, err)
	followsSchema(t, r, "summary.json", "verdict")
	return summary
}

// diagnosed are the names of a run's diagnoses, most likely first, but for what a
// test machine with more work than cores truly is.
func diagnosed(t *testing.T, r k6test.Result) []string {
	t.Helper()
	return slices.DeleteFunc(allDiagnosed(t, r), func(name string) bool {
		return name == "load generator saturated" || name == "database busy"
	})
}

func allDiagnosed(t *testing.T, r k6test.Result) []string {
	t.Helper()
	names := []string{}
	for _, d := range reportOf(t, r).Diagnoses {
		require.NotEmpty(t, d.Evidence, d.Name)
		require.NotEmpty(t, d.Remedy, d.Name)
		names = append(names, d.Name)
	}
	return names
}

func rowOf(t *testing.T, s verdict.Summary, name string) verdict.Row {
	t.Helper()
	for _, row := range s.Criteria {
		if row.Name == name {
			return row
		}
	}
	require.Failf(t, "no such row", "%s is not among the criteria", name)
	return verdict.Row{}
}

// scenario runs one of the scripts with settings "NAME=value"; without
// DATABASE_URL among them on the tests' server.
func scenario(t *testing.T, name string, settings ...string) k6test.Result {
	t.Helper()
	args := []string{"run", "--quiet"}
	for _, setting := range settings {
		args = append(args, "-e", setting)
	}
	if !strings.Contains(strings.Join(settings, " "), "DATABASE_URL=") {
		args = append(args, "-e", "DATABASE_URL="+pgtest.Database(t))
	}
	return k6test.K6(t, k6test.Run{Args: append(args, filepath.Join(k6test.Root(t), "scripts", name))})
}

func TestExhaustion(t *testing.T) {
	t.Parallel()
	r := scenario(t, "exhaustion.js", "DURATION=3", "HOLD=0.8", "DB_POOL_TIMEOUT=0.3", "POOLS=2", "DB_POOL_SIZE=1", "DB_MAX_OVERFLOW=1")
	require.Regexp(t, `2 pools, balanced by random: the fullest, pool-\d, had at most 2 of 1 \+ 1 connections in use, and all peaks together are 4\.`,
		r.File(t, "results/summary.md"))
	require.Equal(t, "pool exhausted", diagnosed(t, r)[0], r.Output())
	s := reportOf(t, r)
	for _, row := range s.Criteria {
		if row.Name == "timeout_not_late" { // by 50 ms, which a machine without a free core is
			require.Less(t, s.Metrics["pgxpool_acquire_duration"].Values["p(95)"], 750.0, "nobody waits for a connection to be returned: %s", r.Output())
			continue
		}
		require.Equal(t, verdict.Pass, row.Verdict, "%s: %s", row.Name, r.Output())
	}
	require.Contains(t, r.Stderr, "PoolTimeoutError")
}

// Arrivals that the pool carries, a cause of 2.5 s, and retries that keep it full
// afterwards. Connections are held asleep: it is no machine's speed that decides.
func TestRetriesKeepThePoolFullAfterTheirCause(t *testing.T) {
	t.Parallel()
	r := scenario(t, "exhaustion.js", "RETRIES=5", "RETRY_BACKOFF=0.05", "RATE=5.2", "CHECKOUTS=4", "HOLD=0.15", "DB_POOL_TIMEOUT=0.4",
		"TRIGGER=2.5", "DURATION=22")
	require.Equal(t, []string{"metastable overload", "pool exhausted"}, diagnosed(t, r)[:2], r.Output())
	overview := reportOf(t, r).Overview
	require.NotNil(t, overview.Amplification, r.Output())
	require.Greater(t, *overview.Amplification, 2.0, r.Output())
	require.Equal(t, *overview.Retries, float64(overview.RetriesBy["PoolTimeoutError"]))
	require.Regexp(t, `Retries .*\d+ \(\d+ after PoolTimeoutError\), \d\.\d\d times the load that users asked for`, r.File(t, "results/summary.md"))
	require.Contains(t, r.File(t, "results/report.html"), "times the users&#39; load")
}

// The runbook's own load is healthy: nothing is diagnosed.
func TestNoFalseAlarm(t *testing.T) {
	t.Parallel()
	r := scenario(t, "100users.js", "CONCURRENT=100", "DURATION=6", "THINK=3", "INTERVAL=0", "WAIVE="+k6test.Noisy)
	require.Zero(t, r.Code, r.Output())
	require.Empty(t, diagnosed(t, r), r.Output())
}

func TestTroublesAreSurvivedAndNamed(t *testing.T) {
	for script, test := range map[string]struct {
		settings  []string
		diagnosis string
		says      string // beside the verdict
	}{
		"leak.js": {
			[]string{"ITERATIONS=3"}, "connection leak", "scripts/leak.js:",
		},
		"n-plus-one.js": {
			[]string{"DURATION=3"}, "N+1", "Side by side, on average: query-per-row holds a connection for",
		},
		"slow-query.js": {
			[]string{"DURATION=4"}, "slow queries hold connections", "",
		},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			r := scenario(t, script, test.settings...)
			require.Equal(t, test.diagnosis, diagnosed(t, r)[0], r.Output())
			require.Equal(t, verdict.Pass, reportOf(t, r).Verdict, r.Output())
			require.Zero(t, r.Code, r.Output())
			require.Contains(t, r.Stdout+r.Stderr, test.diagnosis)
			require.Contains(t, oneSpaced(r.Output()), test.says)
		})
	}
}

// requirePassBut wants PASS of every row, and no FAIL of the one that depends on how
// fast the machine is.
func requirePassBut(t *testing.T, r k6test.Result, slow string) {
	t.Helper()
	for _, row := range reportOf(t, r).Criteria {
		if row.Name == slow {
			require.NotEqual(t, verdict.Fail, row.Verdict, r.Output())
			continue
		}
		require.Equal(t, verdict.Pass, row.Verdict, "%s: %s", row.Name, r.Output())
	}
}

// oneSpaced undoes the report's line breaks.
func oneSpaced(text string) string { return strings.Join(strings.Fields(text), " ") }

// Without pre-ping, users meet more dead connections than with it.
func TestStaleConnections(t *testing.T) {
	t.Parallel()
	r := scenario(t, "stale-connections.js", "DURATION=4", "EVERY=0.5")
	require.Equal(t, "stale connections", diagnosed(t, r)[0], r.Output())
	require.Equal(t, verdict.Pass, reportOf(t, r).Verdict, r.Output())
	require.Contains(t, oneSpaced(r.Stdout), "requests failed with pre-ping off")
	require.Contains(t, reportOf(t, r).Diagnoses[0].Remedy, "Enable DB_POOL_PRE_PING = True")
	metrics := reportOf(t, r).Metrics
	on := metrics["request_success{pre_ping:on}"].Values
	off := metrics["request_success{pre_ping:off}"].Values
	require.Positive(t, on["passes"], r.Output())
	require.Less(t, 2*on["fails"], off["fails"], r.Output())
}

// Spread, as many connections are opened anew, but never so many at once.
func TestRecycleWave(t *testing.T) {
	t.Parallel()
	for attempt := 1; ; attempt++ {
		r := scenario(t, "recycle.js", "DURATION=9", "RECYCLE=4")
		s := reportOf(t, r)
		wave, spread := rowOf(t, s, "wave").Measured, rowOf(t, s, "spread").Measured
		// A machine that stops for a second makes two waves of one, or one of none.
		if attempt < 3 && (s.Verdict == verdict.Fail || 1.3**spread >= *wave) {
			continue
		}
		require.Equal(t, "reconnect storm", diagnosed(t, r)[0], r.Output())
		require.NotEqual(t, verdict.Fail, s.Verdict, r.Output())
		require.Less(t, 1.3**spread, *wave, r.Output())
		return
	}
}

// On the temporary server, which the script itself restarts.
func TestRestart(t *testing.T) {
	t.Parallel()
	r := scenario(t, "restart.js", "DATABASE_URL=", "DURATION=6")
	require.Equal(t, "server restarted", diagnosed(t, r)[0], r.Output())
	s := reportOf(t, r)
	requirePassBut(t, r, "recovery_time") // of 2 s, with what PostgreSQL takes to recover
	require.EqualValues(t, 2, *rowOf(t, s, "restarted").Measured)
	require.Contains(t, r.Stderr, "(fast)")
	require.Contains(t, r.Stderr, "(immediate)")
	require.Regexp(t, `until the pool served again: fast: \d+\.\d\d s, immediate: \d+\.\d\d s\.`, oneSpaced(r.Stdout))
}

// The pool leaves a primary that has become read-only where its URL asks for
// writes, and stays there for good where it does not.
func TestFailover(t *testing.T) {
	t.Parallel()
	for attributes, follows := range map[string]bool{"read-write": true, "any": false} {
		t.Run(attributes, func(t *testing.T) {
			t.Parallel()
			r := scenario(t, "failover.js", "DATABASE_URL=", "DURATION=6", "CONCURRENT=5", "TARGET_SESSION_ATTRS="+attributes)
			require.Equal(t, "read-only server", diagnosed(t, r)[0], r.Output())
			s := reportOf(t, r)
			require.EqualValues(t, 1, *rowOf(t, s, "failed_over").Measured)
			if follows {
				requirePassBut(t, r, "write_recovery") // of 5 s, with what the standby takes to be promoted
				require.Regexp(t, `Writes worked again \d+\.\d\d s after`, oneSpaced(r.Stdout))
				return
			}
			require.Equal(t, verdict.Fail, rowOf(t, s, "write_recovery").Verdict, r.Output())
			require.Zero(t, *rowOf(t, s, "writes_after").Measured)
		})
	}
}

// A server of the user's own is restarted by hand, and the script waits for it.
func TestRestartOfOnesOwnServer(t *testing.T) {
	t.Parallel()
	r := scenario(t, "restart.js", "DURATION=2", "CONCURRENT=1")
	require.Contains(t, r.Stderr, "Restart your PostgreSQL now")
	s := reportOf(t, r)
	require.Equal(t, verdict.Fail, rowOf(t, s, "restarted").Verdict, "nobody did")
	require.Equal(t, verdict.Pass, rowOf(t, s, "served_after").Verdict)
	require.Empty(t, s.Diagnoses)
}

// A user who thinks for longer than the restarts take has had no outage.
func TestARestartThatNobodyNotices(t *testing.T) {
	t.Parallel()
	r := scenario(t, "restart.js", "DATABASE_URL=", "DURATION=2", "CONCURRENT=1", "THINK=5", "WAIVE=recovery_time")
	s := reportOf(t, r)
	require.Positive(t, *rowOf(t, s, "restarted").Measured, r.Output())
	require.Equal(t, verdict.Pass, rowOf(t, s, "user_outage").Verdict, r.Output())
}

func TestSoak(t *testing.T) {
	t.Parallel()
	// Fewer users than connections gained would be a FAIL: in seconds they may all come late.
	// They are counted by name on the whole server, which other tests use at the same time.
	r := scenario(t, "soak.js", "DB_APPLICATION_NAME=soaking", "CONCURRENT=8", "THINK=0.1", "DURATION=5", "INTERVAL=0",
		"WAIVE="+k6test.Noisy+",memory_growth")
	s := reportOf(t, r)
	require.Empty(t, diagnosed(t, r), r.Output())
	require.NotEqual(t, verdict.Fail, rowOf(t, s, "connection_growth").Verdict, r.Output())
	memory := rowOf(t, s, "memory_growth")
	require.NotNil(t, memory.Measured, r.Output())
	require.Zero(t, *memory.Measured, "nothing grows but the recording of the run: %s", r.Output())
	pools := s.Recording.Totals.Pools
	require.Less(t, 5*pools["soak"].Active.Count(), pools["default"].Active.Count(), "the criteria are about the users' pool")
}

// A script that keeps what it reads.
func TestSoakFindsMemoryThatGrows(t *testing.T) {
	t.Parallel()
	r := run(t, k6test.Script(t, `
import { user as load } from '`+k6test.Root(t)+`/scripts/soak.js';
export { handleSummary, options, setup, watch } from '`+k6test.Root(t)+`/scripts/soak.js';
const kept = [];
export function user() { load(); kept.push(new Array(40000).fill(Math.random())); }`),
		map[string]string{"CONCURRENT": "20", "THINK": "0.2", "DURATION": "5", "INTERVAL": "0"})
	require.Equal(t, verdict.Fail, rowOf(t, reportOf(t, r), "memory_growth").Verdict, r.Output())
}

// What a run says of its pool is not watered down by the one that filled the tables.
func TestSeedingIsNoPartOfTheRun(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"slow-query.js", "n-plus-one.js"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			r := scenario(t, script, "DURATION=2", "CONCURRENT=2")
			require.NotContains(t, reportOf(t, r).Recording.Totals.Pools, "seeding")
		})
	}
}

// Somebody opens connections and closes none, and for a moment the server cannot
// be asked how many there are. Whose they are stands in .env, as the runbook has it.
func TestSoakFindsConnectionsThatPileUp(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	leaking := openUntilCleanup(t, database, "piling-up")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("DB_APPLICATION_NAME=piling-up\nDATABASE_URL="+database+"\n"), 0o600))
	r := k6test.K6(t, k6test.Run{
		Args: []string{"run", "--quiet", "-e", "CONCURRENT=2", "-e", "THINK=0.2", "-e", "DURATION=6", "-e", "SAMPLE=0.05",
			"-e", "INTERVAL=0", "-e", "WAIVE=" + k6test.Noisy + ",memory_growth", filepath.Join(k6test.Root(t), "scripts", "soak.js")},
		Dir: dir,
	})
	require.Positive(t, leaking.outages.Load())
	require.Contains(t, r.Stderr, "connections are not counted at the moment")
	growth := rowOf(t, reportOf(t, r), "connection_growth")
	require.Equal(t, verdict.Fail, growth.Verdict, r.Output())
	require.Greater(t, *growth.Measured, 10.0)
}

// pile is connections of an application that never gives one back.
type pile struct {
	url         string
	name        string // the database's
	application string
	admin       *pgx.Conn
	outages     atomic.Int64
}

// openUntilCleanup opens ten a second from when the soak test looks, and as long
// as the test lasts. When it has looked for a second, its connections are ended and nobody gets new
// ones for a while.
func openUntilCleanup(t *testing.T, database, application string) *pile {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	p := &pile{url: database, name: strings.TrimPrefix(u.Path, "/"), application: application, admin: pgtest.Conn(t, pgtest.URL(t))}
	ctx, stop := context.WithCancel(t.Context())
	var opening sync.WaitGroup
	opening.Go(func() { p.open(ctx) })
	t.Cleanup(func() {
		stop()
		opening.Wait()
	})
	return p
}

func (p *pile) open(ctx context.Context) {
	const most = 100
	for ctx.Err() == nil && !p.isWatched(ctx) {
		time.Sleep(50 * time.Millisecond)
	}
	for n := 0; n < most && ctx.Err() == nil; n++ {
		if conn, err := pgx.Connect(ctx, p.url); err == nil {
			_, _ = conn.Exec(ctx, "SET application_name = '"+p.application+"'")
			defer conn.Close(context.Background()) //nolint:errcheck // the test is over
		}
		if n == 10 {
			p.outage(ctx)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (p *pile) isWatched(ctx context.Context) bool {
	var there bool
	err := p.admin.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'xk6-pgxpool-soak' AND datname = $1",
		p.name).Scan(&there)
	return err == nil && there
}

// outage ends what watches, and keeps the way to the database closed meanwhile.
func (p *pile) outage(ctx context.Context) {
	name := pgx.Identifier{p.name}.Sanitize()
	_, _ = p.admin.Exec(ctx, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
	_, _ = p.admin.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xk6-pgxpool-soak' AND datname = $1", p.name)
	time.Sleep(300 * time.Millisecond)
	_, _ = p.admin.Exec(context.Background(), "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	p.outages.Add(1)
}

// A role that may have fewer connections than the pool.
func TestConnectionLimitIsNamed(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	_, err := pgtest.Conn(t, database).Exec(t.Context(),
		"DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN PASSWORD 'limited' CONNECTION LIMIT 3")
	require.NoError(t, err)
	script := judged(t, `{ poolSize: 10 }`, `request(() => pool.query('SELECT pg_sleep(0.2)'));`)
	r := run(t, script, map[string]string{"DATABASE_URL": asRole(t, database, "limited", "limited"), "WAIVE": k6test.Noisy})
	require.Equal(t, "connection limit reached", diagnosed(t, r)[0], r.Output())
}

// An application's pool is seen from outside: its sessions in the database, and
// what it answers.
func TestAnApplicationsExhaustedPoolIsNamed(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	app := flowboardtest.Start(t, flowboardtest.Config{
		DatabaseURL: database, ApplicationName: "flowboard-exhausted",
		PoolSize: 2, MaxOverflow: 1, PoolTimeout: 300 * time.Millisecond, Hold: 500 * time.Millisecond,
	})
	r := scenario(t, "100users.js", "BASE_URL="+app.BaseURL, "DATABASE_URL="+database,
		"DB_APPLICATION_NAME=flowboard-exhausted", "DB_POOL_SIZE=2", "DB_MAX_OVERFLOW=1",
		"CONCURRENT=10", "DURATION=4", "THINK=0.1", "INTERVAL=0")
	require.Equal(t, "pool exhausted", diagnosed(t, r)[0], r.Output())
	require.Equal(t, diagnosis.Certain, reportOf(t, r).Diagnoses[0].Confidence, r.Output())
}

// More arrivals than the users can take on, at a pool that has room.
func TestSaturatedGeneratorIsNamed(t *testing.T) {
	t.Parallel()
	script := judged(t, `{ poolSize: 10 }`, `request(() => pool.query('SELECT 1')); sleep(0.5);`)
	arrivals := k6test.Script(t, `
export * from '`+script+`';
import { options as given } from '`+script+`';
export { default } from '`+script+`';
const { vus, duration, ...rest } = given;
export const options = { ...rest, scenarios: { open: {
  executor: 'constant-arrival-rate', rate: 50, timeUnit: '1s', duration: '2s', preAllocatedVUs: 2,
} } };`)
	r := run(t, arrivals, map[string]string{"WAIVE": k6test.Noisy})
	require.Contains(t, allDiagnosed(t, r), "load generator saturated", r.Output())
	require.Empty(t, diagnosed(t, r), r.Output())
}

// Each scenario refuses its own settings in the init context, in one line.
func TestWrongSettingsOfAScenario(t *testing.T) {
	t.Parallel()
	for script, settings := range map[string][]string{
		"exhaustion.js":        {"HOLD=abc", "DB_POOL_TIMEOUT=-1", "DURATION=0"},
		"stale-connections.js": {"EVERY=0", "EVERY=31"},
		"restart.js":           {"DURATION=1"},
		"recycle.js":           {"RECYCLE=0", "RECYCLE=16", "CONCURRENT=1"},
		"leak.js":              {"ITERATIONS=0.5", "DB_POOL_LEAK_THRESHOLD=x"},
		"n-plus-one.js":        {"THINK=-1"},
		"slow-query.js":        {"SHARE=2", "SHARE=-1"},
		"soak.js":              {"SAMPLE=0"},
	} {
		for _, setting := range settings {
			r := k6test.K6(t, k6test.Run{Args: []string{"inspect", "-e", setting, filepath.Join(k6test.Root(t), "scripts", script)}})
			require.Equal(t, exitScriptException, r.Code, "%s %s", script, r.Output())
			name, value, _ := strings.Cut(setting, "=")
			require.Regexp(t, name+`: \S*`+value+`\S* is not accepted; use `, r.Stderr)
		}
	}
}

// Of several runners only one would get the user who measures.
func TestAScenarioOfOneK6RefusesToBeAPart(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"leak.js", "recycle.js", "restart.js", "soak.js", "stale-connections.js"} {
		r := k6test.K6(t, k6test.Run{
			Args: []string{"run", "--execution-segment", "0:1/4", "--execution-segment-sequence", segmentSequence,
				filepath.Join(k6test.Root(t), "scripts", script)},
			Env: map[string]string{"DATABASE_URL": "postgres://" + freeAddress(t) + "/nowhere"},
		})
		require.Equal(t, exitScriptException, r.Code, "%s: %s", script, r.Output())
		require.Contains(t, r.Stderr, "execution segment 0:1/4 is a part of it: run it without --execution-segment", script)
		require.NotContains(t, r.Output(), "ConnectError", "nothing is connected")
	}
}
