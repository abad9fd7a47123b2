package pool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// wired is a pool whose round trips are counted.
type wired struct {
	*harness
	wire *faultstest.Wire
}

func newWired(t *testing.T, size, overflow int, oneWay time.Duration, change func(*pool.Config)) *wired {
	t.Helper()
	direct := serverURL(t)
	wire := faultstest.NewWire(t, direct, oneWay)
	h := newPool(t, size, overflow, func(c *pool.Config) {
		c.URL = wire.URL()
		if change != nil {
			change(c)
		}
	})
	h.url = direct
	return &wired{h, wire}
}

// trips is how many round trips do took.
func (w *wired) trips(do func()) int {
	before := w.wire.RoundTrips()
	do()
	return w.wire.RoundTrips() - before
}

// acquireAndQuery is a checkout of two statements.
func (w *wired) acquireAndQuery() {
	c := w.acquire()
	for range 2 {
		_, err := c.Query(w.scope(), "SELECT 1", nil)
		require.NoError(w.t, err)
	}
	c.Release()
}

// transaction is a checkout of two statements between Begin and Commit.
func (w *wired) transaction() {
	c := w.acquire()
	require.NoError(w.t, c.Begin(w.scope()))
	for range 2 {
		_, err := c.Query(w.scope(), "SELECT 1", nil)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, c.Commit(w.scope()))
	c.Release()
}

// transactionWith is the same with a Transaction of these statements.
func (w *wired) transactionWith(statements int) {
	c := w.acquire()
	tx, err := c.Transaction(w.scope(), pool.TransactionOptions{}, 0)
	require.NoError(w.t, err)
	for range statements {
		_, err := c.Query(w.scope(), "SELECT 1", nil)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, tx.Commit(w.scope()))
	c.Release()
}

// The round trips of SQLAlchemy 2.0 with each driver, counted on the wire; for a
// transaction of two statements with asyncpg and pre-ping they are seven. With the
// driver pgx a Transaction has one less than Begin, unless it has no statement.
func TestRoundTripsOfEachDriver(t *testing.T) {
	for _, test := range []struct {
		driver              pool.Driver
		level               pool.IsolationLevel
		ping                bool
		transaction, checks int // two statements in a transaction, and without
		query               int // one statement
	}{
		{pool.DriverPgx, "", false, 4, 2, 1},
		{pool.DriverPgx, "", true, 5, 3, 2},
		{pool.DriverPsycopg, "", false, 4, 4, 3},
		{pool.DriverPsycopg, "", true, 5, 5, 4},
		{pool.DriverAsyncpg, "", false, 4, 4, 3},
		{pool.DriverAsyncpg, "", true, 7, 7, 6},
		{pool.DriverAsyncpg, pool.Serializable, true, 7, 7, 6},
		{pool.DriverAsyncpg, pool.Autocommit, true, 5, 3, 2},
		{pool.DriverPsycopg, pool.Autocommit, true, 5, 3, 2},
	} {
		t.Run(fmt.Sprintf("%s %s ping %v", test.driver, test.level, test.ping), func(t *testing.T) {
			w := newWired(t, 1, 0, 0, func(c *pool.Config) {
				c.Driver, c.IsolationLevel, c.PoolPrePing = test.driver, test.level, test.ping
			})
			w.transaction() // connects and prepares
			require.Equal(t, test.transaction, w.trips(w.transaction), "transaction of two statements")
			saved := 0
			if test.driver == pool.DriverPgx {
				saved = 1
			}
			require.Equal(t, test.transaction-saved, w.trips(func() { w.transactionWith(2) }), "Transaction of two statements")
			require.Equal(t, test.transaction-2, w.trips(func() { w.transactionWith(0) }), "Transaction of none")
			require.Equal(t, test.checks, w.trips(w.acquireAndQuery), "checkout of two statements")
			require.Equal(t, test.query, w.trips(func() {
				_, err := w.Query(w.scope(), "SELECT 1", nil)
				require.NoError(t, err)
			}), "one statement")
			require.EqualValues(t, 1, w.Stat().Connects)
		})
	}
}

// drivers are all of them; what holds for a caller holds under each.
var drivers = []pool.Driver{pool.DriverPgx, pool.DriverAsyncpg, pool.DriverPsycopg}

