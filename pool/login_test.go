package pool_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// rolePassword has to be quoted in a URL, in a .pgpass file and in a keyword
// string.
const rolePassword = `it's a:p@ss w/rd\%`

// newRole makes a role that logs in with SCRAM, and gives where it does so.
func newRole(t *testing.T) (host, port, role, database string) {
	t.Helper()
	u, err := url.Parse(pgtest.Database(t))
	require.NoError(t, err)
	role = fmt.Sprintf("login_%d", appNumber.Add(1))
	admin := pgtest.Conn(t, pgtest.URL(t))
	for _, sql := range []string{
		"SET password_encryption = 'scram-sha-256'",
		"CREATE ROLE " + role + " LOGIN PASSWORD '" + strings.ReplaceAll(rolePassword, "'", "''") + "'",
	} {
		_, err = admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "DROP ROLE "+role) })
	var method string
	row := admin.QueryRow(t.Context(), "SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = $1", role)
	require.NoError(t, row.Scan(&method))
	require.Equal(t, "SCRAM-SHA-256", method)
	return u.Hostname(), u.Port(), role, strings.TrimPrefix(u.Path, "/")
}

// who logs in as the script and the environment say, and asks who that was.
func who(t *testing.T, script map[string]any) (user, database string, err error) {
	t.Helper()
	resolved, err := config.Resolve(script, os.LookupEnv)
	require.NoError(t, err)
	h := newPool(t, 1, 0, func(c *pool.Config) { *c = resolved })
	res, err := h.Query(h.scope(), "SELECT current_user::text, current_database()::text", nil)
	if err != nil {
		return "", "", err
	}
	return string(res.Value(0, 0)), string(res.Value(0, 1)), nil
}

// A user without a password may be both, with a forgotten colon.
func TestAUserWithoutAPasswordIsNotShown(t *testing.T) {
	u, err := url.Parse(pgtest.URL(t))
	require.NoError(t, err)
	u.User = url.User("annsecret")
	for _, port := range []string{u.Port(), "1"} {
		u.Host = "127.0.0.1:" + port
		h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = u.String() })
		_, err := h.Query(h.scope(), "SELECT 1", nil)
		var refused *pool.ConnectError
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, err.Error()+refused.Cause(), "annsecret")
		require.ErrorContains(t, err, " as ***: ")
	}
	u.User = url.UserPassword("ann", "x")
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = u.String() })
	_, err = h.Query(h.scope(), "SELECT 1", nil)
	require.ErrorContains(t, err, " as ann: ")
}

