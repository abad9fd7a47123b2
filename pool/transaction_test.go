package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// statements counts those that were observed.
type statements struct {
	pool.NopObserver
	all, failed atomic.Int64
}

func (s *statements) Queried(_ time.Time, _ time.Duration, err error) {
	s.all.Add(1)
	if err != nil {
		s.failed.Add(1)
	}
}

// inTransaction is one transaction of a user who gives up at the first error.
type inTransaction struct {
	h *harness
	c *pool.Conn
	s *pool.Scope
}

func (u inTransaction) run(o pool.TransactionOptions, fn func() error) error {
	tx, err := u.c.Transaction(u.s, o, 0)
	if err != nil {
		return err
	}
	if err := fn(); err != nil {
		tx.Rollback()
		return err
	}
	if err := tx.Commit(u.s); err != nil {
		tx.Rollback()
		return err
	}
	return nil
}

func (u inTransaction) query(sql string, args ...any) error {
	_, err := u.c.Query(u.s, sql, args)
	return err
}

func (u inTransaction) exec(sql string, args ...any) error {
	_, err := u.c.Exec(u.s, sql, args)
	return err
}

// behaviors are transactions that must look the same whether BEGIN is sent
// before the first statement or together with it.
var behaviors = map[string]func(u inTransaction) error{
	"commits": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { return u.query("INSERT INTO kept VALUES ($1) RETURNING n", 1) })
	},
	"options reach the server": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{Isolation: pool.Serializable, ReadOnly: true, Deferrable: true}, func() error {
			return u.query("INSERT INTO kept VALUES ($1) RETURNING n", 1)
		})
	},
	"BEGIN fails": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{Isolation: "NONE"}, func() error { return u.exec("INSERT INTO kept VALUES ($1)", 2) })
	},
	"BEGIN fails, with a statement that failed before": func(u inTransaction) error {
		_ = u.query("SELECT 1 / $1::int", 0)
		err := u.run(pool.TransactionOptions{Isolation: "NONE"}, func() error { return u.exec("INSERT INTO kept VALUES ($1)", 16) })
		return errors.Join(err, u.query("SELECT 1 / $1::int", 1), u.exec("INSERT INTO kept VALUES ($1)", 17))
	},
	"BEGIN fails, its error ignored": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{Isolation: "NONE"}, func() error {
			_ = u.exec("INSERT INTO kept VALUES ($1)", 3)
			_ = u.query("INSERT INTO kept VALUES (4) RETURNING n")
			_ = u.exec("INSERT INTO kept VALUES (5)")
			_ = u.run(pool.TransactionOptions{}, func() error { return u.exec("INSERT INTO kept VALUES (6)") })
			return nil
		})
	},
	"BEGIN fails, no statement": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{Isolation: "NONE"}, func() error { return nil })
	},
	"the first statement fails": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { return u.query("SELECT 1 / ($1::int - 1)", 1) })
	},
	"the first statement fails, its error ignored": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { _ = u.query("SELECT nothing"); return nil })
	},
	"the first statement is not sent": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error {
			if err := u.query("INSERT INTO kept VALUES ($1) RETURNING n", "no number"); err == nil {
				return nil
			}
			return u.query("INSERT INTO kept VALUES ($1) RETURNING n", 7)
		})
	},
	"an argument that fits no parameter": func(u inTransaction) error {
		const insert = "INSERT INTO kept VALUES ($1) RETURNING n"
		if err := u.query(insert, 13); err != nil { // so that its parameters are known
			return err
		}
		return u.run(pool.TransactionOptions{}, func() error {
			if err := u.query(insert, []string{"no"}); err == nil {
				return errors.New("it was taken")
			}
			return u.query(insert, 14)
		})
	},
	"a savepoint's end": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error {
			return u.run(pool.TransactionOptions{}, func() error { return u.exec("COMMIT") })
		})
	},
	"a savepoint in which a statement fails, its error ignored": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error {
			_ = u.run(pool.TransactionOptions{}, func() error { _ = u.query("SELECT nothing"); return nil })
			return u.query("INSERT INTO kept VALUES ($1) RETURNING n", 15)
		})
	},
	"no statement": func(u inTransaction) error { return u.run(pool.TransactionOptions{}, func() error { return nil }) },
	"without rows": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { return u.exec("INSERT INTO kept VALUES (8)") })
	},
	"an empty string": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { return u.query("") })
	},
	"VACUUM": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { return u.query("VACUUM kept") })
	},
	"a script's end": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { return u.query("ROLLBACK") })
	},
	"a script's BEGIN": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error { return u.query("BEGIN") })
	},
	"COPY": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error {
			_, err := u.c.CopyFrom(u.s, &pool.Copy{Table: pgx.Identifier{"kept"}, Columns: []string{"n"}, Rows: [][]any{{int32(9)}}})
			return err
		})
	},
	"a savepoint first": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error {
			_ = u.run(pool.TransactionOptions{}, func() error { return u.query("SELECT 1 / ($1::int - 1)", 1) })
			return u.run(pool.TransactionOptions{}, func() error { return u.query("INSERT INTO kept VALUES ($1) RETURNING n", 10) })
		})
	},
	"a savepoint with options": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error {
			return u.run(pool.TransactionOptions{ReadOnly: true}, func() error { return nil })
		})
	},
	"a statement that takes too long": func(u inTransaction) error {
		u.s.Limits.Timeout = 400 * time.Millisecond
		defer func() { u.s.Limits.Timeout = 0 }()
		return u.run(pool.TransactionOptions{}, func() error { return u.query("SELECT pg_sleep($1::int)", 60) })
	},
	"the connection is lost before": func(u inTransaction) error {
		u.h.terminate(u.c.PID())
		return u.run(pool.TransactionOptions{}, func() error { return u.query("INSERT INTO kept VALUES ($1) RETURNING n", 11) })
	},
	"the connection is lost before, and prepares anew": func(u inTransaction) error {
		other := u.h.acquire()
		for _, sql := range []string{
			"CREATE TEMPORARY TABLE IF NOT EXISTS changing (n int)", "SELECT * FROM changing", "ALTER TABLE changing ADD COLUMN m int", "SELECT * FROM changing", "DROP TABLE changing",
		} {
			_, err := other.Query(u.h.scope(), sql, nil)
			require.NoError(u.h.t, err)
		}
		other.Release()
		u.h.terminate(u.c.PID())
		return u.run(pool.TransactionOptions{}, func() error { return u.query("INSERT INTO kept VALUES ($1) RETURNING n", 11) })
	},
	"the connection is lost during the first statement": func(u inTransaction) error {
		_, err := u.c.Exec(u.h.scope(), "CREATE FUNCTION pg_temp.die() RETURNS bool LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())'", nil)
		require.NoError(u.h.t, err)
		return u.run(pool.TransactionOptions{}, func() error { return u.query("SELECT pg_temp.die()") })
	},
	"a COMMIT is lost": func(u inTransaction) error {
		return u.run(pool.TransactionOptions{}, func() error {
			if err := u.query("INSERT INTO kept VALUES ($1) RETURNING n", 12); err != nil {
				return err
			}
			u.h.terminate(u.c.PID())
			return nil
		})
	},
}