// The driver changes the traffic only.
func TestStatementsCommitUnderEveryDriver(t *testing.T) {
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			h := newPool(t, 2, 0, func(c *pool.Config) { c.Driver = driver })
			exec := func(sql string) error {
				_, err := h.Exec(h.scope(), sql, nil)
				return err
			}
			count := func() string {
				res, err := h.Query(h.scope(), "SELECT count(*)::text FROM committed", nil)
				require.NoError(t, err)
				return string(res.Value(0, 0))
			}
			require.NoError(t, exec("DROP TABLE IF EXISTS committed; CREATE TABLE committed (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
			require.NoError(t, exec("INSERT INTO committed VALUES (1)"))
			require.Equal(t, "1", count())
			_, err := h.Query(h.scope(), "INSERT INTO committed VALUES ($1) RETURNING n", []any{2})
			require.NoError(t, err)
			require.Equal(t, "2", count())

			var failed *pool.QueryError
			require.ErrorAs(t, exec("INSERT INTO committed VALUES (2)"), &failed, "what COMMIT says is the statement's error")
			require.Equal(t, "23505", failed.Code)

			c := h.acquire()
			defer c.Release()
			for _, sql := range []string{"SELECT 1", "INSERT INTO committed VALUES (3)", "SELECT 1", "WITH x AS (INSERT INTO committed VALUES (4) RETURNING n) SELECT * FROM x"} {
				_, err := c.Query(h.scope(), sql, nil)
				require.NoError(t, err, sql)
			}
			require.Equal(t, "4", count(), "others see it before the return")
			_, err = c.Query(h.scope(), "SELECT 1/0", nil)
			require.ErrorAs(t, err, &failed)
			_, err = c.Exec(h.scope(), "INSERT INTO committed VALUES (5)", nil)
			require.NoError(t, err, "an error does not fail the statements after it")
			require.Equal(t, "5", count())

			require.NoError(t, exec("VACUUM committed"), "what PostgreSQL refuses inside a transaction")
			_, err = c.Exec(h.scope(), "VACUUM committed", nil)
			require.NoError(t, err)
			require.NoError(t, exec("CREATE OR REPLACE PROCEDURE twice() LANGUAGE plpgsql AS 'BEGIN INSERT INTO committed VALUES (6); COMMIT; INSERT INTO committed VALUES (7); END'"))
			require.NoError(t, exec("CALL twice()"))
			require.Equal(t, "7", count())
			require.NoError(t, exec("DROP PROCEDURE twice; DROP TABLE committed"))
		})
	}
}

// A statement that was cut off fails none of those after it on its connection.
func TestStatementAfterOneThatWasCutOff(t *testing.T) {
	for _, driver := range drivers {
		h := newPool(t, 1, 0, func(c *pool.Config) { c.Driver = driver })
		c := h.acquire()
		_, err := c.Query(h.scope(), "SELECT 1", nil)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = c.Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT pg_sleep(30)", nil)
		cancel()
		require.ErrorIs(t, err, pool.ErrInterrupted)
		_, err = c.Query(h.scope(), "SELECT 1", nil)
		require.NoError(t, err, "%s", driver)
		c.Release()
		require.EqualValues(t, 1, h.Stat().Connects)
	}
}

// A transaction of the script's own is its own under every driver.
func TestAScriptsOwnTransaction(t *testing.T) {
	for _, driver := range drivers {
		h := newPool(t, 1, 0, func(c *pool.Config) { c.Driver = driver })
		c := h.acquire()
		run := func(sql string) string {
			res, err := c.Query(h.scope(), sql, nil)
			require.NoError(t, err, "%s: %s", driver, sql)
			if res.Len() == 0 {
				return ""
			}
			return string(res.Value(0, 0))
		}
		run("SELECT 1")
		run("BEGIN ISOLATION LEVEL SERIALIZABLE")
		require.Equal(t, "serializable", run("SELECT current_setting('transaction_isolation')"))
		run("CREATE TABLE own (n int)")
		run("ROLLBACK")
		require.Empty(t, run("SELECT to_regclass('own')::text"))

		require.NoError(t, c.Begin(h.scope()))
		run("CREATE TABLE own (n int)")
		_, err := c.Exec(h.scope(), "SELECT 1/0", nil)
		require.Error(t, err)
		require.ErrorContains(t, c.Commit(h.scope()), "rolled back", "an error fails the whole transaction")
		require.Empty(t, run("SELECT to_regclass('own')::text"))
		require.ErrorContains(t, c.Commit(h.scope()), "ended before its COMMIT", "none is open")
		c.Release()
		h.levels(0, 1, 1)
	}
}

