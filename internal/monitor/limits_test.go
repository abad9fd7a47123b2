package monitor

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestLimitsAreTheServers(t *testing.T) {
	srv := pgtest.Server(t, embedded.Config{MaxConnections: 37})
	conn := pgtest.Conn(t, srv.URL())
	limits, err := ReadLimits(t.Context(), conn, "")
	require.NoError(t, err)
	require.Equal(t, setting(t, conn, "max_connections"), limits.MaxConnections)
	require.Equal(t, setting(t, conn, "superuser_reserved_connections"), limits.SuperuserReserved)
	require.True(t, limits.Superuser)
	require.Equal(t, -1, limits.RoleLimit)
	require.Zero(t, limits.Others)
	settings, err := ReadSettings(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(limits.MaxConnections), settings["max_connections"])
	require.Equal(t, "off", settings["fsync"])

	pgtest.Conn(t, srv.URL())
	limits, err = ReadLimits(t.Context(), conn, "")
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, []int{limits.Others, limits.RoleOthers, limits.DatabaseOthers})
}

// An ordinary role sees neither kind nor state of other roles' sessions, and
// those of the application that is asked about are no others.
func TestOthersAreCountedByAnOrdinaryRole(t *testing.T) {
	app := newApplication(t)
	ordinary := app.as(newRole(t, app.url, ""))
	conn := ordinary.connect()
	before, err := ReadLimits(t.Context(), conn, app.name)
	require.NoError(t, err)
	app.connect()           // the application, as another role
	pgtest.Conn(t, app.url) // another application
	pgtest.Conn(t, app.url)
	limits, err := ReadLimits(t.Context(), conn, app.name)
	require.NoError(t, err)
	require.Equal(t, 2, limits.DatabaseOthers-before.DatabaseOthers)
	require.Equal(t, 0, limits.RoleOthers)
	all, err := ReadLimits(t.Context(), conn, "")
	require.NoError(t, err)
	require.Equal(t, 3, all.DatabaseOthers-before.DatabaseOthers)
	require.GreaterOrEqual(t, all.Others, all.DatabaseOthers)
}

func setting(t *testing.T, conn *pgx.Conn, name string) (value int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT setting::int FROM pg_settings WHERE name = $1`, name).Scan(&value))
	return value
}

func TestProcessorsAreTheHosts(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc/stat")
	}
	n, err := Processors(t.Context(), pgtest.Conn(t, pgtest.URL(t)))
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, runtime.NumCPU(), "a container may be given fewer than the host has")
}

func TestProcessorsAreCountedByTheirLines(t *testing.T) {
	require.Equal(t, 2, countProcessors("cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n"))
	require.Zero(t, countProcessors("cpu  1 2 3\n"))
}

// What keeps the application from connecting is known after its last session, too.
func TestWhatKeepsTheApplicationFromConnecting(t *testing.T) {
	app := newApplication(t)
	role := newRole(t, app.url, "")
	admin := pgtest.Conn(t, app.url)
	exec(t, admin, "GRANT CONNECT ON DATABASE "+admin.Config().Database+" TO "+role)
	s := app.sampler(tuned)
	barred := func() string {
		sample := s.Sample(t.Context())
		require.NoError(t, sample.Err)
		if sample.Database.Barred == nil {
			return ""
		}
		return sample.Database.Barred.Statement()
	}
	require.Empty(t, barred(), "nobody knows whom it logs in as")
	session := app.as(role).connect()
	require.Empty(t, barred())
	exec(t, admin, "ALTER ROLE "+role+" VALID UNTIL '2020-01-01'")
	require.Empty(t, barred(), "its session has come without a password since")
	exec(t, admin, "ALTER ROLE "+role+" VALID UNTIL 'now'")
	require.Equal(t, `ALTER ROLE "`+role+`" VALID UNTIL 'infinity'`, barred())
	exec(t, admin, "ALTER ROLE "+role+" NOLOGIN VALID UNTIL 'infinity'")
	require.Equal(t, `ALTER ROLE "`+role+`" LOGIN`, barred())
	require.NoError(t, session.Close(t.Context()))
	sampleUntil(t, s, func(s Sample) bool { return s.Database.Open == 0 })
	for _, step := range []struct{ happens, want string }{
		{"ALTER ROLE " + role + " NOLOGIN", `ALTER ROLE "` + role + `" LOGIN`},
		{"ALTER ROLE " + role + " LOGIN", ""},
		{"ALTER ROLE " + role + " VALID UNTIL '2020-01-01'", `ALTER ROLE "` + role + `" VALID UNTIL 'infinity'`},
		{"ALTER ROLE " + role + " VALID UNTIL 'infinity'", ""},
		{"REVOKE CONNECT ON DATABASE " + admin.Config().Database + " FROM PUBLIC, " + role, `GRANT CONNECT ON DATABASE "` + admin.Config().Database + `" TO "` + role + `"`},
	} {
		exec(t, admin, step.happens)
		require.Equal(t, step.want, barred(), step.happens)
	}
	tally := Tally{}
	tally.Add(s.Sample(t.Context()))
	require.Equal(t, "CONNECT", tally.Report().Server.Barred.By)
}
