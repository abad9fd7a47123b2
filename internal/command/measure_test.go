package command

import (
	"context"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/outside"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/schematest"
)

// knownLoad are sessions that sleep in transactions, and what they know of it.
type knownLoad struct {
	mu    sync.Mutex
	began []time.Time
	ended []time.Time
}

// startLoad runs it until the test ends. Each transaction is active for as long
// as it is idle, and the session is idle for as long as both. A session reports to
// the counters once in three transactions or so: the sessions begin one after
// another, or all would report at once.
func startLoad(t *testing.T, url, application string, sessions int) *knownLoad {
	t.Helper()
	const part = 100 * time.Millisecond
	_, err := pgtest.Conn(t, url).Exec(t.Context(), "CREATE TABLE one AS SELECT 1 AS id")
	require.NoError(t, err)
	load := &knownLoad{}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for range sessions {
		conn := session(t, url, application)
		pause(ctx, 12*part/time.Duration(sessions))
		wait.Go(func() {
			for ctx.Err() == nil {
				load.transaction(ctx, conn, part)
				pause(ctx, 2*part)
			}
		})
	}
	t.Cleanup(func() { cancel(); wait.Wait() })
	return load
}

func (l *knownLoad) transaction(ctx context.Context, conn *pgx.Conn, part time.Duration) {
	began := time.Now()
	for _, sql := range []string{"BEGIN", "SELECT pg_sleep(0.1) FROM one WHERE 'geheim' <> $$geheim2$$ AND id = 1"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return
		}
	}
	pause(ctx, part)
	if _, err := conn.Exec(ctx, "COMMIT"); err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.ended = append(l.began, began), append(l.ended, time.Now())
}

// between gives the transactions that ended per second and their mean hold in
// milliseconds.
func (l *knownLoad) between(from, to time.Time) (perSecond, hold float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0.0
	for i, end := range l.ended {
		if end.After(from) && end.Before(to) {
			n++
			hold += millis(end.Sub(l.began[i]))
		}
	}
	return n / to.Sub(from).Seconds(), hold / n
}

// readLoad reads a file of measure back, and holds it to its schema.
func readLoad(t *testing.T, path string) monitor.LoadFile {
	t.Helper()
	content, err := outside.ReadFile(path, outside.Largest)
	require.NoError(t, err)
	schema, err := os.ReadFile(filepath.Join("..", "monitor", "load_schema.json"))
	require.NoError(t, err)
	require.NoError(t, schematest.Errors(t, schema, content))
	file, err := monitor.ParseLoad(content)
	require.NoError(t, err)
	return file
}

func TestMeasureRecoversAKnownLoad(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	const sessions = 24
	load := startLoad(t, url, "known-load", sessions)
	p := prepareCommand(t, "measure", nil, "--duration=6", "--url="+url, "--application-name=known-load", "--workers=3", "-o", "out/load.json")
	require.Zero(t, p.run(t), p.stderr)

	path := filepath.Join(p.Dir, "out", "load.json")
	file := readLoad(t, path)
	perSecond, hold := load.between(file.Started, file.Ended)
	inUse := perSecond * hold / 1000
	c, s := file.Counters, file.Sampled
	within(t, perSecond, c.PerSecond, 0.1, "transactions per second")
	within(t, hold, *c.Hold, 0.1, "hold by the counters")
	within(t, inUse, *c.InUse, 0.1, "in use by the counters")
	within(t, *c.Active, *c.IdleInTransaction, 0.2, "it is idle for as long as active")
	within(t, inUse, s.InUse.Mean, 0.3, "in use in a dozen samples")
	require.LessOrEqual(t, s.InUse.Peak, sessions)
	require.GreaterOrEqual(t, float64(s.InUse.Peak), s.InUse.Mean)
	require.Zero(t, s.Others)
	require.Equal(t, "known-load", file.Watched)
	require.False(t, file.Stopped)
	require.Empty(t, file.Notes)
	require.Equal(t, "SELECT pg_sleep(?) FROM one WHERE ? <> ? AND id = ?", file.Statements[0].Statement)
	require.Greater(t, file.Statements[0].Share, 0.8)
	all, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(all)+p.stdout.String(), "geheim")
	require.GreaterOrEqual(t, strings.Count(p.stdout.String(), " of 6 s: "), 2, "progress: %s", p.stdout)
	require.Contains(t, p.stdout.String(), "It cannot see")
	checkPlanFrom(t, path, inUse)

	// The monitor ends with the same.
	m := prepare(t, nil, "--url="+url, "--application-name=known-load", "--interval=0.5", "--duration=3", "--pool-size=100")
	require.Zero(t, m.run(t), m.stderr)
	require.Regexp(t, `\nPool for this load: DB_POOL_SIZE=\d+ DB_MAX_OVERFLOW=\d+.*\n  .* transactions held for [2-9]\d\d ms; .*\n\nVerdict: PASS\n$`, m.stdout.String())
}

// within compares with a known value.
func within(t *testing.T, known, measured, share float64, what string) {
	t.Helper()
	require.InDelta(t, known, measured, share*known, what)
}

