package pool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// A table that changes under prepared statements fails none outside a
// transaction, whatever the number of connections that have prepared them.
func TestDDLFailsNoStatementOutsideATransaction(t *testing.T) {
	for _, driver := range drivers {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec} {
			h := newPool(t, 4, 0, func(c *pool.Config) {
				c.URL, c.Driver, c.QueryExecMode = pgtest.Database(t), driver, mode
			})
			_, err := h.Exec(h.scope(), "CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)", nil)
			require.NoError(t, err)
			conns := []*pool.Conn{h.acquire(), h.acquire(), h.acquire(), h.acquire()}
			for _, c := range conns {
				_, err := c.Query(h.scope(), "SELECT * FROM changing", nil)
				require.NoError(t, err)
				c.Release()
			}
			_, err = h.Exec(h.scope(), "ALTER TABLE changing ADD b text DEFAULT 'b'", nil)
			require.NoError(t, err)
			last := h.acquire()
			for range 4 {
				res, err := h.Query(h.scope(), "SELECT * FROM changing", nil)
				require.NoError(t, err, "%s %v", driver, mode)
				require.Len(t, res.Shape().Columns, 2)
			}
			if driver == pool.DriverPgx && mode == pgx.QueryExecModeCacheStatement {
				h.terminate(last.PID())
				_, err = last.Query(h.scope(), "SELECT * FROM changing", nil)
				require.Equal(t, lostNotSent, nameOf(err), "found gone before it prepares anew")
			}
			last.Release()
		}
	}
}

// A column that is dropped or has another type changes what a cached description
// says of columns and parameters. Neither fails a statement which the server
// would run.
func TestDDLOutdatesDescriptions(t *testing.T) {
	for _, driver := range drivers {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe} {
			h := newPool(t, 2, 0, func(c *pool.Config) { c.URL, c.Driver, c.QueryExecMode = pgtest.Database(t), driver, mode })
			run := func(sql string, args ...any) *pool.Result {
				t.Helper()
				res, err := h.Query(h.scope(), sql, args)
				require.NoError(t, err, "%s %v", driver, mode)
				return res
			}
			const all, insert = "SELECT * FROM changing", "INSERT INTO changing (a, b) VALUES ($1, $2)"
			_, err := h.Exec(h.scope(), "CREATE TABLE changing (a int, b int, c int)", nil)
			require.NoError(t, err)
			for range 2 { // on both connections, first in first out
				run(all)
				run(insert, 1, 1)
			}
			for _, change := range []struct {
				sql string
				arg any
			}{
				{"ALTER TABLE changing DROP c", 2},
				{"ALTER TABLE changing ALTER a TYPE int8", int64(1) << 40},
				{"ALTER TABLE changing ALTER a TYPE bool USING a > 0", true},
			} {
				_, err := h.Exec(h.scope(), change.sql, nil)
				require.NoError(t, err)
				for range 2 {
					run(insert, change.arg, 1)
					require.Len(t, run(all).Shape().Columns, 2)
				}
			}
			_, err = h.Query(h.scope(), insert, []any{[]string{"no"}, 1})
			require.ErrorContains(t, err, "unable to encode", "what never fits is refused as before")
		}
	}
}

// In transactions one statement fails, and none in those that begin afterwards.
func TestDDLFailsOneTransaction(t *testing.T) {
	for _, driver := range drivers {
		h := newPool(t, 4, 0, func(c *pool.Config) { c.URL, c.Driver = pgtest.Database(t), driver })
		_, err := h.Exec(h.scope(), "CREATE TABLE changing (a int)", nil)
		require.NoError(t, err)
		read := func(c *pool.Conn) error {
			defer c.Release()
			require.NoError(t, c.Begin(h.scope()))
			if _, err := c.Query(h.scope(), "SELECT * FROM changing", nil); err != nil {
				return err
			}
			return c.Commit(h.scope())
		}
		conns := []*pool.Conn{h.acquire(), h.acquire(), h.acquire(), h.acquire()}
		for _, c := range conns {
			require.NoError(t, read(c))
		}
		_, err = h.Exec(h.scope(), "ALTER TABLE changing ADD b text", nil)
		require.NoError(t, err)
		failed := 0
		for range 8 {
			if err := read(h.acquire()); err != nil {
				require.ErrorContains(t, err, "queryExecMode", "%s", driver)
				require.ErrorContains(t, err, "0A000")
				failed++
			}
		}
		require.Equal(t, 1, failed, "%s", driver)
	}
}

