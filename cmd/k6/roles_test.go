//go:build unix

package main_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// asRole is the same database for another user.
func asRole(t *testing.T, database, name, password string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(name, password)
	return u.String()
}

func TestARoleThatMayNotMakeTheTablesIsTold(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	_, err := pgtest.Conn(t, database).Exec(t.Context(),
		"DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'reader'")
	require.NoError(t, err)
	r := scenario(t, "100users.js", "DATABASE_URL="+asRole(t, database, "reader", "reader"), "DURATION=1", "CONCURRENT=1")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Output(), "42501")
	require.Contains(t, r.Output(), "GRANT CREATE ON DATABASE … TO this role")
}