// checkPlanFrom makes a pool of the file, twice as large for twice the load.
func checkPlanFrom(t *testing.T, path string, inUse float64) {
	t.Helper()
	plan := planRun{}.json(t, "--from", path, "--max-connections", "300")
	require.Equal(t, 3, plan.Pools, "the workers of the measurement")
	within(t, inUse, plan.Measured.InUse, 0.1, "in use")
	require.True(t, plan.Recommended.TargetMet)
	require.Greater(t, float64(3*plan.Recommended.PoolSize), inUse)
	require.GreaterOrEqual(t, 3*(plan.Recommended.PoolSize+plan.Recommended.MaxOverflow), plan.Measured.Peak)
	require.LessOrEqual(t, plan.Measured.Size95[0], plan.Recommended.PoolSize)
	require.GreaterOrEqual(t, plan.Measured.Size95[1], plan.Recommended.PoolSize)
	twice := planRun{}.json(t, "--from", path, "--max-connections", "300", "--growth", "2", "--target-wait", "5ms")
	within(t, 2*plan.Measured.InUse, twice.Measured.InUse, 1e-9, "twice the load")
	require.Greater(t, twice.Recommended.PoolSize, plan.Recommended.PoolSize)
}

// Nothing happens, and Ctrl-C ends it: the file is there and says so.
func TestMeasureWritesWhatItHasAtASignal(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	p := prepareCommand(t, "measure", []string{"DATABASE_URL=" + url}, "-o", "load.json")
	require.NoError(t, p.Start())
	p.until(t, "progress", func() bool { return strings.Contains(p.stdout.String(), " of 10 min: ") })
	p.until(t, "samples", func() bool { return strings.Count(p.stdout.String(), "\n") >= 2 })
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.Zero(t, p.end(t), p.stderr)
	path := filepath.Join(p.Dir, "load.json")
	file := readLoad(t, path)
	require.True(t, file.Stopped)
	u, err := neturl.Parse(url)
	require.NoError(t, err)
	require.Equal(t, "database "+u.Path[1:], file.Watched)
	require.LessOrEqual(t, file.Counters.Transactions, int64(3), "its own are not counted")
	require.Contains(t, strings.Join(file.Notes, " "), "No size can be given: too few transactions ended in database "+u.Path[1:])
	_, err = planRun{}.plan(t, "--from", path)
	require.ErrorContains(t, err, "measure while the application works, or check --url and --database")
	require.Equal(t, exitcodes.InvalidConfig, planExitCode(err))
}

// A role that may not see sessions has the counters; a server that has no times
// has the samples; one that has neither is told so.
func TestMeasureSaysWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	startLoad(t, url, "other-load", 10)
	_, err := pgtest.Conn(t, url).Exec(t.Context(), `CREATE SCHEMA old;
		CREATE VIEW old.pg_stat_database AS SELECT datid, datname, xact_commit, xact_rollback FROM pg_catalog.pg_stat_database;
		GRANT USAGE ON SCHEMA old TO public; GRANT SELECT ON old.pg_stat_database TO public`)
	require.NoError(t, err)
	poor := strings.Replace(planRole(t, url, ""), "postgresql+asyncpg", "postgres", 1)
	const olds = "search_path=old,pg_catalog"
	for name, of := range map[string]struct{ url, says string }{
		"without rights": {poor, "The role may not see what sessions do: the peak, the p99 and the statements are missing. GRANT pg_read_all_stats TO it."},
		"old":            {url + "&" + olds, "The server is older than PostgreSQL 14: it has no times of sessions, and the hold is that of the samples."},
		"both":           {poor + "&" + olds, "No size can be given: the server is older than PostgreSQL 14 and has no times of sessions, and the role may not see them"},
	} {
		t.Run(name, func(t *testing.T) {
			p := prepareCommand(t, "measure", []string{"DATABASE_URL=" + of.url}, "--duration=3")
			require.Zero(t, p.run(t), p.stderr)
			require.NotContains(t, p.stdout.String()+p.stderr.String(), "geheim")
			path := filepath.Join(p.Dir, "load.json")
			require.NoError(t, os.WriteFile(path, []byte(p.stdout.String()), 0o600), "without --output it is standard output")
			file := readLoad(t, path)
			require.Contains(t, strings.Join(file.Notes, "\n"), of.says)
			require.Contains(t, strings.Join(strings.Fields(p.stderr.String()), " "), strings.Join(strings.Fields(of.says), " ")[:60])
			require.Equal(t, name != "old", file.Sampled.InUse == nil)
			require.Equal(t, name != "without rights", file.Counters.InUse == nil)
			demand, err := file.Demand()
			require.Equal(t, name == "both", err != nil)
			if err == nil {
				require.InDelta(t, 5, demand.InUse, 3, "ten sessions that hold half of the time")
			}
		})
	}
}

func TestMeasureRefusesBadInput(t *testing.T) {
	for _, row := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 104, "no database to look at; set DATABASE_URL or --url"},
		{[]string{"--url=postgres://u:geheim@127.0.0.1:1/db"}, 107, "check --url (DATABASE_URL) and that the server is up"},
		{[]string{"--url=postgres://127.0.0.1:1/db", "--duration=soon"}, 104, `--duration: "soon" is not accepted; use seconds or a duration such as 5m`},
		{[]string{"--url=postgres://127.0.0.1:1/db", "-o", "."}, 104, `--output: "." is a directory; give a file's name such as load.json`},
		{[]string{"--url=postgres://127.0.0.1:1/db", "-o", "/dev/null/load.json"}, 104, "--output: "},
		{[]string{"--url=postgres://127.0.0.1:1/db", "load.json"}, 104, `"load.json" is not a flag`},
	} {
		p := prepareCommand(t, "measure", nil, row.args...)
		require.Equal(t, row.code, p.run(t), fmt.Sprint(row.args, p.stderr))
		require.Contains(t, p.stderr.String(), strings.ReplaceAll(row.says, `"`, `\"`))
		require.NotContains(t, p.stderr.String(), "geheim")
	}
}