func TestIsolationLevelIsEveryStatements(t *testing.T) {
	for _, driver := range drivers {
		for level, name := range map[pool.IsolationLevel]string{
			"": "read committed", pool.Serializable: "serializable", pool.RepeatableRead: "repeatable read", pool.Autocommit: "read committed",
		} {
			h := newPool(t, 1, 0, func(c *pool.Config) { c.Driver, c.IsolationLevel = driver, level })
			const sql = "SELECT current_setting('transaction_isolation')"
			res, err := h.Query(h.scope(), sql, nil)
			require.NoError(t, err)
			require.Equal(t, name, string(res.Value(0, 0)), "%s %s", driver, level)
			c := h.acquire()
			require.NoError(t, c.Begin(h.scope()))
			res, err = c.Query(h.scope(), sql, nil)
			require.NoError(t, err)
			require.Equal(t, name, string(res.Value(0, 0)), "%s %s in a transaction", driver, level)
			require.NoError(t, c.Commit(h.scope()))
			c.Release()
		}
	}
}

func TestResetOnReturn(t *testing.T) {
	for _, driver := range drivers {
		for reset, want := range map[pool.Reset]string{
			pool.ResetRollback: "", pool.ResetCommit: "kept", pool.ResetNone: "kept",
		} {
			t.Run(fmt.Sprintf("%s %s", driver, reset), func(t *testing.T) {
				h := newPool(t, 1, 0, func(c *pool.Config) { c.Driver, c.ResetOnReturn = driver, reset })
				c := h.acquire()
				require.NoError(t, c.Begin(h.scope()))
				_, err := c.Exec(h.scope(), "CREATE TABLE kept (n int)", nil)
				require.NoError(t, err)
				c.Release()
				h.levels(0, 1, 1)
				res, err := h.Query(h.scope(), "SELECT coalesce(to_regclass('kept')::text, '')", nil)
				require.NoError(t, err)
				require.Equal(t, want, string(res.Value(0, 0)))

				c = h.acquire() // with none it goes on in the transaction that was left open
				err = c.Commit(h.scope())
				require.Equal(t, reset == pool.ResetNone, err == nil, "%v", err)
				_, err = c.Exec(h.scope(), "DROP TABLE IF EXISTS kept", nil)
				require.NoError(t, err)
				c.Release()
				require.EqualValues(t, 1, h.Stat().Connects)
			})
		}
	}
}

// A transaction that failed is left as it is with none, and ended otherwise.
func TestResetOfAFailedTransaction(t *testing.T) {
	for _, driver := range drivers {
		for _, reset := range []pool.Reset{pool.ResetRollback, pool.ResetCommit, pool.ResetNone} {
			h := newPool(t, 1, 0, func(c *pool.Config) { c.Driver, c.ResetOnReturn = driver, reset })
			c := h.acquire()
			require.NoError(t, c.Begin(h.scope()))
			_, err := c.Exec(h.scope(), "SELECT 1/0", nil)
			require.Error(t, err)
			c.Release()
			_, err = h.Query(h.scope(), "SELECT 1", nil)
			if reset != pool.ResetNone {
				require.NoError(t, err, "%s %s", driver, reset)
				continue
			}
			var failed *pool.QueryError
			require.True(t, errors.As(err, &failed) && failed.Code == "25P02", "%s: %v", driver, err)
			require.EqualValues(t, 1, h.Stat().Connects)
		}
	}
}

// holds keeps how long places were taken.
type holds struct {
	pool.NopObserver
	use time.Duration
}

func (o *holds) Released(_ time.Time, use time.Duration) { o.use = use }

// A place is taken while the connection is pinged and reset: on a slow wire what
// is in use is the number of round trips.
func TestUseIsTheTimeAPlaceIsTaken(t *testing.T) {
	const oneWay = 20 * time.Millisecond
	for driver, trips := range map[pool.Driver]int{pool.DriverPgx: 2, pool.DriverPsycopg: 4, pool.DriverAsyncpg: 6} {
		w := newWired(t, 1, 0, oneWay, func(c *pool.Config) { c.Driver = driver })
		query := func(o pool.Observer) {
			_, err := w.Query(pool.NewScope(t.Context(), o), "SELECT 1", nil)
			require.NoError(t, err)
		}
		query(pool.NopObserver{})
		var seen holds
		counted := w.trips(func() { query(&seen) })
		require.Equal(t, trips, counted)
		require.GreaterOrEqual(t, seen.use, time.Duration(trips)*2*oneWay, driver)
	}
}
