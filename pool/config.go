package pool

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Config is the configuration of one pool. Make one with DefaultConfig. It is
// a plain value: copies are independent.
type Config struct {
	// URL is the connection string as pgx reads it, with its password. What it
	// says about a matter of another field does not count. What it leaves open, ""
	// all of it, pgx takes from the PG* variables of the process.
	URL string
	// Name is the pool's identity in the process and the `pool` tag of its
	// metrics: 1 to 64 printable characters, without @ and =.
	Name string
	// PoolSize is how many idle connections are kept at most, at least 1
	// (SQLAlchemy's pool_size).
	PoolSize int
	// MaxOverflow is how many connections may be open beyond PoolSize under
	// load, at least 0 (SQLAlchemy's max_overflow). PoolSize + MaxOverflow is
	// at most MaxConnections.
	MaxOverflow int
	// PoolTimeout is the longest wait for a place in the pool, connecting
	// excluded: at least one millisecond, or 0 to fail at once when no place is free.
	PoolTimeout time.Duration
	// ConnectTimeout is the longest time to open one connection, at least
	// one millisecond.
	ConnectTimeout time.Duration
	// PoolRecycle is the age since connecting after which a connection is
	// replaced at checkout: at least one millisecond, 0 for every checkout,
	// RecycleNever (or any negative one) for never.
	PoolRecycle time.Duration
	// PoolPrePing tests every connection that is not brand new at checkout.
	PoolPrePing bool
	// PoolUseLIFO hands out the idle connection that was returned last instead
	// of the one that has been idle longest (SQLAlchemy's pool_use_lifo).
	PoolUseLIFO bool
	// Driver is whose round trips the pool has.
	Driver Driver
	// ResetOnReturn is what a return does to a transaction that is open.
	ResetOnReturn Reset
	// IsolationLevel is the isolation of transactions, "" for the server's.
	IsolationLevel IsolationLevel
	// ApplicationName is the name in pg_stat_activity: 1 to 63 printable
	// ASCII characters, which is what PostgreSQL keeps unchanged.
	ApplicationName string
	// StatementTimeout is the server's limit per statement in whole
	// milliseconds up to 2147483647, 0 for none.
	StatementTimeout time.Duration
	// QueryExecMode is pgx's way to run a statement.
	QueryExecMode pgx.QueryExecMode
	// Int8 is what an int8 becomes, "" for a number while it is a safe one and a
	// BigInt beyond.
	Int8 Int8
	// OnConnect is SQL that is run on each new connection before anything else: at
	// most 65536 bytes, "" for nothing. One that fails or leaves a transaction open
	// fails the connect.
	OnConnect string
	// Metrics is how much of each query whoever observes the pool keeps.
	Metrics Metrics
	// SampleInterval is how often the pool's levels are sampled, at least
	// 10 ms.
	SampleInterval time.Duration
	// LeakDetectionThreshold is how long a connection may be held before it
	// is reported: at least one millisecond, 0 for never.
	LeakDetectionThreshold time.Duration
	// StatusInterval is how often the `Pool Status:` line is printed, at
	// least 10 ms, 0 for never.
	StatusInterval time.Duration
	// DBCPU lets whoever observes the pool read the CPU of the database's host,
	// over one connection beside the pool's.
	DBCPU bool
}

// Metrics is how much of each query is kept.
type Metrics string

// MetricsFull keeps every value, for k6's Trends; MetricsCompact keeps distributions,
// in memory that does not grow.
const (
	MetricsFull    Metrics = "full"
	MetricsCompact Metrics = "compact"
)

// Int8 is the kind of value that an int8 becomes.
type Int8 string

// The kinds. A result with a value that no number holds is an error under
// Int8Number.
const (
	Int8Number Int8 = "number"
	Int8String Int8 = "string"
	Int8BigInt Int8 = "bigint"
)

// MaxConnections is the largest PoolSize + MaxOverflow. PostgreSQL would
// allow more (2^18), but a pool of that size is a typing error.
const MaxConnections = 10_000

// RecycleNever is the PoolRecycle that keeps connections whatever their age.
const RecycleNever time.Duration = -1

