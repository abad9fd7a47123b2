package pool

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config is the configuration of one pool. Make one with DefaultConfig or
// Resolve. It is a plain value: copies are independent.
type Config struct {
	// URL is the connection string, with its password. Resolve leaves it in
	// one canonical form whatever form it was given in. "" means a temporary
	// embedded PostgreSQL, which the caller starts.
	URL string
	// Name is the pool's identity in the process and the `pool` tag of its
	// metrics: 1 to 64 printable characters.
	Name string
	// PoolSize is how many idle connections are kept at most, at least 1
	// (SQLAlchemy's pool_size).
	PoolSize int
	// MaxOverflow is how many connections may be open beyond PoolSize under
	// load, at least 0 (SQLAlchemy's max_overflow). PoolSize + MaxOverflow is
	// at most MaxConnections.
	MaxOverflow int
	// PoolTimeout is the longest wait for a place in the pool, connecting
	// excluded. 0 fails at once when no place is free.
	PoolTimeout time.Duration
	// ConnectTimeout is the longest time to open one connection, at least
	// one millisecond.
	ConnectTimeout time.Duration
	// PoolRecycle is the age since connecting after which a connection is
	// replaced at checkout: 0 at every checkout, negative never.
	PoolRecycle time.Duration
	// PoolPrePing tests every connection that is not brand new at checkout.
	PoolPrePing bool
	// PoolUseLIFO must be true: pgxpool hands out the idle connection that
	// was returned last.
	PoolUseLIFO bool
	// ApplicationName is the name in pg_stat_activity: 1 to 63 printable
	// ASCII characters, which is what PostgreSQL keeps unchanged.
	ApplicationName string
	// StatementTimeout is the server's limit per statement in whole
	// milliseconds up to 2147483647, 0 for none.
	StatementTimeout time.Duration
	// QueryExecMode is pgx's way to run a statement.
	QueryExecMode pgx.QueryExecMode
	// SampleInterval is how often the pool's levels are sampled, at least
	// 10 ms.
	SampleInterval time.Duration
	// LeakDetectionThreshold is how long a connection may be held before it
	// is reported, 0 for never.
	LeakDetectionThreshold time.Duration
	// StatusInterval is how often the `Pool Status:` line is printed, at
	// least 10 ms, 0 for never.
	StatusInterval time.Duration
}

// MaxConnections is the largest PoolSize + MaxOverflow. PostgreSQL would
// allow more (2^18), but a pool of that size is a typing error.
const MaxConnections = 10_000

// DefaultConfig is the runbook's tuned pool, on an embedded PostgreSQL.
func DefaultConfig() Config {
	return Config{
		Name:            "default",
		PoolSize:        20,
		MaxOverflow:     40,
		PoolTimeout:     30 * time.Second,
		ConnectTimeout:  10 * time.Second,
		PoolRecycle:     time.Hour,
		PoolPrePing:     true,
		PoolUseLIFO:     true,
		ApplicationName: "xk6-pgxpool",
		QueryExecMode:   pgx.QueryExecModeCacheStatement,
		SampleInterval:  100 * time.Millisecond,
	}
}

// MaxConns is how many connections the pool may have open at once.
func (c Config) MaxConns() int { return c.PoolSize + c.MaxOverflow }

// Validate checks every field's range. The error is a *ConfigError for the
// first field, in the order of the option table, that cannot be used.
func (c Config) Validate() error {
	for _, o := range options {
		if err := o.check(c); err != nil {
			err.Option, err.Value = o.name, o.refused(c)
			return err
		}
	}
	if err := checkSum(c); err != nil {
		err.Option = "maxOverflow"
		return err
	}
	return nil
}

// Difference names the first option in which two configurations differ, with
// the value here and the value of other, such as "poolSize 20, not 30". It is
// "" when they are the same. Passwords are not shown.
func (c Config) Difference(other Config) string {
	c.PoolRecycle, other.PoolRecycle = max(c.PoolRecycle, RecycleNever), max(other.PoolRecycle, RecycleNever)
	for _, o := range options {
		if o.same(c, other) {
			continue
		}
		here, there := o.show(c), o.show(other)
		if here == there {
			return o.name + " (it differs in what is not shown, such as the password)"
		}
		return fmt.Sprintf("%s %s, not %s", o.name, here, there)
	}
	return ""
}

// String shows the configuration without a password.
func (c Config) String() string {
	text := "pool"
	for _, o := range options {
		text += " " + o.name + "=" + o.show(c)
	}
	return text
}

// GoString keeps the password out of %#v too.
func (c Config) GoString() string { return c.String() }
