package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// fakeEnv is an environment without a process.
func fakeEnv(pairs ...string) Lookup {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func requireConfigError(t *testing.T, err error, words ...string) {
	t.Helper()
	_ = configErrorOf(t, err, words...)
}

// configErrorOf checks what every refusal promises: one line that holds
// the given words.
func configErrorOf(t *testing.T, err error, words ...string) *pool.ConfigError {
	t.Helper()
	var e *pool.ConfigError
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	for _, word := range words {
		require.Contains(t, err.Error(), word)
	}
	return e
}

// The table of the contract, row by row: names, variables, defaults, and a
// value other than the default from each source.
func TestOptionTable(t *testing.T) {
	const url = "postgres://u:p@h/d"
	rows := []struct {
		option, env string
		standard    any // the default
		script      any
		text        string // the same value in the environment
		want        any
		field       func(pool.Config) any
	}{
		{"url", "DATABASE_URL", "", url, url, url, func(c pool.Config) any { return c.URL }},
		{"name", "", "default", "other", "", "other", func(c pool.Config) any { return c.Name }},
		{"poolSize", "DB_POOL_SIZE", 20, int64(5), "5", 5, func(c pool.Config) any { return c.PoolSize }},
		{"maxOverflow", "DB_MAX_OVERFLOW", 40, 10.0, "10", 10, func(c pool.Config) any { return c.MaxOverflow }},
		{"poolTimeout", "DB_POOL_TIMEOUT", 30 * time.Second, int64(3000), "3", 3 * time.Second, func(c pool.Config) any { return c.PoolTimeout }},
		{"connectTimeout", "DB_CONNECT_TIMEOUT", 10 * time.Second, "250ms", "0.25", 250 * time.Millisecond, func(c pool.Config) any { return c.ConnectTimeout }},
		{"poolRecycle", "DB_POOL_RECYCLE", time.Hour, int64(-1), "-1", pool.RecycleNever, func(c pool.Config) any { return c.PoolRecycle }},
		{"poolPrePing", "DB_POOL_PRE_PING", true, false, "False", false, func(c pool.Config) any { return c.PoolPrePing }},
		{"poolUseLifo", "DB_POOL_USE_LIFO", false, true, "yes", true, func(c pool.Config) any { return c.PoolUseLIFO }},
		{"driver", "DB_DRIVER", pool.DriverPgx, "asyncpg", "Asyncpg", pool.DriverAsyncpg, func(c pool.Config) any { return c.Driver }},
		{"resetOnReturn", "DB_POOL_RESET_ON_RETURN", pool.ResetRollback, "commit", "commit", pool.ResetCommit, func(c pool.Config) any { return c.ResetOnReturn }},
		{"isolationLevel", "DB_ISOLATION_LEVEL", pool.IsolationLevel(""), "AUTOCOMMIT", "autocommit", pool.Autocommit, func(c pool.Config) any { return c.IsolationLevel }},
		{"applicationName", "DB_APPLICATION_NAME", "xk6-pgxpool", "load test", "load test", "load test", func(c pool.Config) any { return c.ApplicationName }},
		{"statementTimeout", "DB_STATEMENT_TIMEOUT", time.Duration(0), "1h", "3600", time.Hour, func(c pool.Config) any { return c.StatementTimeout }},
		{"queryExecMode", "DB_QUERY_EXEC_MODE", pgx.QueryExecModeCacheStatement, "exec", "exec", pgx.QueryExecModeExec, func(c pool.Config) any { return c.QueryExecMode }},
		{"int8", "DB_INT8", pool.Int8(""), "bigint", "BigInt", pool.Int8BigInt, func(c pool.Config) any { return c.Int8 }},
		{"onConnect", "DB_ON_CONNECT", "", "SET jit = off", "SET jit = off", "SET jit = off", func(c pool.Config) any { return c.OnConnect }},
		{"metrics", "METRICS", pool.MetricsFull, "compact", "Compact", pool.MetricsCompact, func(c pool.Config) any { return c.Metrics }},
		{"sampleInterval", "DB_POOL_SAMPLE_INTERVAL", 100 * time.Millisecond, 10.0, "0.01", 10 * time.Millisecond, func(c pool.Config) any { return c.SampleInterval }},
		{"leakDetectionThreshold", "DB_POOL_LEAK_THRESHOLD", time.Duration(0), "1d", "1d", 24 * time.Hour, func(c pool.Config) any { return c.LeakDetectionThreshold }},
		{"dbCpu", "DB_CPU", true, false, "off", false, func(c pool.Config) any { return c.DBCPU }},
		{"statusInterval", "DB_POOL_STATUS_INTERVAL", time.Duration(0), int64(5000), "5", 5 * time.Second, func(c pool.Config) any { return c.StatusInterval }},
	}
	require.Len(t, Names(), len(rows))
	for i, row := range rows {
		require.Equal(t, row.option, Names()[i], "order")

		c, err := Resolve(nil, nil)
		require.NoError(t, err)
		require.Equal(t, row.standard, row.field(c), "default of %s", row.option)

		c, err = Resolve(map[string]any{row.option: row.script}, nil)
		require.NoError(t, err)
		require.Equal(t, row.want, row.field(c), "option %s", row.option)

		if row.env == "" {
			continue
		}
		c, err = Resolve(nil, fakeEnv(row.env, row.text))
		require.NoError(t, err)
		require.Equal(t, row.want, row.field(c), row.env)
	}
}

func TestOptionRefused(t *testing.T) {
	for _, test := range []struct {
		option string
		value  any
		words  []string
	}{
		{"poolSize", "20", []string{`"20"`, "an integer from 1 to 10000"}},
		{"poolSize", 1.5, []string{"1.5", "an integer"}},
		{"poolSize", math.NaN(), []string{"NaN", "an integer"}},
		{"poolSize", math.Inf(1), []string{"Infinity"}},
		{"poolSize", math.Inf(-1), []string{"-Infinity"}},
		{"poolSize", true, []string{"true", "an integer"}},
		{"poolSize", map[string]any{}, []string{"an object", "an integer"}},
		{"poolSize", []any{int64(1)}, []string{"an array", "an integer"}},
		{"poolSize", func() {}, []string{"a function"}},
		{"poolSize", big.NewInt(20), []string{"20n"}},
		{"poolSize", time.Time{}, []string{"an object"}},
		{"poolSize", int64(0), []string{"0 is not accepted", "SQLAlchemy's 0, no limit, is not offered"}},
		{"poolSize", int64(-1), []string{"-1"}},
		{"poolSize", int64(1 << 32), []string{"4294967296"}},
		{"poolSize", 1e300, []string{"1e+300"}},
		{"maxOverflow", int64(-1), []string{"-1", "SQLAlchemy's -1, no limit, is not offered"}},
		{"maxOverflow", int64(10_000), []string{"10000", "from 0 to 9999"}},
		{"maxOverflow", int64(9_981), []string{"9981", "poolSize 20 and maxOverflow 9981", "at most 10000 together"}},
		{"poolTimeout", "300", []string{`"300"`, "100ms", "a number is milliseconds in a script"}},
		{"poolTimeout", int64(-1), []string{"-1"}},
		{"poolTimeout", 0.5, []string{"0.5"}},
		{"poolTimeout", "", []string{`""`}},
		{"poolTimeout", math.NaN(), []string{"NaN"}},
		{"connectTimeout", int64(0), []string{"at least 1ms", "no limit, is not offered"}},
		{"poolRecycle", int64(-5), []string{"-5", "0 for every checkout, -1 for never"}},
		{"poolRecycle", "-1", []string{`"-1"`}},
		{"poolRecycle", 0.5, []string{"0.5"}},
		{"poolPrePing", "true", []string{`"true"`, "true or false"}},
		{"poolPrePing", int64(1), []string{"1"}},
		{"poolUseLifo", "lifo", []string{`"lifo"`, "true or false"}},
		{"driver", "psycopg2", []string{`"psycopg2"`, "asyncpg, psycopg or pgx"}},
		{"driver", int64(1), []string{"1"}},
		{"resetOnReturn", "reset", []string{"rollback, commit or none"}},
		{"isolationLevel", "SNAPSHOT", []string{`"SNAPSHOT"`, "READ COMMITTED", "AUTOCOMMIT"}},
		{"applicationName", "", []string{`""`, "1 to 63 printable ASCII"}},
		{"applicationName", strings.Repeat("x", 64), []string{"63"}},
		{"applicationName", "line\nbreak", []string{`"line\nbreak"`}},
		{"applicationName", "Prüfung", []string{"Prüfung"}},
		{"applicationName", "postgres://h/db", []string{"not a URL"}},
		{"applicationName", int64(7), []string{"a string"}},
		{"name", "", []string{"1 to 64 printable characters"}},
		{"name", strings.Repeat("ü", 65), []string{"1 to 64"}},
		{"name", "a\tb", []string{`"a\tb"`}},
		{"name", "bad\xff", []string{"printable"}},
		{"statementTimeout", 0.5, []string{"0.5", "whole milliseconds"}},
		{"statementTimeout", 1.5, []string{"1.5"}},
		{"statementTimeout", int64(math.MaxInt32 + 1), []string{"2147483648", "2147483647ms"}},
		{"queryExecMode", "simple", []string{`"simple"`, "cache_statement, cache_describe, describe_exec, exec or simple_protocol"}},
		{"queryExecMode", "EXEC", []string{`"EXEC"`}},
		{"queryExecMode", "", []string{`""`}},
		{"queryExecMode", int64(1), []string{"1"}},
		{"sampleInterval", int64(9), []string{"9", "10ms at least"}},
		{"sampleInterval", int64(0), []string{"0"}},
		{"leakDetectionThreshold", int64(-1), []string{"0 for off"}},
		{"leakDetectionThreshold", false, []string{"false"}},
		{"statusInterval", int64(9), []string{"10ms at least, 0 for off"}},
		{"url", int64(5), []string{"5", "postgres://"}},
		{"url", " ", []string{"postgres://"}},
		{"url", []any{"postgres://u:geheim@h"}, []string{"an array"}},
	} {
		_, err := Resolve(map[string]any{test.option: test.value}, nil)
		e := configErrorOf(t, err, append(test.words, "option "+test.option)...)
		require.Equal(t, test.option, e.Option)
		require.Equal(t, SourceOption, e.Source)
		require.NotEmpty(t, e.Accepted)
	}
}

func TestEnvironmentRefused(t *testing.T) {
	for _, test := range []struct{ env, option, text, shown string }{
		{"DB_POOL_SIZE", "poolSize", "abc", `"abc"`},
		{"DB_POOL_SIZE", "poolSize", "1.5", `"1.5"`},
		{"DB_POOL_SIZE", "poolSize", "0", `"0"`},
		{"DB_POOL_SIZE", "poolSize", "9223372036854775808", `"9223372036854775808"`},
		{"DB_POOL_SIZE", "poolSize", "2147483648", `"2147483648"`},
		{"DB_MAX_OVERFLOW", "maxOverflow", "-1", `"-1"`},
		{"DB_POOL_TIMEOUT", "poolTimeout", "-1", `"-1"`},
		{"DB_POOL_TIMEOUT", "poolTimeout", "soon", `"soon"`},
		{"DB_CONNECT_TIMEOUT", "connectTimeout", "0", `"0"`},
		{"DB_POOL_RECYCLE", "poolRecycle", "-2", `"-2"`},
		{"DB_POOL_PRE_PING", "poolPrePing", "maybe", `"maybe"`},
		{"DB_POOL_PRE_PING", "poolPrePing", "2", `"2"`},
		{"DB_POOL_USE_LIFO", "poolUseLifo", "lifo", `"lifo"`},
		{"DB_DRIVER", "driver", "psycopg2", `"psycopg2"`},
		{"DB_POOL_RESET_ON_RETURN", "resetOnReturn", "yes", `"yes"`},
		{"DB_ISOLATION_LEVEL", "isolationLevel", "SNAPSHOT", `"SNAPSHOT"`},
		{"DB_APPLICATION_NAME", "applicationName", "Prüfung", "Prüfung"},
		{"DB_STATEMENT_TIMEOUT", "statementTimeout", "0.0005", `"0.0005"`},
		{"DB_QUERY_EXEC_MODE", "queryExecMode", "cache", `"cache"`},
		{"DB_POOL_SAMPLE_INTERVAL", "sampleInterval", "0.001", `"0.001"`},
		{"DB_POOL_LEAK_THRESHOLD", "leakDetectionThreshold", "off", `"off"`},
		{"DB_POOL_STATUS_INTERVAL", "statusInterval", "0.001", `"0.001"`},
		{"DATABASE_URL", "url", "sqlite:///./flowboard.db", "sqlite://***"},
	} {
		_, err := Resolve(nil, fakeEnv(test.env, test.text))
		e := configErrorOf(t, err, test.option, "from "+test.env, test.shown)
		require.Equal(t, test.option, e.Option)
		require.Equal(t, test.env, e.Source)
		require.NotEmpty(t, e.Accepted)
	}
}

// pydantic reads the application's .env; the same words mean the same here.
func TestBooleanWords(t *testing.T) {
	for _, word := range []string{"true", "True", "TRUE", "t", "1", "yes", "Y", "on", "ON"} {
		c, err := Resolve(nil, fakeEnv("DB_POOL_PRE_PING", word))
		require.NoError(t, err)
		require.True(t, c.PoolPrePing, word)
	}
	for _, word := range []string{"false", "False", "f", "0", "no", "N", "off"} {
		c, err := Resolve(nil, fakeEnv("DB_POOL_PRE_PING", word))
		require.NoError(t, err)
		require.False(t, c.PoolPrePing, word)
	}
}

func TestZeroMeansSomething(t *testing.T) {
	c, err := Resolve(map[string]any{
		"maxOverflow": int64(0), "poolTimeout": int64(0), "poolRecycle": int64(0), "statementTimeout": 0.0,
		"leakDetectionThreshold": "0", "statusInterval": "0s",
	}, nil)
	require.NoError(t, err)
	require.Zero(t, c.MaxOverflow)
	require.Zero(t, c.PoolTimeout)
	require.Zero(t, c.PoolRecycle)
	require.Zero(t, c.StatementTimeout)
	require.Zero(t, c.LeakDetectionThreshold)
	require.Zero(t, c.StatusInterval)
}

func TestQueryExecModes(t *testing.T) {
	for name, mode := range map[string]pgx.QueryExecMode{
		"cache_statement": pgx.QueryExecModeCacheStatement,
		"cache_describe":  pgx.QueryExecModeCacheDescribe,
		"describe_exec":   pgx.QueryExecModeDescribeExec,
		"exec":            pgx.QueryExecModeExec,
		"simple_protocol": pgx.QueryExecModeSimpleProtocol,
	} {
		c, err := Resolve(map[string]any{"queryExecMode": name}, nil)
		require.NoError(t, err)
		require.Equal(t, mode, c.QueryExecMode)
	}
}

func TestUnknownOption(t *testing.T) {
	for name, use := range map[string]string{
		// SQLAlchemy
		"pool_size": "use poolSize", "max_overflow": "use maxOverflow", "pool_timeout": "use poolTimeout", "pool_recycle": "use poolRecycle",
		"pool_pre_ping": "use poolPrePing", "pool_use_lifo": "use poolUseLifo", "pool_reset_on_return": "use resetOnReturn", "isolation_level": "use isolationLevel",
		// xk6-sql
		"max_open_conns": "use poolSize and maxOverflow", "max_idle_conns": "use poolSize", "conn_max_lifetime": "use poolRecycle", "conn_max_idle_time": "use poolRecycle",
		"maxOpenConns": "use poolSize and maxOverflow", "connMaxLifetime": "use poolRecycle",
		// pgxpool
		"pool_max_conns": "use poolSize and maxOverflow", "MaxConns": "use poolSize and maxOverflow", "pool_min_conns": "use poolSize",
		"pool_max_conn_lifetime": "use poolRecycle", "pool_health_check_period": "use poolPrePing",
		// the environment's names, and other cases
		"DB_POOL_SIZE": "use poolSize", "DATABASE_URL": "use url", "DB_POOL_LEAK_THRESHOLD": "use leakDetectionThreshold", "poolUseLIFO": "use poolUseLifo",
		"application_name": "use applicationName", "statement_timeout": "use statementTimeout",
		// mistyped
		"poolSiz": "use poolSize", "maxOverFlows": "use maxOverflow", "applicatonName": "use applicationName", "queryExecMod": "use queryExecMode",
		// nothing like it
		"echo": "use one of url, name, poolSize, maxOverflow, poolTimeout", "": "use one of url",
	} {
		_, err := Resolve(map[string]any{name: int64(1)}, nil)
		e := configErrorOf(t, err, "there is no such option", use)
		require.Equal(t, SourceOption, e.Source)
		if name != "" {
			require.Contains(t, err.Error(), name)
		}
	}
}

// Which of several errors is reported does not depend on the map's order.
func TestFirstErrorIsAlwaysTheSame(t *testing.T) {
	for range 50 {
		_, err := Resolve(map[string]any{"zeta": 1, "alpha": 1, "poolSize": int64(0)}, nil)
		requireConfigError(t, err, "alpha")
		_, err = Resolve(map[string]any{"sampleInterval": int64(0), "poolSize": int64(0), "name": ""}, nil)
		requireConfigError(t, err, "option name")
	}
}

// Whatever is put where, a connection string's password is not repeated.
func TestConnectionStringInTheWrongPlace(t *testing.T) {
	for _, text := range []string{"postgres://ann:geheim@h/db", "host=h password=geheim", "ann:geheim@h", "password = geheim"} {
		for _, o := range options {
			_, err := Resolve(map[string]any{o.name: text}, nil)
			if (o.name == "applicationName" || o.name == "onConnect") && err == nil {
				continue // a text like any other
			}
			requireConfigError(t, err)
			require.NotContains(t, err.Error(), "geheim")
		}
		_, err := Resolve(map[string]any{text: 1}, nil)
		requireConfigError(t, err)
		require.NotContains(t, err.Error(), "geheim")
	}
}

func TestLongValuesAreCut(t *testing.T) {
	_, err := Resolve(map[string]any{"poolSize": strings.Repeat("ü", 1000)}, nil)
	requireConfigError(t, err, "…")
	require.Contains(t, err.Error(), "characters)")
	require.Less(t, utf8.RuneCountInString(err.Error()), 350)
}

func TestConfigErrorWrapsNothing(t *testing.T) {
	_, err := Resolve(map[string]any{"url": "postgres://ann:geheim@h:x/db"}, nil)
	require.NoError(t, errors.Unwrap(err))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(format, err), "geheim")
	}
}