// DefaultConfig is the runbook's tuned pool, without a URL.
func DefaultConfig() Config {
	return Config{
		Name:            "default",
		PoolSize:        20,
		MaxOverflow:     40,
		PoolTimeout:     30 * time.Second,
		ConnectTimeout:  10 * time.Second,
		PoolRecycle:     time.Hour,
		PoolPrePing:     true,
		Driver:          DriverPgx,
		ResetOnReturn:   ResetRollback,
		ApplicationName: "xk6-pgxpool",
		QueryExecMode:   pgx.QueryExecModeCacheStatement,
		Metrics:         MetricsFull,
		SampleInterval:  100 * time.Millisecond,
		DBCPU:           true,
	}
}

// MaxConns is how many connections the pool may have open at once.
func (c Config) MaxConns() int { return c.PoolSize + c.MaxOverflow }

// String shows the configuration without a password.
func (c Config) String() string {
	type plain Config                     // has no String of its own
	c.URL, _, _ = strings.Cut(c.URL, "?") // a parameter may hold anything
	c.URL = text.Redact(c.URL)
	if c.OnConnect != "" {
		c.OnConnect = "…" // it may hold anything
	}
	return fmt.Sprintf("%+v", plain(c))
}

// GoString keeps the password out of %#v too.
func (c Config) GoString() string { return c.String() }

// Validate checks every field's range. The error is a *ConfigError for the
// first field found that cannot be used. Nothing is connected.
func (c Config) Validate() error {
	if c.URL != "" {
		if _, err := c.ConnConfig(); err != nil {
			return err
		}
	}
	for _, l := range limits {
		if value, ok := l.check(c); !ok {
			return &ConfigError{Option: l.option, Value: shown(value), Accepted: l.accepted}
		}
	}
	if c.MaxConns() > MaxConnections {
		return &ConfigError{
			Option:   "maxOverflow",
			Reason:   fmt.Sprintf("poolSize %d and maxOverflow %d are too many connections", c.PoolSize, c.MaxOverflow),
			Accepted: fmt.Sprintf("at most %d together", MaxConnections),
		}
	}
	return nil
}

// Accepted is the range of an option, in words for a message. It is "" for an
// option that takes every value of its type.
func Accepted(option string) string {
	for _, l := range limits {
		if l.option == option {
			return l.accepted
		}
	}
	return ""
}

// limit is the range of a field.
type limit struct {
	option   string // the field's name as a script writes it
	accepted string
	check    func(c Config) (value any, ok bool)
}

