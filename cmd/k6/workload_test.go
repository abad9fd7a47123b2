//go:build unix

package main_test

import (
	"encoding/json"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// sqlFiles are a mix whose statements tell themselves apart.
var sqlFiles = map[string]string{
	"list.sql": `-- eight of ten
\set aid random_zipfian(1, 100000 * :scale, 1.1)

SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
`,
	"sql/update.sql": `\set aid random(1, 100000 * :scale)
\set delta random(-50, 50)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
\if :delta > 0
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, :delta, CURRENT_TIMESTAMP);
\endif
END;
`,
}

const sqlMix = "list.sql@8,sql/update.sql@2"

// sqlDirectory is a working directory with the files.
func sqlDirectory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range sqlFiles {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	return dir
}

// pgbench runs the real program in a directory.
func pgbench(t *testing.T, dir, database string, arguments ...string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	require.NoError(t, err)
	if len(found) == 0 {
		require.Empty(t, os.Getenv("CI"), "pgbench must be installed in CI")
		t.Skip("pgbench is not installed")
	}
	slices.Sort(found)
	u, err := url.Parse(database)
	require.NoError(t, err)
	password, _ := u.User.Password()
	cmd := exec.CommandContext(t.Context(), found[len(found)-1], arguments...)
	cmd.Dir = dir
	cmd.Env = []string{"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
		"PGDATABASE=" + strings.TrimPrefix(u.Path, "/")}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// callShares are the shares of each kind of statement in the calls that the server
// counted since the last reset, and how many these were.
func callShares(t *testing.T, conn *pgx.Conn) (map[string]float64, float64) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT kind, (sum(calls) / sum(sum(calls)) OVER ())::float8, (sum(sum(calls)) OVER ())::float8
		FROM (SELECT lower(substring(query FROM '^\w+')) || CASE WHEN query LIKE '%history%' THEN ' history' ELSE '' END AS kind, calls
		      FROM pg_stat_statements WHERE query ~ 'pgbench_(accounts|history)' AND query !~ 'pg_stat_statements') AS of_ours
		GROUP BY kind`)
	require.NoError(t, err)
	shares := make(map[string]float64)
	var kind string
	var share, all float64
	_, err = pgx.ForEachRow(rows, []any{&kind, &share, &all}, func() error {
		shares[kind] = share
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, rows.Err())
	return shares, all
}

// The same files through pgbench and through us: the server sees the same mix.
func TestAWorkloadIsTheMixThatPgbenchMakesOfIt(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, embedded.Config{Settings: map[string]string{"shared_preload_libraries": "pg_stat_statements"}})
	conn := pgtest.Conn(t, server.URL())
	execute(t, conn, "CREATE EXTENSION pg_stat_statements")
	dir := sqlDirectory(t)
	pgbench(t, dir, server.URL(), "--initialize", "--quiet", "--scale=2")
	execute(t, conn, "SELECT pg_stat_statements_reset()")
	pgbench(t, dir, server.URL(), "--no-vacuum", "--client=4", "--transactions=5000", "--define=scale=2",
		"--protocol=prepared", "--file=list.sql@8", "--file=sql/update.sql@2")
	theirs, theirCalls := callShares(t, conn)
	execute(t, conn, "SELECT pg_stat_statements_reset()")
	r := k6test.K6(t, k6test.Run{Plain: true, Dir: dir, Env: map[string]string{"DATABASE_URL": server.URL()},
		Args: []string{"run", "-e", "WORKLOAD=" + sqlMix, "-e", "CONCURRENT=4", "-e", "THINK=0", "-e", "DURATION=4",
			"-e", "WAIVE=" + k6test.Noisy + ",active_connections,overflow_time", "-e", "INTERVAL=0", "-e", "DB_POOL_PRE_PING=false",
			filepath.Join(k6test.Root(t), "scripts", "100users.js")}})
	require.Zero(t, r.Code, r.Output())
	ours, ourCalls := callShares(t, conn)
	require.Len(t, ours, 3)
	// Of 10 scripts 8 list and 2 update; of those half have a history.
	for kind, expected := range map[string]float64{"select": 8.0 / 11, "update": 2.0 / 11, "insert history": 1.0 / 11} {
		// Five standard deviations of a draw.
		require.InDelta(t, expected, theirs[kind], 5*math.Sqrt(expected*(1-expected)/theirCalls), "pgbench: %v", theirs)
		require.InDelta(t, expected, ours[kind], 5*math.Sqrt(expected*(1-expected)/ourCalls), "ours: %v", ours)
	}
	requireStatements(t, r)
	compareThroughput(t, dir, server.URL())
}

// throughputVariable asks for the comparison of throughput, which needs a machine
// that nothing else uses.
const throughputVariable = "XK6_PGXPOOL_THROUGHPUT"

var (
	transactionsPerSecond = regexp.MustCompile(`tps = ([\d.]+)`)
	iterationsPerSecond   = regexp.MustCompile(`iterations\.*: \d+ +([\d.]+)/s`)
)

// compareThroughput runs one statement a transaction for 20 clients, through
// pgbench and through us in turn, and wants at least 0.8 of pgbench's throughput
// with prepared statements, which is what we send.
func compareThroughput(t *testing.T, dir, database string) {
	t.Helper()
	if os.Getenv(throughputVariable) == "" {
		return
	}
	script := k6test.Script(t, `
		import pgxpool, { Pool } from 'k6/x/pgxpool';
		const pool = new Pool({ poolSize: 20, maxOverflow: 0, poolPrePing: false, driver: 'pgx' });
		const workload = pgxpool.workload('list.sql');
		export const options = { vus: 20, duration: '3s' };
		export const setup = () => workload.prepare(pool);
		export default () => workload.run(pool);`)
	perSecond := func(pattern *regexp.Regexp, output string) float64 {
		found := pattern.FindStringSubmatch(output)
		require.NotNil(t, found, output)
		n, err := strconv.ParseFloat(found[1], 64)
		require.NoError(t, err)
		return n
	}
	theirs, ours := 0.0, 0.0
	for range 2 { // ABAB
		theirs += perSecond(transactionsPerSecond, pgbench(t, dir, database, "--no-vacuum", "--client=20", "--time=3",
			"--define=scale=2", "--protocol=prepared", "--file=list.sql"))
		r := k6test.K6(t, k6test.Run{Plain: true, Dir: dir, Env: map[string]string{"DATABASE_URL": database}, Args: []string{"run", "--quiet", script}})
		require.Zero(t, r.Code, r.Output())
		ours += perSecond(iterationsPerSecond, r.Stdout)
	}
	t.Logf("pgbench %.0f/s, ours %.0f/s: %.2f of it", theirs/2, ours/2, ours/theirs)
	require.Greater(t, ours, 0.8*theirs)
}

// requireStatements looks for each statement's row in every report.
func requireStatements(t *testing.T, r k6test.Result) {
	t.Helper()
	var summary struct {
		Run        struct{ Configuration map[string]string }
		Statements []struct {
			Name      string
			Calls     int
			Mean      float64 `json:"mean_ms"`
			P95       float64 `json:"p95_ms"`
			HoldShare float64 `json:"hold_share"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.File(t, "results/summary.json")), &summary))
	followsSchema(t, r, "summary.json", "verdict")
	require.Regexp(t, `^list\.sql@8,sql/update\.sql@2 \([0-9a-f]{8}\)$`, summary.Run.Configuration["workload"])
	var names []string
	held := 0.0
	for _, s := range summary.Statements {
		names = append(names, s.Name)
		held += s.HoldShare
		require.Positive(t, s.Calls, s.Name)
		require.Positive(t, s.Mean, s.Name)
		require.GreaterOrEqual(t, s.P95, 0.0)
	}
	require.Equal(t, []string{"list.sql:4", "update.sql:3", "update.sql:4", "update.sql:6", "update.sql:8"}, names)
	require.Greater(t, held, 0.3)
	require.Less(t, held, 1.001)
	for _, name := range names {
		require.Contains(t, r.Stdout, "  "+name+" ")
		require.Contains(t, r.File(t, "results/summary.md"), "| "+name+" |")
		require.Contains(t, r.File(t, "results/report.html"), ">"+name+"<")
	}
}