// What a scenario suggests is weaker than what anybody else says.
func TestDefaultsAreWeakerThanEnvironmentAndURL(t *testing.T) {
	suggested := map[string]any{"driver": "asyncpg", "poolSize": int64(5)}
	for name, test := range map[string]struct {
		script map[string]any
		env    Lookup
		driver pool.Driver
		size   int
	}{
		"nothing else": {nil, nil, pool.DriverAsyncpg, 5},
		"option":       {map[string]any{"driver": "pgx", "poolSize": int64(6)}, nil, pool.DriverPgx, 6},
		"environment":  {nil, fakeEnv("DB_DRIVER", "psycopg"), pool.DriverPsycopg, 5},
		"URL":          {map[string]any{"url": "postgresql+psycopg://h/d"}, nil, pool.DriverPsycopg, 5},
		"plain URL":    {map[string]any{"url": "postgresql://h/d"}, nil, pool.DriverAsyncpg, 5},
	} {
		script := map[string]any{"defaults": suggested}
		maps.Copy(script, test.script)
		c, err := Resolve(script, test.env)
		require.NoError(t, err, name)
		require.Equal(t, test.driver, c.Driver, name)
		require.Equal(t, test.size, c.PoolSize, name)
	}
	for _, bad := range []any{"x", map[string]any{"url": "postgres://h"}, map[string]any{"name": "x"}, map[string]any{"defaults": suggested}, map[string]any{"driver": "x"}} {
		_, err := Resolve(map[string]any{"defaults": bad}, nil)
		require.Error(t, err, "%v", bad)
	}
}
