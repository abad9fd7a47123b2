package command

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestPlanReadsTheServersLimits(t *testing.T) {
	database := pgtest.Database(t)
	plan := planRun{}.json(t, "--hold", "5ms", "--url", database)
	var maxConnections, reserved int
	err := pgtest.Conn(t, database).QueryRow(t.Context(),
		"SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int").
		Scan(&maxConnections, &reserved)
	require.NoError(t, err)
	require.Equal(t, maxConnections, plan.Server.MaxConnections)
	require.Equal(t, reserved, plan.Server.SuperuserReserved)
	require.Equal(t, maxConnections-reserved-plan.Server.Reserved-plan.Server.Other-1, plan.Server.Available)
	require.Equal(t, -1, plan.Server.RoleLimit, "superusers have no limit")
	require.Equal(t, -1, plan.Server.DatabaseLimit)
	require.Contains(t, plan.Server.Source, "a superuser, whom rolconnlimit and datconnlimit do not bind")
}

// What other applications have open is not to be had.
func TestPlanLeavesOthersTheirConnections(t *testing.T) {
	srv := pgtest.Server(t, embedded.Config{MaxConnections: 40})
	for range 25 {
		pgtest.Conn(t, srv.URL())
	}
	_, err := pgtest.Conn(t, srv.URL()).Exec(t.Context(), "SET application_name = 'flowboard'")
	require.NoError(t, err)
	plan := planRun{}.json(t, "--hold", "5ms", "--url", srv.URL(), "--application-name", "flowboard")
	require.Equal(t, 25, plan.Server.Other)
	require.Equal(t, plan.Server.MaxConnections-plan.Server.SuperuserReserved-plan.Server.Reserved-25-1, plan.Server.Available)
	require.Contains(t, plan.Server.Source, `others have 25 connections open (application_name is not "flowboard")`)
	require.Equal(t, 30, planRun{}.json(t, "--hold", "5ms", "--url", srv.URL(), "--reserved", "30").Server.Other)
	require.Equal(t, 26, planRun{}.json(t, "--hold", "5ms", "--url", srv.URL(), "--reserved", "3").Server.Other)
}

// planRole makes a role without privileges and gives the URL with which it
// connects, in SQLAlchemy's form.
func planRole(t *testing.T, database, attributes string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	role := "role_" + strings.TrimPrefix(u.Path, "/pgtest_")
	conn := pgtest.Conn(t, database)
	_, err = conn.Exec(t.Context(), fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'geheim' %s", role, attributes))
	require.NoError(t, err)
	t.Cleanup(func() { // before the connection's own
		_, err := conn.Exec(context.Background(), "DROP ROLE "+role)
		require.NoError(t, err)
	})
	u.User = url.UserPassword(role, "geheim")
	u.Scheme = "postgresql+asyncpg"
	return u.String()
}

func TestPlanReadsTheLimitsOfRoleAndDatabase(t *testing.T) {
	database := pgtest.Database(t)
	url := planRole(t, database, "CONNECTION LIMIT 40")
	plan := planRun{env: map[string]string{"DATABASE_URL": url}}.json(t, "--hold", "5ms")
	require.Equal(t, 40, plan.Server.RoleLimit)
	require.Equal(t, -1, plan.Server.DatabaseLimit)
	require.Equal(t, 39, plan.Server.Available)
	require.Equal(t, "rolconnlimit", plan.Server.Limit)
	require.False(t, plan.Given.Fits, "20 + 40 > 40")
	require.Equal(t, 40, planRun{env: map[string]string{"DATABASE_URL": url, "DB_CPU": "false"}}.json(t, "--hold", "5ms").Server.Available,
		"nothing reads the CPU")

	conn := pgtest.Conn(t, database)
	_, err := conn.Exec(t.Context(), "ALTER DATABASE "+conn.Config().Database+" CONNECTION LIMIT 30") // of which this test has two
	require.NoError(t, err)
	output, err := planRun{env: map[string]string{"DATABASE_URL": url}}.plan(t, "--hold", "5ms")
	require.Equal(t, exitcodes.ThresholdsHaveFailed, planExitCode(err))
	require.ErrorContains(t, err, "= 60 connections, datconnlimit leaves 27; size + overflow of at most 27 would fit")
	require.Contains(t, output, "but datconnlimit allows 27\n")
	require.NotContains(t, output+err.Error(), "geheim")

	output, err = planRun{env: map[string]string{"DATABASE_URL": url}}.plan(t, "--hold", "5ms", "--instances", "31")
	require.Error(t, err)
	require.Contains(t, strings.Join(strings.Fields(output), " "), "datconnlimit leaves 27. Run fewer workers, raise datconnlimit, or put PgBouncer in front.")
}

func TestPlanMaxConnectionsFlag(t *testing.T) {
	database := pgtest.Database(t)
	plan := planRun{}.json(t, "--hold", "5ms", "--url", database, "--max-connections", "1000")
	require.Equal(t, 1000, plan.Server.MaxConnections)
	require.Contains(t, plan.Server.Source, "PostgreSQL ")

	unreachable := planRun{env: map[string]string{"DATABASE_URL": "postgres://u:geheim@127.0.0.1:1/db"}}
	plan = unreachable.json(t, "--hold", "5ms", "--max-connections", "1000")
	require.Equal(t, "--max-connections", plan.Server.Source, "no need to ask the server")

	_, err := unreachable.plan(t, "--hold", "5ms")
	require.ErrorContains(t, err, "reading the server's limits: connecting to the database: 127.0.0.1:1")
	require.ErrorContains(t, err, "; check --url (DATABASE_URL) and that the server is up, or give --max-connections without --url")
	require.NotContains(t, err.Error(), "geheim")
	require.NotContains(t, err.Error(), "\n")
	require.Equal(t, exitcodes.InvalidConfig, planExitCode(err))
}