// Every scenario that takes a workload runs it.
func TestScenariosRunAWorkload(t *testing.T) {
	t.Parallel()
	for script, settings := range map[string][]string{
		"100users":     {"DURATION=2", "CONCURRENT=3", "THINK=0.01"},
		"soak":         {"DURATION=3", "CONCURRENT=3", "THINK=0.01", "SAMPLE=0.1"},
		"exhaustion":   {"DURATION=3", "WORKLOAD=slow.sql"},
		"before-after": {"DURATION=0.5", "SETTLE=0.1", "ROUNDS=1", "CONCURRENT=3", "THINK=0.01"},
		"capacity":     {"DURATION=0.5", "SETTLE=0.1", "STEPS=2,4", "THINK=0.01"},
		"tune":         {"DURATION=0.5", "SETTLE=0.1", "ROUNDS=1", "CONCURRENT=3", "SIZES=2,4", "THINK=0.01"},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			dir, database := sqlDirectory(t), pgtest.Database(t)
			pgbench(t, dir, database, "--initialize", "--quiet", "--scale=1")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "slow.sql"), []byte("SELECT pg_sleep(0.8);\n\\sleep 200 ms\n"), 0o600))
			args := []string{"run", "-e", "WORKLOAD=" + sqlMix, "-e", "GATE=fail"}
			for _, setting := range settings {
				args = append(args, "-e", setting)
			}
			r := k6test.K6(t, k6test.Run{Plain: true, Dir: dir, Env: map[string]string{"DATABASE_URL": database},
				Args: append(args, filepath.Join(k6test.Root(t), "scripts", script+".js"))})
			require.Contains(t, []int{0, 99}, r.Code, "it is short: %s", r.Output())
			if script != "exhaustion" { // that one provokes timeouts
				require.NotContains(t, r.Output(), "request failed")
			}
			require.Contains(t, r.File(t, "results/summary.json"), `"statements"`)
		})
	}
}

