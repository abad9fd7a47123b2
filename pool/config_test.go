package pool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestDefaultConfigIsValid(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, c.Validate())
	require.Equal(t, 60, c.MaxConns())
	resolved, err := Resolve(nil, nil)
	require.NoError(t, err)
	require.Equal(t, c, resolved)
}

// A Config made by hand is held to the same ranges as a script's options.
func TestValidate(t *testing.T) {
	for words, change := range map[string]func(*Config){
		"option name: \"\"":                      func(c *Config) { c.Name = "" },
		"option poolSize: 0":                     func(c *Config) { c.PoolSize = 0 },
		"option maxOverflow: -1":                 func(c *Config) { c.MaxOverflow = -1 },
		"option poolTimeout: -1":                 func(c *Config) { c.PoolTimeout = -time.Second },
		"option connectTimeout: 0s":              func(c *Config) { c.ConnectTimeout = 0 },
		"option poolRecycle: 1µs":                func(c *Config) { c.PoolRecycle = time.Microsecond },
		"option poolUseLifo: false":              func(c *Config) { c.PoolUseLIFO = false },
		"option applicationName: \"\"":           func(c *Config) { c.ApplicationName = "" },
		"option statementTimeout: 1.5ms":         func(c *Config) { c.StatementTimeout = 1500 * time.Microsecond },
		"option queryExecMode: 0":                func(c *Config) { c.QueryExecMode = 0 },
		"option sampleInterval: 9ms":             func(c *Config) { c.SampleInterval = 9 * time.Millisecond },
		"option leakDetectionThreshold: 1ns":     func(c *Config) { c.LeakDetectionThreshold = 1 },
		"option statusInterval: 1ms":             func(c *Config) { c.StatusInterval = time.Millisecond },
		"option url: mysql://***":                func(c *Config) { c.URL = "mysql://ann:geheim@h" },
		"poolSize 5000 and maxOverflow 5001 are": func(c *Config) { c.PoolSize, c.MaxOverflow = 5000, 5001 },
	} {
		c := DefaultConfig()
		change(&c)
		requireConfigError(t, c.Validate(), words)
	}
	c := DefaultConfig()
	c.PoolRecycle, c.MaxOverflow, c.PoolSize = -time.Hour, 5000, 5000
	c.URL = "postgresql+asyncpg://ann:ge/heim@h/d"
	require.NoError(t, c.Validate())
}

func TestDifferenceNamesTheFirstOption(t *testing.T) {
	resolve := func(options map[string]any) Config {
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
		{map[string]any{"statusInterval": "5s"}, nil, "statusInterval 5s, not 0s"},
		{map[string]any{"url": "postgres://ann:geheim@h/d"}, nil, "url postgres://ann:***@h/d, not unset"},
		{map[string]any{"url": "postgres://ann:geheim@h/d"}, map[string]any{"url": "postgres://ann:geheim@i/d"}, "url postgres://ann:***@h/d, not postgres://ann:***@i/d"},
		{map[string]any{"url": "postgres://ann:geheim@h/d"}, map[string]any{"url": "postgres://ann:heimlich@h/d"}, "url (it differs in what is not shown, such as the password)"},
		{map[string]any{"url": "postgresql+asyncpg://ann:g%65heim@h/d?ssl=require"}, map[string]any{"url": "host=h user=ann password=geheim dbname=d sslmode=require"}, ""},
		{map[string]any{"url": "postgres://h/d?timezone=UTC&jit=off"}, map[string]any{"url": "postgres://h/d?jit=off&timezone=UTC"}, ""},
	} {
		require.Equal(t, test.want, resolve(test.here).Difference(resolve(test.there)))
	}
	never := DefaultConfig()
	never.PoolRecycle = -time.Hour
	require.Empty(t, never.Difference(resolve(map[string]any{"poolRecycle": int64(-1)})), "negative is never, whatever the number")
}

