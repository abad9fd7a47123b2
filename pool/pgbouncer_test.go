//go:build unix

package pool_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/pgbouncertest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// mixed runs two statements from several users for a while, each perhaps on
// another server connection, and gives the errors.
func mixed(h *harness) (errs []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for user := range 8 {
		wg.Go(func() {
			for i := range 40 {
				sql := []string{"SELECT $1::int + 1", "SELECT $1::int * 2"}[(user+i)%2]
				if _, err := h.Query(h.scope(), sql, []any{"20"}); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return errs
}

func TestBehindPgBouncer(t *testing.T) {
	url := pgbouncertest.Start(t, pgtest.URL(t), 2)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		h := newPool(t, 4, 0, func(c *pool.Config) { c.URL, c.QueryExecMode, c.PoolTimeout = url, mode, 20*time.Second })
		require.Empty(t, mixed(h), config.ModeName(mode))
		c := h.acquire()
		require.NoError(t, inTransaction{h, c, h.scope()}.run(pool.TransactionOptions{}, func() error {
			res, err := c.Query(h.scope(), "SELECT pg_current_xact_id()::text", nil)
			require.NoError(t, err)
			again, err := c.Query(h.scope(), "SELECT pg_current_xact_id()::text", nil)
			require.NoError(t, err)
			require.Equal(t, res.Value(0, 0), again.Value(0, 0), config.ModeName(mode))
			return nil
		}))
		c.Release()
	}
	h := newPool(t, 4, 0, func(c *pool.Config) { c.URL, c.PoolTimeout = url, 20*time.Second })
	named := 0
	for _, err := range mixed(h) {
		var query *pool.QueryError
		if errors.As(err, &query) && (query.Code == "42P05" || query.Code == "26000") {
			require.ErrorContains(t, err, "queryExecMode")
			named++
		}
	}
	require.Positive(t, named, "prepared statements do not survive transaction mode")
}

func TestPgBouncerRefusesAStartupParameter(t *testing.T) {
	url := pgbouncertest.Start(t, pgtest.URL(t), 2)
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL, c.StatementTimeout = url, time.Second })
	_, err := h.Query(h.scope(), "SELECT 1", nil)
	var connect *pool.ConnectError
	require.ErrorAs(t, err, &connect)
	require.ErrorContains(t, err, "statementTimeout")
}

// The CPU is read whatever the pool's own mode is.
func TestCPUBehindPgBouncer(t *testing.T) {
	url := pgbouncertest.Start(t, pgtest.URL(t), 2)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec} {
		c := pool.DefaultConfig()
		c.URL, c.QueryExecMode = url, mode
		connConfig, err := c.ConnConfig()
		require.NoError(t, err)
		conn, err := monitor.Connect(t.Context(), connConfig)
		require.NoError(t, err)
		var cpu monitor.CPU
		for range 3 {
			_, _, err = cpu.Read(t.Context(), conn)
			require.NoError(t, err, config.ModeName(mode))
		}
		require.NoError(t, conn.Close(t.Context()))
	}
}
