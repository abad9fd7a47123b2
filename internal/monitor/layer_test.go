package monitor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// Every row of the table is provoked on a real server.

const burn = "SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) s"

func requireLayer(t *testing.T, s *Sampler, want Layer) Sample {
	t.Helper()
	return sampleUntil(t, s, func(s Sample) bool { return s.Layer == want })
}

func TestLayerLocks(t *testing.T) {
	app := newApplication(t)
	exec(t, app.connect(), "CREATE TABLE t (id int)", "BEGIN", "LOCK TABLE t")
	app.run("SELECT * FROM t")
	app.connect() // idle ones do not count
	requireLayer(t, app.sampler(tuned), LayerLocks)
}

func TestLayerLocksGoBeforeAPoolThatIsFullOfThem(t *testing.T) {
	app := newApplication(t)
	exec(t, app.connect(), "CREATE TABLE t (id int)", "BEGIN", "LOCK TABLE t")
	app.run("SELECT * FROM t")
	app.run("SELECT * FROM t")
	s := app.sampler(Pool{Size: 2, MaxOverflow: 1})
	sampleUntil(t, s, func(s Sample) bool { return s.Database.LockWaits == 2 })
	requireLayer(t, s, LayerLocks)
}

// The role's limit is below what its pool would open.
func TestLayerConnectionLimitOfTheRole(t *testing.T) {
	app := newApplication(t)
	role := newRole(t, app.url, "CONNECTION LIMIT 2")
	limited := app.as(role)
	first, second := limited.connect(), limited.connect()
	exec(t, first, "BEGIN")
	s := app.sampler(tuned)

	sample := s.Sample(t.Context())
	require.Equal(t, LayerNone, sample.Layer, "one connection is idle: there is no want of another")
	exec(t, second, "BEGIN")
	sample = s.Sample(t.Context())
	require.Equal(t, LayerConnectionLimit, sample.Layer)
	limit, known := sample.Database.Headroom()
	require.True(t, known)
	require.Equal(t, Limit{Scope: "role", Name: role, Max: 2, Used: 2}, limit)
}

func TestLayerConnectionLimitOfTheDatabase(t *testing.T) {
	app := newApplication(t)
	ordinary := app.as(newRole(t, app.url, ""))
	var database string
	somebodyElse := pgtest.Conn(t, app.url)
	require.NoError(t, somebodyElse.QueryRow(t.Context(), "SELECT current_database()").Scan(&database))
	exec(t, somebodyElse, "ALTER DATABASE "+database+" CONNECTION LIMIT 3") // two are open here
	exec(t, ordinary.connect(), "BEGIN")

	app.url = pgtest.URL(t) // the monitor looks from another database
	sample := requireLayer(t, app.sampler(tuned), LayerConnectionLimit)
	limit, _ := sample.Database.Headroom()
	require.Equal(t, Limit{Scope: "database", Name: database, Max: 3, Used: 3}, limit)
}

// A superuser is exempt from every limit but max_connections.
func TestLayerConnectionLimitSparesSuperusers(t *testing.T) {
	app := newApplication(t)
	role := newRole(t, app.url, "SUPERUSER CONNECTION LIMIT 1")
	exec(t, app.as(role).connect(), "BEGIN")
	s := app.sampler(tuned)
	sample := s.Sample(t.Context())
	require.Equal(t, LayerNone, sample.Layer)
	require.Len(t, sample.Database.Limits, 1)
	require.Equal(t, "server", sample.Database.Limits[0].Scope)

	var all, reserved int
	require.NoError(t, pgtest.Conn(t, app.url).QueryRow(t.Context(),
		"SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int").
		Scan(&all, &reserved))
	require.Equal(t, all, sample.Database.Limits[0].Max)
	require.Positive(t, reserved)
	exec(t, pgtest.Conn(t, app.url), "ALTER ROLE "+role+" NOSUPERUSER")
	sample = s.Sample(t.Context())
	require.Equal(t, all-reserved, sample.Database.Limits[0].Max, "an ordinary role leaves the reserved ones alone")
}

// Not even the monitor gets in.
func TestLayerConnectionLimitWhenTheMonitorIsRefused(t *testing.T) {
	app := newApplication(t)
	limited := app.as(newRole(t, app.url, "CONNECTION LIMIT 1"))
	limited.connect()
	sample := limited.sampler(tuned).Sample(t.Context())
	require.Error(t, sample.Err)
	require.Nil(t, sample.Database)
	require.Equal(t, LayerConnectionLimit, sample.Layer)
}