// limits are in the order in which they are checked.
var limits = []limit{
	{"name", "of 1 to 64 printable characters, without @ and =",
		func(c Config) (any, bool) { return c.Name, isName(c.Name) }},
	{"poolSize", fmt.Sprintf("from 1 to %d (SQLAlchemy's 0, no limit, is not offered)", MaxConnections),
		func(c Config) (any, bool) { return c.PoolSize, c.PoolSize >= 1 && c.PoolSize <= MaxConnections }},
	{"maxOverflow", fmt.Sprintf("from 0 to %d (SQLAlchemy's -1, no limit, is not offered)", MaxConnections-1),
		func(c Config) (any, bool) { return c.MaxOverflow, c.MaxOverflow >= 0 && c.MaxOverflow < MaxConnections }},
	{"poolTimeout", "0 to fail at once",
		func(c Config) (any, bool) { return c.PoolTimeout, zeroOr(time.Millisecond, c.PoolTimeout) }},
	{"connectTimeout", "at least 1ms (0, no limit, is not offered)",
		func(c Config) (any, bool) { return c.ConnectTimeout, c.ConnectTimeout >= time.Millisecond }},
	{"poolRecycle", "0 for every checkout, -1 for never",
		func(c Config) (any, bool) {
			return c.PoolRecycle, c.PoolRecycle < 0 || zeroOr(time.Millisecond, c.PoolRecycle)
		}},
	{"driver", "asyncpg, psycopg or pgx",
		func(c Config) (any, bool) { return oneOf(c.Driver, DriverAsyncpg, DriverPsycopg, DriverPgx) }},
	{"resetOnReturn", "rollback, commit or none",
		func(c Config) (any, bool) { return oneOf(c.ResetOnReturn, ResetRollback, ResetCommit, ResetNone) }},
	{"int8", "number, string or bigint",
		func(c Config) (any, bool) { return oneOf(c.Int8, "", Int8Number, Int8String, Int8BigInt) }},
	{"onConnect", "SQL of at most 65536 bytes",
		func(c Config) (any, bool) { return len(c.OnConnect), len(c.OnConnect) <= 1<<16 }},
	{"metrics", "full or compact",
		func(c Config) (any, bool) { return oneOf(c.Metrics, MetricsFull, MetricsCompact) }},
	{"isolationLevel", "READ UNCOMMITTED, READ COMMITTED, REPEATABLE READ, SERIALIZABLE or AUTOCOMMIT",
		func(c Config) (any, bool) {
			return oneOf(c.IsolationLevel, "", ReadUncommitted, ReadCommitted, RepeatableRead, Serializable, Autocommit)
		}},
	{"applicationName", "of 1 to 63 printable ASCII characters (PostgreSQL would change any other), not a URL",
		func(c Config) (any, bool) { return c.ApplicationName, isApplicationName(c.ApplicationName) }},
	{"statementTimeout", "whole milliseconds up to 2147483647ms, 0 for none",
		func(c Config) (any, bool) { return c.StatementTimeout, isStatementTimeout(c.StatementTimeout) }},
	{"queryExecMode", "cache_statement, cache_describe, describe_exec, exec or simple_protocol",
		func(c Config) (any, bool) { return int(c.QueryExecMode), isMode(c.QueryExecMode) }},
	{"sampleInterval", "10ms at least",
		func(c Config) (any, bool) { return c.SampleInterval, c.SampleInterval >= 10*time.Millisecond }},
	{"leakDetectionThreshold", "0 for off",
		func(c Config) (any, bool) {
			return c.LeakDetectionThreshold, zeroOr(time.Millisecond, c.LeakDetectionThreshold)
		}},
	{"statusInterval", "10ms at least, 0 for off",
		func(c Config) (any, bool) { return c.StatusInterval, zeroOr(10*time.Millisecond, c.StatusInterval) }},
}

// zeroOr refuses what lies between: it would round down to zero, which means
// something else.
func zeroOr(low, d time.Duration) bool { return d == 0 || d >= low }

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

func oneOf[T ~string](value T, accepted ...T) (any, bool) {
	return string(value), slices.Contains(accepted, value)
}

func isMode(mode pgx.QueryExecMode) bool {
	return mode >= pgx.QueryExecModeCacheStatement && mode <= pgx.QueryExecModeSimpleProtocol
}

// ConfigError says that a setting cannot be used: which one, where it came
// from, what it was and what is accepted instead. Its text is one line and
// never holds a password. It wraps nothing on purpose: the errors of the
// parsers underneath carry the whole connection string.
type ConfigError struct {
	// Option is the option's name as a script writes it, "" where no single
	// option is to blame (a .env file that cannot be read).
	Option string
	// Source is where the value came from: "option" for the script, else the
	// name of the environment variable, of the URL's parameter or of the file.
	Source string
	// Value is the refused value as it was written, redacted and shortened,
	// "" where there is none to show.
	Value string
	// Reason is what is wrong with the value, "" where Accepted says it all.
	Reason string
	// Accepted is what to write instead.
	Accepted string
}

// Error is one line without a password.
func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString(e.subject())
	switch {
	case e.Value != "" && e.Reason != "":
		fmt.Fprintf(&b, ": %s is not accepted: %s", e.Value, e.Reason)
	case e.Value != "":
		fmt.Fprintf(&b, ": %s is not accepted", e.Value)
	case e.Reason != "":
		b.WriteString(": " + e.Reason)
	}
	if e.Accepted != "" {
		b.WriteString("; use " + e.Accepted)
	}
	return b.String()
}

func (e *ConfigError) subject() string {
	switch {
	case e.Option == "":
		return e.Source
	case e.Source == "" || e.Source == "option":
		return "option " + e.Option
	default:
		return fmt.Sprintf("option %s (from %s)", e.Option, e.Source)
	}
}

// shown is a refused value for an error: short, without a connection string.
func shown(value any) string {
	s, ok := value.(string)
	switch {
	case !ok:
		return fmt.Sprint(value)
	case strings.ContainsAny(s, "@="):
		return text.Mask
	default:
		return text.Quote(s)
	}
}