// libpq's ways to say where the server is and what the password is, by file
// and by environment. All are pgx's too.
func TestWaysToLogIn(t *testing.T) {
	host, port, role, database := newRole(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	colons := strings.NewReplacer(`\`, `\\`, `:`, `\:`)
	passFile := write("pgpass", "# a comment\n*:*:*:somebody:else\n"+
		strings.Join([]string{host, port, database, role, colons.Replace(rolePassword)}, ":")+"\n")
	service := strings.Join([]string{"[mine]", "host=" + host, "port=" + port, "user=" + role, "dbname=" + database, ""}, "\n")
	withPassword := write("with-password.conf", service+"password="+rolePassword+"\n")
	without := write("without.conf", service)

	user := url.UserPassword(role, rolePassword).String()
	quoted := url.QueryEscape(rolePassword)
	place := host + ":" + port + "/" + database
	for _, test := range []struct {
		name, url string
		env       map[string]string
	}{
		{"URL", "postgres://" + user + "@" + place, nil},
		{"SQLAlchemy's URL", "postgresql+asyncpg://" + user + "@" + place, nil},
		{"query of the URL", "postgres://" + place + "?user=" + role + "&password=" + strings.ReplaceAll(quoted, "+", "%20"), nil},
		{"keywords", "host=" + host + " port=" + port + " user=" + role + " dbname=" + database +
			" password='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(rolePassword) + "'", nil},
		{"PGPASSWORD", "postgres://" + role + "@" + place, map[string]string{"PGPASSWORD": rolePassword}},
		{"PG* alone", "postgres://", map[string]string{
			"PGHOST": host, "PGPORT": port, "PGUSER": role, "PGDATABASE": database, "PGPASSWORD": rolePassword,
		}},
		{"PGPASSFILE", "postgres://" + role + "@" + place, map[string]string{"PGPASSFILE": passFile}},
		{"passfile", "postgres://" + role + "@" + place + "?passfile=" + url.QueryEscape(passFile), nil},
		{"PGSERVICE", "postgres://", map[string]string{"PGSERVICE": "mine", "PGSERVICEFILE": withPassword}},
		{"service", "postgres:///?service=mine", map[string]string{"PGSERVICEFILE": withPassword}},
		{"service keyword", "service=mine", map[string]string{"PGSERVICEFILE": withPassword}},
		{"service of SQLAlchemy's URL", "postgresql+psycopg:///?service=mine", map[string]string{"PGSERVICEFILE": withPassword}},
		{"servicefile", "postgres:///?service=mine&servicefile=" + url.QueryEscape(withPassword), nil},
		{"service and passfile", "postgres:///?service=mine", map[string]string{"PGSERVICEFILE": without, "PGPASSFILE": passFile}},
		{"home", "postgres://" + role + "@" + place, map[string]string{"HOME": home(t, passFile)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			for from, script := range map[string]map[string]any{"option": {"url": test.url}, "environment": {}} {
				t.Setenv("DATABASE_URL", test.url)
				name, db, err := who(t, script)
				require.NoError(t, err, from)
				require.Equal(t, [2]string{role, database}, [2]string{name, db}, from)
			}
		})
	}
}

// home is a home directory with this .pgpass.
func home(t *testing.T, passFile string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(passFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".pgpass"), text, 0o600))
	return dir
}

func TestAServerWithoutTheTLSThatIsAskedForSaysSo(t *testing.T) {
	host, port, role, database := newRole(t)
	_, _, err := who(t, map[string]any{"url": "postgres://" + role + "@" + host + ":" + port + "/" + database + "?sslmode=require"})
	require.Equal(t, connectFailed, nameOf(err), "%v", err)
	require.ErrorContains(t, err, "server refused TLS connection; the server has no TLS")
}

func TestWrongPasswordIsAConnectErrorWithoutIt(t *testing.T) {
	host, port, role, database := newRole(t)
	const wrong = "wr0ng-secret"
	place := host + ":" + port + "/" + database
	passFile := filepath.Join(t.TempDir(), "pgpass")
	require.NoError(t, os.WriteFile(passFile, []byte("*:*:*:*:"+wrong+"\n"), 0o600))
	for _, test := range []struct {
		name, url string
		env       map[string]string
		code      string
	}{
		{"URL", "postgres://" + role + ":" + wrong + "@" + place, nil, "28P01"},
		{"PGPASSWORD", "postgres://" + role + "@" + place, map[string]string{"PGPASSWORD": wrong}, "28P01"},
		{"PGPASSFILE", "postgres://" + role + "@" + place, map[string]string{"PGPASSFILE": passFile}, "28P01"},
		{"no password", "postgres://" + role + "@" + place, map[string]string{"PGPASSFILE": "/nonexistent"}, ""},
		{"no such database", "postgres://" + url.UserPassword(role, rolePassword).String() + "@" + host + ":" + port + "/nowhere", nil, "3D000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			_, _, err := who(t, map[string]any{"url": test.url})
			require.Equal(t, connectFailed, nameOf(err), "%v", err)
			require.ErrorContains(t, err, test.code)
			require.NotContains(t, err.Error(), "TLS", "sslmode=prefer does without it")
			require.NotContains(t, err.Error(), "failed to connect to", "said already")
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
				require.NotContains(t, text, wrong)
				require.NotContains(t, text, rolePassword)
				require.NotContains(t, text, "p%40ss")
				require.NotContains(t, text, "\n")
			}
		})
	}
}
