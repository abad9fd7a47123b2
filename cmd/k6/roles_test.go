//go:build unix

package main_test

import (
	"net/url"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
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

// newRole makes a role that may do nothing but log in, and gives the database
// for its owner and for the role.
func newRole(t *testing.T, name string) (owner *pgx.Conn, asOwner, asIt string) {
	t.Helper()
	asOwner = pgtest.Database(t)
	owner = pgtest.Conn(t, asOwner)
	execute(t, owner, "CREATE ROLE "+name+" LOGIN PASSWORD '"+name+"'")
	return owner, asOwner, asRole(t, asOwner, name, name)
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

func oneUser(t *testing.T, database string) k6test.Result {
	t.Helper()
	return scenario(t, "100users.js", "DATABASE_URL="+database, "DURATION=1", "CONCURRENT=1", "THINK=0.1", "INTERVAL=0", "GATE=fail",
		"WAIVE="+k6test.Noisy)
}

var advice = regexp.MustCompile(`the tables are in the schema xk6_pgxpool: (GRANT [^\\"]*)`)

// advised is what a role is told to get, in the one line that says so.
func advised(t *testing.T, r k6test.Result) string {
	t.Helper()
	require.NotZero(t, r.Code)
	require.Contains(t, r.Stderr, "42501")
	found := advice.FindAllStringSubmatch(r.Stderr, -1)
	require.Len(t, found, 1, r.Stderr)
	return found[0][1]
}

// What it is told to get is all it needs.
func TestARoleThatMayNotMakeTheTablesIsTold(t *testing.T) {
	t.Parallel()
	owner, _, asIt := newRole(t, "maker")
	grant := advised(t, oneUser(t, asIt))
	require.Regexp(t, `^GRANT CREATE ON DATABASE \S+ TO maker$`, grant)
	execute(t, owner, grant)
	r := oneUser(t, asIt)
	require.Zero(t, r.Code, r.Output())
	r = oneUser(t, asIt)
	require.Zero(t, r.Code, "they are there: %s", r.Output())
}

func TestARoleThatMayNotReadTheTablesIsTold(t *testing.T) {
	t.Parallel()
	owner, asOwner, asIt := newRole(t, "reader")
	require.Zero(t, oneUser(t, asOwner).Code)
	const usage, selects = "GRANT USAGE ON SCHEMA xk6_pgxpool TO reader", "GRANT SELECT ON ALL TABLES IN SCHEMA xk6_pgxpool TO reader"
	require.Equal(t, usage+"; "+selects, advised(t, oneUser(t, asIt)))
	execute(t, owner, usage+"; GRANT SELECT ON xk6_pgxpool.projects TO reader")
	execute(t, owner, advised(t, oneUser(t, asIt)))
	r := oneUser(t, asIt)
	require.Zero(t, r.Code, r.Output())
}

func TestARoleMakesTheTablesInAnothersSchema(t *testing.T) {
	t.Parallel()
	owner, _, asIt := newRole(t, "guest")
	execute(t, owner, "CREATE SCHEMA xk6_pgxpool; GRANT USAGE ON SCHEMA xk6_pgxpool TO guest")
	const grant = "GRANT USAGE, CREATE ON SCHEMA xk6_pgxpool TO guest"
	require.Equal(t, grant+", or run the script once as the owner of its tables", advised(t, oneUser(t, asIt)))
	execute(t, owner, grant)
	r := oneUser(t, asIt)
	require.Zero(t, r.Code, r.Output())
}
