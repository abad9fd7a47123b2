package config

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// option is one row of the table of options but the URL: its names, and what
// can be done with its field of a Config, whatever the field's type.
type option struct {
	name  string // as a script writes it
	env   string // environment variable, "" for none
	typed string // how a value of its type is written; the range is the pool's
	// script stores a JavaScript value, text one from the environment. Both
	// report whether the value is one of the option's type.
	script func(c *pool.Config, value any) bool
	text   func(c *pool.Config, text string) bool
	show   func(c pool.Config) string
	same   func(a, b pool.Config) bool
}

// newOption ties a field of Config to its names and its type.
func newOption[T comparable](name, env string, as codec[T], field func(*pool.Config) *T) option {
	return option{
		name: name, env: env, typed: as.typed,
		script: func(c *pool.Config, value any) (ok bool) {
			*field(c), ok = as.script(value)
			return ok
		},
		text: func(c *pool.Config, text string) (ok bool) {
			*field(c), ok = as.text(text)
			return ok
		},
		show: func(c pool.Config) string { return as.show(*field(&c)) },
		same: func(a, b pool.Config) bool { return *field(&a) == *field(&b) },
	}
}

// options is the table, in the order of the documentation.
var options = []option{
	newOption("name", "", texts, func(c *pool.Config) *string { return &c.Name }),
	newOption("poolSize", "DB_POOL_SIZE", integers, func(c *pool.Config) *int { return &c.PoolSize }),
	newOption("maxOverflow", "DB_MAX_OVERFLOW", integers, func(c *pool.Config) *int { return &c.MaxOverflow }),
	newOption("poolTimeout", "DB_POOL_TIMEOUT", durations, func(c *pool.Config) *time.Duration { return &c.PoolTimeout }),
	newOption("connectTimeout", "DB_CONNECT_TIMEOUT", durations, func(c *pool.Config) *time.Duration { return &c.ConnectTimeout }),
	newOption("poolRecycle", "DB_POOL_RECYCLE", durations, func(c *pool.Config) *time.Duration { return &c.PoolRecycle }),
	newOption("poolPrePing", "DB_POOL_PRE_PING", booleans, func(c *pool.Config) *bool { return &c.PoolPrePing }),
	newOption("poolUseLifo", "DB_POOL_USE_LIFO", booleans, func(c *pool.Config) *bool { return &c.PoolUseLIFO }),
	newOption("driver", "DB_DRIVER", words[pool.Driver](strings.ToLower), func(c *pool.Config) *pool.Driver { return &c.Driver }),
	newOption("resetOnReturn", "DB_POOL_RESET_ON_RETURN", words[pool.Reset](strings.ToLower), func(c *pool.Config) *pool.Reset { return &c.ResetOnReturn }),
	newOption("isolationLevel", "DB_ISOLATION_LEVEL", words[pool.IsolationLevel](isolationLevel), func(c *pool.Config) *pool.IsolationLevel { return &c.IsolationLevel }),
	newOption("applicationName", "DB_APPLICATION_NAME", texts, func(c *pool.Config) *string { return &c.ApplicationName }),
	newOption("statementTimeout", "DB_STATEMENT_TIMEOUT", durations, func(c *pool.Config) *time.Duration { return &c.StatementTimeout }),
	newOption("queryExecMode", "DB_QUERY_EXEC_MODE", modes, func(c *pool.Config) *pgx.QueryExecMode { return &c.QueryExecMode }),
	newOption("int8", "DB_INT8", words[pool.Int8](strings.ToLower), func(c *pool.Config) *pool.Int8 { return &c.Int8 }),
	newOption("onConnect", "DB_ON_CONNECT", statements, func(c *pool.Config) *string { return &c.OnConnect }),
	newOption("metrics", "METRICS", words[pool.Metrics](strings.ToLower), func(c *pool.Config) *pool.Metrics { return &c.Metrics }),
	newOption("sampleInterval", "DB_POOL_SAMPLE_INTERVAL", durations, func(c *pool.Config) *time.Duration { return &c.SampleInterval }),
	newOption("leakDetectionThreshold", "DB_POOL_LEAK_THRESHOLD", durations, func(c *pool.Config) *time.Duration { return &c.LeakDetectionThreshold }),
	newOption("dbCpu", "DB_CPU", booleans, func(c *pool.Config) *bool { return &c.DBCPU }),
	newOption("statusInterval", "DB_POOL_STATUS_INTERVAL", durations, func(c *pool.Config) *time.Duration { return &c.StatusInterval }),
}