// A BEGIN that is sent with the first statement looks to a user as one that is
// waited for: the error, what is kept, what is counted and how the connection is left.
func TestBeginWithTheFirstStatementLooksTheSame(t *testing.T) {
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(config.ModeName(mode), func(t *testing.T) {
			t.Parallel()
			made := map[pool.Driver]*harness{}
			for _, driver := range []pool.Driver{pool.DriverPgx, pool.DriverPsycopg} {
				made[driver] = newPool(t, 1, 1, func(c *pool.Config) { c.Driver, c.QueryExecMode, c.PoolPrePing = driver, mode, false })
			}
			for name, behave := range behaviors {
				require.Equal(t, made[pool.DriverPsycopg].told(behave), made[pool.DriverPgx].told(behave), name)
			}
		})
	}
}

// told is all that there is to tell of a behavior: twice, since the second time its
// statements are known.
func (h *harness) told(behave func(u inTransaction) error) (lines []string) {
	counted := &statements{}
	s := pool.NewScope(context.Background(), counted)
	for range 2 {
		c := h.acquire()
		_, err := c.Exec(h.scope(), "CREATE TEMPORARY TABLE IF NOT EXISTS kept (n int); TRUNCATE kept", nil)
		require.NoError(h.t, err)
		problem := behave(inTransaction{h, c, s})
		kept := "the connection is lost"
		if res, err := c.Query(h.scope(), "SELECT coalesce(string_agg(n::text, ','), ''), pg_current_xact_id_if_assigned() IS NULL FROM kept", nil); err == nil {
			kept = fmt.Sprintf("kept %q, free %s", res.Value(0, 0), res.Value(0, 1))
		}
		c.Release()
		lines = append(lines, fmt.Sprintf("%T %v; %s; %d statements, %d failed", problem, problem, kept, counted.all.Load(), counted.failed.Load()))
	}
	return lines
}