func TestLayerDatabase(t *testing.T) {
	app := newApplication(t)
	app.run(burn)
	app.run("SELECT pg_sleep(600)")
	requireLayer(t, app.sampler(Pool{Size: 2}), LayerDatabase)
}

func TestLayerDatabaseNeedsPressure(t *testing.T) {
	app := newApplication(t)
	app.run(burn)
	s := app.sampler(tuned)
	sample := sampleUntil(t, s, func(s Sample) bool { return s.Database.Working == 1 })
	require.Equal(t, LayerNone, sample.Layer)
}

func TestLayerIdleInTransaction(t *testing.T) {
	app := newApplication(t)
	for range 4 {
		exec(t, app.connect(), "BEGIN", "SELECT 1")
	}
	requireLayer(t, app.sampler(Pool{Size: 5, MaxOverflow: 10}), LayerIdleInTransaction)
	requireLayer(t, app.sampler(Pool{Size: 6, MaxOverflow: 10}), LayerNone)
}

// The database sees a used-up pool whose sessions do neither work nor hold
// transactions: pg_sleep stands for a statement that waits for nothing in the server.
func TestLayerAppPoolSeenFromTheDatabase(t *testing.T) {
	app := newApplication(t)
	app.run("SELECT pg_sleep(600)")
	app.run("SELECT pg_sleep(600)")
	requireLayer(t, app.sampler(Pool{Size: 1, MaxOverflow: 1}), LayerAppPool)
	requireLayer(t, app.sampler(Pool{Size: 1, MaxOverflow: 2}), LayerNone)
}

// answering watches with an application that reports report.
func answering(t *testing.T, app application, pool Pool, report string) *Sampler {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write([]byte(report))
		assert.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	health, err := NewHealth(server.URL+"/health/pool", 20*time.Second)
	require.NoError(t, err)
	t.Cleanup(health.Close)
	cfg, err := pgx.ParseConfig(app.url)
	require.NoError(t, err)
	s := NewSampler(Config{Conn: cfg, Application: app.name, Pool: pool, Health: health})
	t.Cleanup(s.Close)
	return s
}

func TestLayerAppPoolSeenFromTheApplication(t *testing.T) {
	pool := Pool{Size: 2, MaxOverflow: 1}
	for name, tt := range map[string]struct {
		report string
		want   Layer
	}{
		"all are checked out while their sessions idle": {
			`{"size": 2, "checkedin": 0, "checkedout": 3, "overflow": 1}`, LayerAppPool,
		},
		"someone waits while sessions are idle": {
			`{"size": 2, "checkedin": 1, "checkedout": 1, "overflow": 0, "waiting": 4}`, LayerAppPool,
		},
		"there is room": {
			`{"size": 2, "checkedin": 1, "checkedout": 1, "overflow": 0, "waiting": 0}`, LayerNone,
		},
		"SQLAlchemy's size 0 is no limit": {
			`{"size": 0, "checkedin": 1, "checkedout": 2, "overflow": 0}`, LayerNone,
		},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApplication(t)
			app.name = strings.ReplaceAll(app.name, "/", "_")
			for range 3 {
				app.connect()
			}
			sample := answering(t, app, pool, tt.report).Sample(t.Context())
			require.NoError(t, sample.Err)
			require.NotNil(t, sample.Application)
			require.Equal(t, 3, sample.Database.Idle)
			require.Equal(t, tt.want, sample.Layer)
		})
	}
}

// Waits with no session at all: the pool does not even connect.
func TestLayerAppPoolWhileSessionsAreAbsent(t *testing.T) {
	s := answering(t, newApplication(t), tuned, `{"size": 20, "checkedin": 0, "checkedout": 0, "overflow": -20, "waiting": 3}`)
	require.Equal(t, LayerAppPool, s.Sample(t.Context()).Layer)
}

func TestLayerNone(t *testing.T) {
	app := newApplication(t)
	app.connect()
	require.Equal(t, LayerNone, app.sampler(tuned).Sample(t.Context()).Layer)
}

func TestEveryLayerHasItsRowAndAdvice(t *testing.T) {
	seen := map[Layer]bool{}
	for _, r := range rules {
		require.False(t, seen[r.layer], "%s has two rows", r.layer)
		seen[r.layer] = true
		require.NotEmpty(t, r.when)
		require.NotEmpty(t, r.layer.Advice())
	}
	for _, layer := range []Layer{
		LayerLocks, LayerConnectionLimit, LayerDatabase, LayerIdleInTransaction, LayerAppPool, LayerNone,
	} {
		require.True(t, seen[layer], layer)
	}
	require.Empty(t, Layer("network").Advice())
}
