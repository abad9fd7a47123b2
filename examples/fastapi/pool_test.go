package fastapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

const patience = 30 * time.Second

type answer struct {
	status int
	body   []byte
	took   time.Duration
}

// hold asks for issues, count times at once, and returns a function that waits for the answers.
func hold(t *testing.T, app *flowboardtest.App, count int, path string) (answers func() []answer) {
	t.Helper()
	collected := make([]answer, count)
	var group sync.WaitGroup
	for i := range collected {
		group.Go(func() {
			start := time.Now()
			status, body := app.Get(t, path)
			collected[i] = answer{status, body, time.Since(start)}
		})
	}
	t.Cleanup(group.Wait) // a test that has failed meanwhile does not wait for its answers
	return func() []answer {
		group.Wait()
		return collected
	}
}

func statuses(answers []answer) map[int]int {
	counts := make(map[int]int)
	for _, a := range answers {
		counts[a.status]++
	}
	return counts
}

func testExhaustedPool(t *testing.T, url string) {
	app := flowboardtest.Start(t, flowboardtest.Config{
		DatabaseURL: url,
		PoolSize:    1,
		PoolTimeout: time.Second,
		Hold:        5 * time.Second,
	})
	answers := hold(t, app, 2, "/api/issues")()
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusServiceUnavailable: 1}, statuses(answers))

	for _, a := range answers {
		if a.status == http.StatusOK {
			require.GreaterOrEqual(t, a.took, 5*time.Second, "the setting HOLD holds the connection")
			continue
		}
		require.GreaterOrEqual(t, a.took, time.Second, "DB_POOL_TIMEOUT is waited for")
		require.JSONEq(t, `{
			"error": "PoolTimeoutError",
			"detail": "no database connection became free within 1 s (pool size 1, max overflow 0)",
			"pool": {"size": 1, "checkedin": 0, "checkedout": 1, "overflow": 0}
		}`, string(a.body))
	}

	status, _ := app.Get(t, "/api/issues?hold=0")
	require.Equal(t, http.StatusOK, status, "the pool has recovered")
	require.Equal(t, flowboardtest.Levels{Size: 1, CheckedIn: 1}, app.Levels(t))
}

func testPoolLevels(t *testing.T, url string) {
	app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url, PoolSize: 2, MaxOverflow: 3})
	conn := pgtest.Conn(t, url)
	status, body := app.Get(t, "/health/pool")
	require.Equal(t, http.StatusOK, status)
	pid := decode(t, body)["pid"]
	require.JSONEq(t, fmt.Sprintf(`{"size": 2, "checkedin": 0, "checkedout": 0, "overflow": -2, "pid": %v}`, pid), string(body), "the pool starts empty")
	command, err := os.ReadFile(fmt.Sprintf("/proc/%v/cmdline", pid))
	if runtime.GOOS == "linux" {
		require.NoError(t, err)
		require.Contains(t, string(command), "uvicorn", "the worker's own process")
	}
	awaitSessions(t, conn, 0, "true") // and the seeding leaves no session behind

	answers := hold(t, app, 4, "/api/issues?hold=6")
	// A connection being opened is checked out already and no session yet, so the comparison begins when all four hold.
	awaitSessions(t, conn, 4, "wait_event = 'PgSleep'")
	for range 10 {
		levels := app.Levels(t)
		require.Equal(t, flowboardtest.Levels{Size: 2, CheckedOut: 4, Overflow: 2}, levels)
		require.InDelta(t, levels.CheckedOut, sessions(t, conn, "state <> 'idle'"), 1)
		time.Sleep(100 * time.Millisecond) // a span of samples, not a moment
	}
	require.Equal(t, map[int]int{http.StatusOK: 4}, statuses(answers()))

	require.Equal(t, flowboardtest.Levels{Size: 2, CheckedIn: 2}, app.Levels(t), "the overflow is closed on return")
	awaitSessions(t, conn, 2, "true")
}

func testPrePing(t *testing.T, url string) {
	conn := pgtest.Conn(t, url)
	for setting, want := range map[string]int{"true": http.StatusOK, "false": http.StatusInternalServerError} {
		awaitSessions(t, conn, 0, "true") // of the application before
		app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url, Env: []string{"DB_POOL_PRE_PING=" + setting}})
		list(t, app, "limit=1")
		kill(t, conn)

		status, _ := app.Get(t, "/api/issues?limit=1")
		require.Equal(t, want, status, "DB_POOL_PRE_PING=%s", setting)
		list(t, app, "limit=1") // a later request has a working connection either way
		require.NoError(t, app.Stop())
	}
}

func testRecycle(t *testing.T, url string) {
	conn := pgtest.Conn(t, url)
	for setting, replaced := range map[string]bool{"0": true, "3600": false, "-1": false} {
		awaitSessions(t, conn, 0, "true") // of the application before
		app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url, Env: []string{"DB_POOL_RECYCLE=" + setting}})
		list(t, app, "limit=1")
		before := backends(t, conn)
		require.Len(t, before, 1)
		list(t, app, "limit=1")
		awaitSessions(t, conn, 1, "true") // a replaced backend takes a moment to go
		require.Equal(t, replaced, before[0] != backends(t, conn)[0], "DB_POOL_RECYCLE=%s", setting)
		require.NoError(t, app.Stop())
	}
}

// TestDatabaseDownIsNotAPoolTimeout guards the meaning of 503, which load tests count as pool timeouts.
func TestDatabaseDownIsNotAPoolTimeout(t *testing.T) {
	url := pgtest.Database(t)
	app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url})
	server := pgtest.Conn(t, pgtest.URL(t))
	name := pgtest.Conn(t, url).Config().Database
	_, err := server.Exec(t.Context(), "ALTER DATABASE "+pgx.Identifier{name}.Sanitize()+" ALLOW_CONNECTIONS false")
	require.NoError(t, err)

	status, body := app.Get(t, "/api/issues")
	require.Equal(t, http.StatusInternalServerError, status, "%s", body)
	status, _ = app.Get(t, "/health")
	require.Equal(t, http.StatusOK, status, "the process itself is well")
}

// sessions counts the application's client backends in conn's database that meet the condition.
func sessions(t *testing.T, conn *pgx.Conn, condition string) int {
	t.Helper()
	var count int
	err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND datname = current_database()
		AND application_name LIKE 'flowboard%' AND `+condition).Scan(&count)
	require.NoError(t, err)
	return count
}

// awaitSessions returns when that many sessions meet the condition: the server takes a moment to start and end them.
func awaitSessions(t *testing.T, conn *pgx.Conn, count int, condition string) {
	t.Helper()
	for deadline := time.Now().Add(patience); sessions(t, conn, condition) != count; time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d sessions with %s", count, condition)
	}
}

// backends are the process ids behind the application's connections.
func backends(t *testing.T, conn *pgx.Conn) []int32 {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'flowboard' ORDER BY pid`)
	require.NoError(t, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	require.NoError(t, err)
	return pids
}

// kill ends the application's backends and returns when they are gone, sockets included.
func kill(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, pid := range backends(t, conn) {
		var gone bool
		// With a timeout it waits for the process, not for its row in the view: the socket is closed then. Between the
		// server's last message and that close, asyncpg fails in a way that SQLAlchemy's ping does not take for a lost connection.
		err := conn.QueryRow(t.Context(), "SELECT pg_terminate_backend($1, $2)", pid, patience.Milliseconds()).Scan(&gone)
		require.NoError(t, err)
		require.True(t, gone)
	}
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal(body, &value), "%s", body)
	return value
}
