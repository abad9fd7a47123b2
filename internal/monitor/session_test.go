package monitor

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

var tuned = Pool{Size: 20, MaxOverflow: 40}

func TestSessionsAreCountedByState(t *testing.T) {
	app := newApplication(t)
	app.connect()
	app.connect()
	held := app.connect()
	exec(t, held, "BEGIN", "SELECT 1")
	failed := app.connect()
	exec(t, failed, "BEGIN")
	_, err := failed.Exec(t.Context(), "SELECT 1/0")
	require.Error(t, err)
	app.run("SELECT pg_sleep(600)")
	app.run("SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) s")
	pgtest.Conn(t, app.url) // of another name

	s := app.sampler(tuned)
	sample := sampleUntil(t, s, func(s Sample) bool { return s.Database != nil && s.Database.Active == 4 })
	d := sample.Database
	require.NoError(t, sample.Err)
	require.Equal(t, 6, d.Open)
	require.Equal(t, 2, d.Idle)
	require.Equal(t, 2, d.IdleInTransaction, "a failed transaction is held too")
	require.Equal(t, 1, d.Working, "pg_sleep is neither CPU nor I/O")
	require.Zero(t, d.LockWaits)
	require.Zero(t, d.Hidden)
	require.Equal(t, map[string]int{
		"idle": 2, "active": 2, "idle in transaction": 1, "idle in transaction (aborted)": 1,
	}, d.States)
	require.Equal(t, 1, d.Waits["Timeout:PgSleep"])
	require.Positive(t, d.LongestTransaction)
	require.GreaterOrEqual(t, d.OldestSession, d.LongestTransaction)
	require.Equal(t, "Pool Status: Active=4, Available=16, Total=20, Utilization=20.0%", sample.StatusLine())
}

func TestOwnConnectionIsNamedAndNeverCounted(t *testing.T) {
	app := newApplication(t)
	app.connect()
	s := app.sampler(tuned)
	sample := s.Sample(t.Context())
	require.NoError(t, sample.Err)
	require.Equal(t, 1, sample.Database.Open)
	var name, timeout string
	require.NoError(t, s.conn.QueryRow(t.Context(),
		"SELECT current_setting('application_name'), current_setting('statement_timeout')").Scan(&name, &timeout))
	require.Equal(t, "xk6-pgxpool-monitor", name)
	require.Equal(t, "5s", timeout)
}

func TestBlockedAndBlockingSessions(t *testing.T) {
	app := newApplication(t)
	blocker := app.connect()
	exec(t, blocker, "CREATE TABLE t (id int)", "BEGIN", "LOCK TABLE t")
	first := app.run("DROP TABLE t")
	s := app.sampler(tuned)
	sampleUntil(t, s, func(s Sample) bool { return s.Database.LockWaits == 1 })
	second := app.run("SELECT * FROM t")

	d := sampleUntil(t, s, func(s Sample) bool { return s.Database.LockWaits == 2 }).Database
	pid := func(c *pgx.Conn) int32 { return int32(c.PgConn().PID()) }
	require.ElementsMatch(t, []Blocked{
		{PID: pid(first), By: []int32{pid(blocker)}},
		{PID: pid(second), By: []int32{pid(blocker), pid(first)}},
	}, d.Blocked)
	require.Equal(t, 2, d.Waits["Lock:relation"])
}

func TestHiddenSessionsNameTheGrant(t *testing.T) {
	app := newApplication(t)
	exec(t, app.connect(), "BEGIN")
	app.connect()
	role := newRole(t, app.url, "")
	s := app.as(role).sampler(tuned)

	sample := s.Sample(t.Context())
	require.NoError(t, sample.Err)
	require.Equal(t, 2, sample.Database.Open)
	require.Equal(t, 2, sample.Database.Hidden)
	require.Zero(t, sample.Database.Active)
	require.Zero(t, sample.Database.Idle)
	grant := "GRANT pg_read_all_stats TO " + role
	require.Contains(t, literal(sample.Notices), grant)
	require.NotContains(t, literal(s.Sample(t.Context()).Notices), grant, "once is enough")

	exec(t, pgtest.Conn(t, app.url), grant)
	d := s.Sample(t.Context()).Database
	require.Zero(t, d.Hidden)
	require.Equal(t, 1, d.Active)
	require.Equal(t, 1, d.Idle)
}

func TestSessionsThatAreNotTracked(t *testing.T) {
	app := newApplication(t)
	untracked := app.connect()
	exec(t, untracked, "SET track_activities = off")
	sample := app.sampler(tuned).Sample(t.Context())
	require.Equal(t, 1, sample.Database.Hidden)
	require.Contains(t, literal(sample.Notices), "track_activities")
}

// A name longer than PostgreSQL keeps is cut there, and so found.
func TestLongNamesAreCutAsTheServerDoes(t *testing.T) {
	app := newApplication(t)
	app.name = "a123456789b123456789c123456789d123456789e123456789f123456789g123456789"
	app.connect()
	require.Equal(t, 1, app.sampler(tuned).Sample(t.Context()).Database.Open)
}

func literal(notices []Notice) string {
	var all string
	for _, n := range notices {
		all += n.Text + "\n"
	}
	return all
}

// statements counts what goes to the server.
type statements struct{ batches, queries int }

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	s.batches++
	return ctx
}
func (*statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.queries++
	return ctx
}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// What keeps the monitor cheap: two round trips a sample, whatever it finds.
func TestSampleTakesTwoRoundTrips(t *testing.T) {
	app := newApplication(t)
	app.connect()
	s := app.sampler(tuned)
	sent := &statements{}
	s.cfg.Conn.Tracer = sent
	s.Sample(t.Context()) // connects and prepares
	*sent = statements{}
	for range 10 {
		require.NoError(t, s.Sample(t.Context()).Err)
	}
	require.Equal(t, statements{batches: 10, queries: 10}, *sent)
}