// An archive carries the files, and finds them where it runs.
func TestAnArchiveCarriesTheWorkload(t *testing.T) {
	t.Parallel()
	dir, database := sqlDirectory(t), pgtest.Database(t)
	pgbench(t, dir, database, "--initialize", "--quiet", "--scale=1")
	archive := filepath.Join(t.TempDir(), "archive.tar")
	r := k6test.K6(t, k6test.Run{Plain: true, Dir: dir, Args: []string{"archive", "-e", "WORKLOAD=" + sqlMix, "-e", "DURATION=2", "-e", "CONCURRENT=2",
		"-e", "THINK=0", "-e", "WAIVE=" + k6test.Noisy, "-O", archive, filepath.Join(k6test.Root(t), "scripts", "100users.js")}})
	require.Zero(t, r.Code, r.Output())
	require.NoError(t, os.RemoveAll(dir))
	r = k6test.K6(t, k6test.Run{Plain: true, Args: []string{"run", archive}, Env: map[string]string{"DATABASE_URL": database}})
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Output(), "list.sql:4")
}

// What cannot be run is refused before anything is connected.
func TestAWorkloadThatCannotBeRunIsRefused(t *testing.T) {
	t.Parallel()
	const nobody = "postgres://user@127.0.0.1:1/none"
	for workload, says := range map[string]string{
		"bad.sql@2":      `bad.sql:2: \\gset is not supported; accepted: \\set, \\sleep, \\if, \\elif, \\else, \\endif`,
		"missing.sql":    "WORKLOAD: missing.sql: there is no such file in the working directory",
		"builtin:tpcc":   "WORKLOAD has builtin:tpcc: accepted: builtin:select-only, builtin:simple-update, builtin:tpcb-like",
		"list.sql@heavy": "accepted after @ is a weight",
	} {
		dir := sqlDirectory(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.sql"), []byte("SELECT 1 AS one;\n\\gset\n"), 0o600))
		r := k6test.K6(t, k6test.Run{Plain: true, Dir: dir, Env: map[string]string{"DATABASE_URL": nobody},
			Args: []string{"run", "-e", "WORKLOAD=" + workload, filepath.Join(k6test.Root(t), "scripts", "100users.js")}})
		require.Equal(t, exitScriptException, r.Code, r.Output())
		require.Contains(t, r.Stderr, says)
		require.NotContains(t, r.Stderr, "127.0.0.1:1")
	}
	r := k6test.K6(t, k6test.Run{Plain: true, Env: map[string]string{"DATABASE_URL": pgtest.Database(t)},
		Args: []string{"run", "-e", "WORKLOAD=builtin:tpcb-like", filepath.Join(k6test.Root(t), "scripts", "100users.js")}})
	require.Equal(t, 107, r.Code, r.Output())
	require.Contains(t, r.Output(), "make them with: pgbench -i -s 10")
}
