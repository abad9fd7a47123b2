package config

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestDifferenceNamesTheFirstOption(t *testing.T) {
	resolve := func(options map[string]any) pool.Config {
		c, err := Resolve(options, nil)
		require.NoError(t, err)
		return c
	}
	for _, test := range []struct {
		here, there map[string]any
		want        string
	}{
		{nil, nil, ""},
		{map[string]any{"poolSize": int64(20)}, nil, ""},
		{map[string]any{"poolTimeout": int64(300)}, map[string]any{"poolTimeout": "300ms"}, ""},
		{map[string]any{"poolRecycle": "1d"}, map[string]any{"poolRecycle": "24h"}, ""},
		{map[string]any{"maxOverflow": int64(1), "poolSize": int64(5)}, map[string]any{"poolSize": int64(6)}, "poolSize 5, not 6"},
		{map[string]any{"poolRecycle": int64(-1)}, nil, "poolRecycle -1, not 1h0m0s"},
		{map[string]any{"queryExecMode": "exec"}, nil, "queryExecMode exec, not cache_statement"},
		{map[string]any{"applicationName": "a"}, map[string]any{"applicationName": "b"}, `applicationName "a", not "b"`},
		{map[string]any{"onConnect": "SET a.b = 'secret'"}, nil, "onConnect 18 bytes of SQL (hash f58a6e71), not nothing"},
		{map[string]any{"statusInterval": "5s"}, nil, "statusInterval 5s, not 0s"},
		{map[string]any{"url": "postgres://ann:geheim@h/d"}, nil, "url postgres://***@h/d, not unset"},
		{map[string]any{"url": "postgres://ann:geheim@h/d"}, map[string]any{"url": "postgres://ann:geheim@i/d"}, "url postgres://***@h/d, not postgres://***@i/d"},
		{map[string]any{"url": "postgres://ann:geheim@h/d"}, map[string]any{"url": "postgres://ann:heimlich@h/d"}, "url (it differs in what is not shown, such as the password or a parameter)"},
		{map[string]any{"url": "postgresql+asyncpg://ann:g%65heim@h/d?ssl=require"}, map[string]any{"url": "host=h user=ann password=geheim dbname=d sslmode=require", "driver": "asyncpg"}, ""},
		{map[string]any{"url": "postgresql+psycopg2://h/d"}, map[string]any{"url": "postgres://h/d"}, `driver "psycopg", not "pgx"`},
		{map[string]any{"isolationLevel": "repeatable_read"}, map[string]any{"isolationLevel": "REPEATABLE READ"}, ""},
		{map[string]any{"url": "postgres://h/d?timezone=UTC&jit=off"}, map[string]any{"url": "postgres://h/d?jit=off&timezone=UTC"}, ""},
	} {
		require.Equal(t, test.want, Difference(resolve(test.here), resolve(test.there)))
	}
	never := pool.DefaultConfig()
	never.PoolRecycle = -time.Hour
	require.Empty(t, Difference(never, resolve(map[string]any{"poolRecycle": int64(-1)})), "negative is never, whatever the number")
}

// Each option takes part: none can be changed behind a pool's back.
func TestDifferenceKnowsEveryOption(t *testing.T) {
	c := pool.DefaultConfig()
	for i, other := range []pool.Config{
		{Name: "x"}, {PoolSize: 1}, {MaxOverflow: 1}, {PoolTimeout: 1}, {ConnectTimeout: 1}, {PoolRecycle: 1}, {PoolPrePing: false},
		{PoolUseLIFO: true}, {Driver: "x"}, {ResetOnReturn: "x"}, {IsolationLevel: "x"}, {ApplicationName: "x"}, {StatementTimeout: 1}, {QueryExecMode: 2}, {Int8: "x"}, {OnConnect: "x"}, {Metrics: "x"}, {SampleInterval: 1}, {LeakDetectionThreshold: 1}, {DBCPU: false}, {StatusInterval: 1},
	} {
		require.False(t, options[i].same(c, other), options[i].name)
		require.True(t, options[i].same(c, c), options[i].name)
	}
	require.Len(t, options, 21, "each has its row")
}

// What is configured is what the server sees, in every mode.
func TestServerSeesTheConfiguration(t *testing.T) {
	url := pgtest.URL(t)
	for mode, name := range modeNames {
		c, err := Resolve(map[string]any{
			"url": url, "applicationName": "config test", "statementTimeout": int64(12345), "queryExecMode": name,
		}, nil)
		require.NoError(t, err)
		require.Equal(t, mode, c.QueryExecMode)
		config, err := c.ConnConfig()
		require.NoError(t, err)
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		var application, timeout string
		const sql = "SELECT application_name, current_setting('statement_timeout') FROM pg_stat_activity WHERE pid = pg_backend_pid()"
		for range 2 {
			require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&application, &timeout))
			require.Equal(t, "config test", application)
			require.Equal(t, "12345ms", timeout)
		}
		require.NoError(t, conn.Close(t.Context()))
	}
}

// The longest name that is accepted arrives uncut.
func TestServerKeepsTheLongestApplicationName(t *testing.T) {
	c, err := Resolve(map[string]any{"url": pgtest.URL(t), "applicationName": strings.Repeat("~", 63)}, nil)
	require.NoError(t, err)
	config, err := c.ConnConfig()
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	var name string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW application_name").Scan(&name))
	require.Equal(t, c.ApplicationName, name)
	require.NoError(t, conn.Close(t.Context()))
}
