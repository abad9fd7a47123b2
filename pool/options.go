package pool

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// option is one row of the table of options: its names and what can be done
// with its field of a Config, whatever the field's type.
type option struct {
	name string // as a script writes it
	env  string // environment variable, "" for none
	// accepted says what to write; one text serves every source.
	accepted string
	// script stores a JavaScript value, text one from the environment. Both
	// report whether the value is one of the option's type.
	script func(c *Config, value any) bool
	text   func(c *Config, text string) bool
	// check returns what is wrong with the field, without saying where the
	// value came from, or nil.
	check func(c Config) *ConfigError
	show  func(c Config) string
	same  func(a, b Config) bool
	// written shows a refused value as it was given, whatever its type.
	written func(value any) string
}

// codec is how values of one type are read and shown.
type codec[T any] struct {
	// accepted describes the type; the option adds its range.
	accepted string
	script   func(value any) (T, bool)
	text     func(text string) (T, bool)
	show     func(value T) string
}

// newOption ties a field of Config to its names, its type and its range.
func newOption[T comparable](name, env string, as codec[T], field func(*Config) *T, limits string, valid func(T) bool) option {
	accepted := as.accepted + limits
	return option{
		name: name, env: env, accepted: accepted,
		script: func(c *Config, value any) (ok bool) {
			*field(c), ok = as.script(value)
			return ok
		},
		text: func(c *Config, text string) (ok bool) {
			*field(c), ok = as.text(text)
			return ok
		},
		check: func(c Config) *ConfigError {
			if valid(*field(&c)) {
				return nil
			}
			return &ConfigError{Accepted: accepted}
		},
		show: func(c Config) string { return as.show(*field(&c)) },
		same: func(a, b Config) bool { return *field(&a) == *field(&b) },

		written: show,
	}
}

// refused is the field's value for an error.
func (o option) refused(c Config) string {
	if o.name == urlOption.name {
		return showConnection(c.URL)
	}
	return o.show(c)
}

// options is the table, in the order of the documentation.
var options = []option{
	urlOption,
	newOption("name", "", texts, func(c *Config) *string { return &c.Name },
		"of 1 to 64 printable characters, without @ and =", isName),
	newOption("poolSize", "DB_POOL_SIZE", integers, func(c *Config) *int { return &c.PoolSize },
		fmt.Sprintf("from 1 to %d (SQLAlchemy's 0, no limit, is not offered)", MaxConnections), between(1, MaxConnections)),
	newOption("maxOverflow", "DB_MAX_OVERFLOW", integers, func(c *Config) *int { return &c.MaxOverflow },
		fmt.Sprintf("from 0 to %d (SQLAlchemy's -1, no limit, is not offered)", MaxConnections-1), between(0, MaxConnections-1)),
	newOption("poolTimeout", "DB_POOL_TIMEOUT", durations, func(c *Config) *time.Duration { return &c.PoolTimeout },
		"0 to fail at once", isZeroOr(time.Millisecond)),
	newOption("connectTimeout", "DB_CONNECT_TIMEOUT", durations, func(c *Config) *time.Duration { return &c.ConnectTimeout },
		"1ms at least (0, no limit, is not offered)", isAtLeast(time.Millisecond)),
	newOption("poolRecycle", "DB_POOL_RECYCLE", durations, func(c *Config) *time.Duration { return &c.PoolRecycle },
		"0 for every checkout, -1 for never", isZeroOrNever),
	newOption("poolPrePing", "DB_POOL_PRE_PING", booleans, func(c *Config) *bool { return &c.PoolPrePing },
		"", func(bool) bool { return true }),
	newOption("poolUseLifo", "DB_POOL_USE_LIFO", onlyTrue, func(c *Config) *bool { return &c.PoolUseLIFO },
		"(false, first in first out, is not offered: pgxpool cannot do it)", func(lifo bool) bool { return lifo }),
	newOption("applicationName", "DB_APPLICATION_NAME", texts, func(c *Config) *string { return &c.ApplicationName },
		"of 1 to 63 printable ASCII characters (PostgreSQL would change any other), not a URL", isApplicationName),
	newOption("statementTimeout", "DB_STATEMENT_TIMEOUT", durations, func(c *Config) *time.Duration { return &c.StatementTimeout },
		"whole milliseconds up to 2147483647ms, 0 for none", isStatementTimeout),
	newOption("queryExecMode", "DB_QUERY_EXEC_MODE", modes, func(c *Config) *pgx.QueryExecMode { return &c.QueryExecMode },
		"", isMode),
	newOption("sampleInterval", "DB_POOL_SAMPLE_INTERVAL", durations, func(c *Config) *time.Duration { return &c.SampleInterval },
		"10ms at least", isAtLeast(10*time.Millisecond)),
	newOption("leakDetectionThreshold", "DB_POOL_LEAK_THRESHOLD", durations, func(c *Config) *time.Duration { return &c.LeakDetectionThreshold },
		"0 for off", isZeroOr(time.Millisecond)),
	newOption("statusInterval", "DB_POOL_STATUS_INTERVAL", durations, func(c *Config) *time.Duration { return &c.StatusInterval },
		"10ms at least, 0 for off", isZeroOr(10*time.Millisecond)),
}

func between(low, high int) func(int) bool {
	return func(n int) bool { return low <= n && n <= high }
}

func isAtLeast(low time.Duration) func(time.Duration) bool {
	return func(d time.Duration) bool { return d >= low }
}

// isZeroOr refuses what lies between: it would round down to zero, which
// means something else.
func isZeroOr(low time.Duration) func(time.Duration) bool {
	return func(d time.Duration) bool { return d == 0 || d >= low }
}

func isZeroOrNever(d time.Duration) bool { return d <= 0 || d >= time.Millisecond }

// isStatementTimeout keeps to what PostgreSQL stores: int32 milliseconds.
func isStatementTimeout(d time.Duration) bool {
	const longest = (1<<31 - 1) * time.Millisecond
	return d >= 0 && d <= longest && d%time.Millisecond == 0
}

// isName refuses what could be a connection string: the name is a tag of
// every metric, and a password must not get there.
func isName(name string) bool {
	for _, r := range name {
		if !unicode.IsPrint(r) || r == '@' || r == '=' {
			return false
		}
	}
	n := utf8.RuneCountInString(name)
	return utf8.ValidString(name) && n >= 1 && n <= 64
}

// isApplicationName accepts what PostgreSQL keeps unchanged: it cuts names at
// 63 bytes (NAMEDATALEN less one) and replaces all but printable ASCII. A URL
// is refused because everyone who may look at pg_stat_activity would read it.
func isApplicationName(name string) bool {
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= 63 && !strings.Contains(name, "://")
}

func isMode(mode pgx.QueryExecMode) bool { return modeNames[mode] != "" }