// A transaction says what to do about it whichever code the server has for it. A
// statement that is wrong itself gets no such advice.
func TestOutdatedParametersInATransactionNameTheMode(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = pgtest.Database(t) })
	const insert = "INSERT INTO changing VALUES ($1)"
	_, err := h.Exec(h.scope(), "CREATE TABLE changing (a int)", nil)
	require.NoError(t, err)
	_, err = h.Exec(h.scope(), insert, []any{1})
	require.NoError(t, err)
	c := h.acquire()
	require.NoError(t, c.Begin(h.scope()))
	_, err = c.Exec(h.scope(), "ALTER TABLE changing ALTER a TYPE bool USING a > 0", nil)
	require.NoError(t, err)
	_, err = c.Exec(h.scope(), insert, []any{1})
	require.ErrorContains(t, err, "42804")
	require.ErrorContains(t, err, "run the transaction again, or set queryExecMode")
	c.Release()
	c = h.acquire()
	defer c.Release()
	require.NoError(t, c.Begin(h.scope()))
	_, err = c.Query(h.scope(), "SELECT 1 WHERE 1", nil)
	require.ErrorContains(t, err, "42804")
	require.NotContains(t, err.Error(), "queryExecMode")
}

// Other errors with the same code are what they are, and are not sent twice.
func TestUnsupportedIsNotAnOutdatedPlan(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	_, err := h.Query(h.scope(), "SELECT count(*) FROM pg_class FOR UPDATE", nil)
	require.ErrorContains(t, err, "0A000")
	require.NotContains(t, err.Error(), "queryExecMode")
}

// Texts above asyncpg's limit are not kept by the server, nor by the pool.
func TestLongTextsArePreparedUnderNoName(t *testing.T) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe} {
		h := newPool(t, 1, 0, func(c *pool.Config) { c.QueryExecMode = mode })
		c := h.acquire()
		defer c.Release()
		for _, length := range []int{100, 16 << 10} {
			sql := "SELECT $1::int /* " + strings.Repeat("x", length) + " */"
			for range 2 {
				res, err := c.Query(h.scope(), sql, []any{7})
				require.NoError(t, err)
				require.Equal(t, "7", string(res.Value(0, 0)))
				_, err = c.Exec(h.scope(), sql, []any{7})
				require.NoError(t, err)
			}
		}
		res, err := c.Query(h.scope(), "SELECT coalesce(max(length(statement)), 0)::text FROM pg_prepared_statements", nil)
		require.NoError(t, err)
		require.Less(t, len(res.Value(0, 0)), 4, "%v: the longest is %s", mode, res.Value(0, 0))
	}
}

// Shapes of statements that are used stay shared however many others come.
func TestShapesOfUsedStatementsStayShared(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.QueryExecMode, c.PoolPrePing = pgx.QueryExecModeExec, false })
	shape := func(sql string) *pool.Shape {
		res, err := h.Query(pool.NewScope(context.Background(), pool.NopObserver{}), sql, nil)
		require.NoError(t, err)
		return res.Shape()
	}
	used := shape("SELECT 1 AS used")
	for n := range 2000 {
		shape("SELECT 1 AS other /* " + strings.Repeat("x", n%7) + time.Duration(n).String() + " */")
		require.Same(t, used, shape("SELECT 1 AS used"), n)
	}
	late := shape("SELECT 1 AS late")
	require.Same(t, late, shape("SELECT 1 AS late"), "one that comes late is kept as well")
	long := "SELECT 1 /* " + strings.Repeat("x", 16<<10) + " */"
	kept := shape(long)
	require.NotSame(t, kept, shape(long), "a long one is not kept")
}