// Each option takes part: none can be changed behind a pool's back.
func TestDifferenceKnowsEveryOption(t *testing.T) {
	c := DefaultConfig()
	for i, other := range []Config{
		{URL: "postgres://h"}, {Name: "x"}, {PoolSize: 1}, {MaxOverflow: 1}, {PoolTimeout: 1}, {ConnectTimeout: 1}, {PoolRecycle: 1}, {PoolPrePing: false},
		{PoolUseLIFO: false}, {ApplicationName: "x"}, {StatementTimeout: 1}, {QueryExecMode: 2}, {SampleInterval: 1}, {LeakDetectionThreshold: 1}, {StatusInterval: 1},
	} {
		require.False(t, options[i].same(c, other), options[i].name)
		require.True(t, options[i].same(c, c), options[i].name)
	}
}

func TestConfigShowsNoPassword(t *testing.T) {
	c, err := Resolve(map[string]any{"url": "postgres://ann:geheim@h/d"}, nil)
	require.NoError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		text := fmt.Sprintf(format, c)
		require.NotContains(t, text, "geheim", format)
		require.Contains(t, text, "ann:***@h", format)
		require.NotContains(t, fmt.Sprintf(format, struct{ Config Config }{c}), "geheim", format)
	}
}

func TestConnConfig(t *testing.T) {
	clearPG(t)
	t.Setenv("PGAPPNAME", "from the process")
	t.Setenv("PGCONNECT_TIMEOUT", "77")
	c := DefaultConfig()
	c.URL = "postgres://ann:geheim@h/d?application_name=url&statement_timeout=1&connect_timeout=99&default_query_exec_mode=exec&search_path=a"
	c.ConnectTimeout, c.StatementTimeout = 250*time.Millisecond, 90*time.Second
	conn, err := c.ConnConfig()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"application_name": "xk6-pgxpool", "datestyle": "ISO", "statement_timeout": "90000", "search_path": "a"}, conn.RuntimeParams)
	require.Equal(t, 250*time.Millisecond, conn.ConnectTimeout)
	require.Equal(t, pgx.QueryExecModeCacheStatement, conn.DefaultQueryExecMode)

	c.StatementTimeout = 0
	conn, err = c.ConnConfig()
	require.NoError(t, err)
	require.NotContains(t, conn.RuntimeParams, "statement_timeout", "PgBouncer refuses it even when it is 0")
}

func TestConnConfigKeepsOnlyTheCacheInUse(t *testing.T) {
	for mode, want := range map[pgx.QueryExecMode][2]int{
		pgx.QueryExecModeCacheStatement: {512, 0},
		pgx.QueryExecModeCacheDescribe:  {0, 512},
		pgx.QueryExecModeDescribeExec:   {0, 0},
		pgx.QueryExecModeExec:           {0, 0},
		pgx.QueryExecModeSimpleProtocol: {0, 0},
	} {
		c := DefaultConfig()
		c.URL, c.QueryExecMode = "postgres://h/d", mode
		conn, err := c.ConnConfig()
		require.NoError(t, err)
		require.Equal(t, mode, conn.DefaultQueryExecMode)
		require.Equal(t, want, [2]int{conn.StatementCacheCapacity, conn.DescriptionCacheCapacity}, modeNames[mode])
	}
}

// The URL's own errors are pgx's, without its text of the connection string.
func TestConnConfigErrorsWithoutPassword(t *testing.T) {
	clearPG(t)
	t.Setenv("PGPASSWORD", "geheim")
	c := DefaultConfig()
	c.URL = "postgres://h/d?sslrootcert=geheim"
	_, err := c.ConnConfig()
	requireConfigError(t, err, "option url", "pgx cannot read it")
	require.NotContains(t, err.Error(), "geheim")

	c.URL = "postgres://ann:pw@h/d"
	t.Setenv("PGSSLMODE", "nonsense")
	_, err = c.ConnConfig()
	requireConfigError(t, err, "option url: postgres://ann:***@h/d", "sslmode is invalid")
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
