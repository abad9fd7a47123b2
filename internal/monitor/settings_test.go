package monitor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

const somewhere = "postgres://u:secret@db.invalid/flowboard"

func TestAWatchIsReadFromOptionsAndEnvironment(t *testing.T) {
	s, err := Resolve(map[string]any{"poolSize": int64(5), "workers": int64(4), "appURL": []any{"http://127.0.0.1:1/p", "http://127.0.0.1:2/p"}},
		environment(map[string]string{
			"DATABASE_URL": somewhere, "DB_APPLICATION_NAME": "flowboard", "DB_POOL_SIZE": "9", "DB_POOL_TIMEOUT": "2",
			"WORKERS": "7", "APP_ROLE": "app", "APP_CLIENT": "10.0.0.0/8", "PGBOUNCER_URL": "postgres://stats@127.0.0.1:6432/pgbouncer",
			"DB_POOL_PRE_PING": "what only the application reads",
		}))
	require.NoError(t, err)
	require.Equal(t, Selection{Application: "flowboard", Role: "app", Client: "10.0.0.0/8"}, s.Select)
	require.Equal(t, 4, s.Workers, "an option goes before its variable")
	require.Equal(t, 2*time.Second, s.timeout)

	cfg, err := s.Config(time.Second)
	require.NoError(t, err)
	require.Equal(t, Pool{Size: 5, MaxOverflow: 40, Timeout: 2}, cfg.pool)
	require.Equal(t, "flowboard", cfg.pgBouncer.database)
	require.NotNil(t, cfg.health)

	nothing, err := Resolve(nil, environment(map[string]string{"APP_URL": "no address", "WORKERS": "none"}))
	require.NoError(t, err, "without a database there is nothing to watch")
	require.Empty(t, nothing.AppURLs)
}

func TestAWatchRefusesWhatItCannotRead(t *testing.T) {
	for _, test := range []struct {
		option string
		value  any
		want   string
	}{
		{"workers", "many", `"many" is not a number of processes`},
		{"workers", true, "it is of type boolean"},
		{"role", int64(5), "it is of type number"},
		{"appURL", []any{5}, "element 0 is not a string"},
		{"appURL", map[string]any{}, "it is of type Object"},
		{"appURL", "127.0.0.1:8000", "http://127.0.0.1:8000/health/pool"},
		{"pgbouncerURL", "postgres://u:secret@host:port/pgbouncer", "it is not the URL of a console"},
		{"client", "somewhere", `"somewhere" is not an address`},
		{"applicationName", ApplicationName, "is the monitor's own"},
		{"poolPrePing", true, "monitor() does not take it"},
		{"poolSize", int64(-1), "poolSize"},
	} {
		_, err := Resolve(map[string]any{test.option: test.value, "url": somewhere}, environment(nil))
		require.ErrorContains(t, err, test.want, "%s: %v", test.option, test.value)
		require.ErrorAs(t, err, new(*pool.ConfigError))
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestTheFirstDifferenceOfTwoWatches(t *testing.T) {
	one, err := Resolve(map[string]any{"url": somewhere}, environment(nil))
	require.NoError(t, err)
	require.Empty(t, one.Difference(one))
	for option, value := range map[string]any{
		"poolSize": int64(3), "role": "app", "database": "flowboard", "client": "10.0.0.7", "workers": int64(2),
		"appURL": "http://127.0.0.1:1/p", "pgbouncerURL": "postgres://stats@127.0.0.1:6432/pgbouncer",
	} {
		other, err := Resolve(map[string]any{"url": somewhere, option: value}, environment(nil))
		require.NoError(t, err, option)
		require.Regexp(t, "^"+option+"( |$)", one.Difference(other))
	}
}

// Where pg_stat_statements is missing, the error says how to get it.
func TestStatementsSayWhatIsMissing(t *testing.T) {
	conn := pgtest.Conn(t, pgtest.Database(t))
	_, err := OpenStatements(t.Context(), conn, "")
	require.ErrorContains(t, err, "CREATE EXTENSION pg_stat_statements")
	exec(t, conn, "CREATE EXTENSION pg_stat_statements")
	_, err = OpenStatements(t.Context(), conn, "nobody at all")
	require.ErrorContains(t, err, `there is no role "nobody at all"`)
	s, err := OpenStatements(t.Context(), conn, "")
	require.NoError(t, err)
	_, err = s.Read(t.Context(), true)
	require.ErrorContains(t, err, "set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart it")
	types, err := s.ParameterTypes(t.Context(), "SELECT $1::int4, $2::text")
	require.NoError(t, err)
	require.Equal(t, []string{"integer", "text"}, types)
	require.False(t, s.Closed())
}
