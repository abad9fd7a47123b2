package pool

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func requireConfigError(t *testing.T, err error, words ...string) {
	t.Helper()
	var e *ConfigError
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	for _, word := range words {
		require.Contains(t, err.Error(), word)
	}
}

// clearPG makes pgx read nothing from the process's environment.
func clearPG(t testing.TB) {
	t.Helper()
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGAPPNAME", "PGSSLMODE", "PGSERVICE", "PGCONNECT_TIMEOUT"} {
		t.Setenv(name, "")
	}
}

func TestDefaultConfigIsValid(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, c.Validate())
	require.Equal(t, 60, c.MaxConns())
}

// A Config made by hand is held to the same ranges as a script's options.
func TestValidate(t *testing.T) {
	for words, change := range map[string]func(*Config){
		"option name: \"\"":                      func(c *Config) { c.Name = "" },
		"option name: \"a b\"":                   func(c *Config) { c.Name = "a\tb" },
		"option name: ***":                       func(c *Config) { c.Name = "ann:geheim@h" },
		"option applicationName: \"Jürgen\"":     func(c *Config) { c.ApplicationName = "Jürgen" },
		"option poolSize: 0":                     func(c *Config) { c.PoolSize = 0 },
		"option maxOverflow: -1":                 func(c *Config) { c.MaxOverflow = -1 },
		"option poolTimeout: -1":                 func(c *Config) { c.PoolTimeout = -time.Second },
		"option connectTimeout: 0s":              func(c *Config) { c.ConnectTimeout = 0 },
		"option poolRecycle: 1µs":                func(c *Config) { c.PoolRecycle = time.Microsecond },
		"option driver: \"psycopg2\"":            func(c *Config) { c.Driver = "psycopg2" },
		"option resetOnReturn: \"\"":             func(c *Config) { c.ResetOnReturn = "" },
		"option isolationLevel: \"SNAPSHOT\"":    func(c *Config) { c.IsolationLevel = "SNAPSHOT" },
		"option applicationName: \"\"":           func(c *Config) { c.ApplicationName = "" },
		"option statementTimeout: 1.5ms":         func(c *Config) { c.StatementTimeout = 1500 * time.Microsecond },
		"option queryExecMode: 0":                func(c *Config) { c.QueryExecMode = 0 },
		"option sampleInterval: 9ms":             func(c *Config) { c.SampleInterval = 9 * time.Millisecond },
		"option leakDetectionThreshold: 1ns":     func(c *Config) { c.LeakDetectionThreshold = 1 },
		"option statusInterval: 1ms":             func(c *Config) { c.StatusInterval = time.Millisecond },
		"option url: pgx cannot read it":         func(c *Config) { c.URL = "mysql://ann:geheim@h" },
		"poolSize 5000 and maxOverflow 5001 are": func(c *Config) { c.PoolSize, c.MaxOverflow = 5000, 5001 },
	} {
		c := DefaultConfig()
		change(&c)
		requireConfigError(t, c.Validate(), words)
	}
	c := DefaultConfig()
	c.PoolRecycle, c.MaxOverflow, c.PoolSize = -time.Hour, 5000, 5000
	c.URL = "postgres://ann:geheim@h/d"
	require.NoError(t, c.Validate())
}

// A pool is not made from what Validate refuses, nor where the URL leaves something to
// the process's environment that pgx cannot read.
func TestNewRefusesWhatCannotBeUsed(t *testing.T) {
	clearPG(t)
	c := DefaultConfig()
	c.PoolSize = 0
	_, err := New(c, Options{})
	requireConfigError(t, err, "option poolSize: 0 is not accepted; use from 1 to 10000")
	t.Setenv("PGPORT", "abc")
	_, err = New(DefaultConfig(), Options{})
	requireConfigError(t, err, "option url: ")
}

// The words for a range are those of the error, also for who checks it earlier.
func TestAcceptedIsWhatTheErrorSays(t *testing.T) {
	c := DefaultConfig()
	c.ResetOnReturn = "no"
	require.Equal(t, "rollback, commit or none", Accepted("resetOnReturn"))
	requireConfigError(t, c.Validate(), `option resetOnReturn: "no" is not accepted; use `+Accepted("resetOnReturn"))
	require.Empty(t, Accepted("poolPrePing"), "true and false")
}

// An error names where its value came from.
func TestConfigErrorNamesItsSource(t *testing.T) {
	for want, e := range map[string]ConfigError{
		"option poolSize: x is not accepted; use a number":                                 {Option: "poolSize", Source: "option", Value: "x", Accepted: "a number"},
		"option poolSize (from DB_POOL_SIZE): x is not accepted: too small; use 1 or more": {Option: "poolSize", Source: "DB_POOL_SIZE", Value: "x", Reason: "too small", Accepted: "1 or more"},
		".env: line 3 has no =": {Source: ".env", Reason: "line 3 has no ="},
	} {
		require.EqualError(t, &e, want)
	}
}

func TestConfigShowsNoPassword(t *testing.T) {
	c := DefaultConfig()
	c.URL = "postgres://ann:geheim@h/d"
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		text := fmt.Sprintf(format, c)
		require.NotContains(t, text, "geheim", format)
		require.Contains(t, text, "postgres://***@h", format)
		require.NotContains(t, fmt.Sprintf(format, struct{ Config Config }{c}), "geheim", format)
	}
}

func TestConnConfig(t *testing.T) {
	clearPG(t)
	t.Setenv("PGAPPNAME", "from the process")
	t.Setenv("PGCONNECT_TIMEOUT", "77")
	c := DefaultConfig()
	c.URL = "postgres://ann:geheim@h/d?application_name=url&statement_timeout=1&connect_timeout=99&default_query_exec_mode=exec&search_path=a&DateStyle=SQL&Client_Encoding=LATIN1"
	c.ConnectTimeout, c.StatementTimeout = 250*time.Millisecond, 90*time.Second
	conn, err := c.ConnConfig()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"application_name": "xk6-pgxpool", "datestyle": "ISO", "client_encoding": "UTF8", "statement_timeout": "90000", "search_path": "a"}, conn.RuntimeParams)
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
		require.Equal(t, want, [2]int{conn.StatementCacheCapacity, conn.DescriptionCacheCapacity}, mode.String())
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
	requireConfigError(t, err, "option url", "sslmode is invalid")

	c.URL = "host=h password=100%geheim" // where what is wrong stands cannot be told
	_, err = c.ConnConfig()
	requireConfigError(t, err, "option url: pgx cannot read it")
}