// A connection that was returned may be another's already: nothing can be done with
// it, and what ends a transaction on it touches nobody's.
func TestNothingRunsOnAReleasedConnection(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	s := h.scope()
	c := h.acquire()
	outer, err := c.Transaction(s, pool.TransactionOptions{}, 0)
	require.NoError(t, err)
	inner, err := c.Transaction(s, pool.TransactionOptions{}, 0)
	require.NoError(t, err)
	c.Release()
	next := h.acquire()
	require.Equal(t, c.PID(), next.PID())
	require.NoError(t, next.Begin(s))
	_, err = next.Exec(s, "CREATE TEMPORARY TABLE others (n int)", nil)
	require.NoError(t, err)
	for name, call := range map[string]func() error{
		"Query":       func() error { _, err := c.Query(s, "SELECT 1", nil); return err },
		"QueryRow":    func() error { _, err := c.QueryRow(s, "SELECT 1", nil); return err },
		"Exec":        func() error { _, err := c.Exec(s, "ROLLBACK", nil); return err },
		"CopyFrom":    func() error { _, err := c.CopyFrom(s, &pool.Copy{Table: pgx.Identifier{"others"}}); return err },
		"Begin":       func() error { return c.Begin(s) },
		"Commit":      func() error { return c.Commit(s) },
		"Transaction": func() error { _, err := c.Transaction(s, pool.TransactionOptions{}, 0); return err },
		"outer":       func() error { return outer.Commit(s) },
		"inner":       func() error { return inner.Commit(s) },
	} {
		var misuse *pool.QueryError
		require.ErrorAs(t, call(), &misuse, name)
		require.EqualError(t, misuse, "connection is released: acquire() another one", name)
	}
	outer.Rollback()
	inner.Rollback()
	require.NoError(t, next.Commit(s))
	_, err = next.Query(s, "SELECT * FROM others", nil)
	require.NoError(t, err)
	next.Release()
}

// Whoever was cut off opens no transaction.
func TestNoTransactionForAScopeThatWasCutOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, driver := range drivers {
		h := newPool(t, 1, 0, func(c *pool.Config) { c.Driver = driver })
		s := pool.NewScope(ctx, pool.NopObserver{})
		c := h.acquire()
		require.ErrorIs(t, c.Begin(s), pool.ErrInterrupted, driver)
		_, err := c.Transaction(s, pool.TransactionOptions{}, 0)
		require.ErrorIs(t, err, pool.ErrInterrupted, driver)
		res, err := c.Query(h.scope(), "SELECT pg_current_xact_id_if_assigned() IS NULL, now() = statement_timestamp()", nil)
		require.NoError(t, err)
		require.Equal(t, "t", string(res.Value(0, 0)), driver)
		require.ErrorContains(t, c.Commit(h.scope()), "ended before its COMMIT", driver)
		c.Release()
	}
}

// The transaction that a Python driver opens for what only reads is ended before a
// caller's own begins. A connection that is lost meanwhile begins none.
func TestBeginEndsTheDriversTransaction(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.Driver = pool.DriverPsycopg })
	at := func(c *pool.Conn) string {
		res, err := c.Query(h.scope(), "SELECT now()::text", nil)
		require.NoError(t, err)
		return string(res.Value(0, 0))
	}
	c := h.acquire()
	first := at(c)
	require.Equal(t, first, at(c), "one transaction")
	require.NoError(t, c.Begin(h.scope()))
	require.NotEqual(t, first, at(c))
	require.NoError(t, c.Commit(h.scope()))
	at(c)
	h.terminate(c.PID())
	var lost *pool.ConnectionLostError
	require.ErrorAs(t, c.Begin(h.scope()), &lost)
	require.Error(t, c.Commit(h.scope()))
	c.Release()
	require.EqualValues(t, 1, h.Stat().Lost)
}

// A transaction whose ROLLBACK gets no answer is over with its connection, and those
// opened before it are not trusted.
func TestRollbackOnALostConnection(t *testing.T) {
	h := newPool(t, 2, 0, nil)
	c, other := h.acquire(), h.acquire()
	tx, err := c.Transaction(h.scope(), pool.TransactionOptions{}, 0)
	require.NoError(t, err)
	_, err = c.Query(h.scope(), "SELECT 1", nil)
	require.NoError(t, err)
	h.terminate(c.PID())
	tx.Rollback()
	tx.Rollback()
	c.Release()
	other.Release()
	require.EqualValues(t, 1, h.Stat().Lost)
	h.acquire().Release() // the slot of the lost one
	h.acquire().Release()
	require.EqualValues(t, 1, h.Stat().Recycled, "the other was opened before")
}
