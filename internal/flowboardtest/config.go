package flowboardtest

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Config says how the application shall run. Everything has a usable zero value, but DatabaseURL has to be set unless
// an .env in Dir does it.
type Config struct {
	// DatabaseURL is the database that the application fills, where it is empty, and reads.
	DatabaseURL string
	// ApplicationName is what pg_stat_activity shows; empty means flowboard.
	ApplicationName string
	// PoolSize is DB_POOL_SIZE. 0 leaves PoolSize and MaxOverflow to .env and to the runbook's defaults, 20+40.
	PoolSize int
	// MaxOverflow is DB_MAX_OVERFLOW; with a PoolSize, 0 means no overflow.
	MaxOverflow int
	// PoolTimeout is DB_POOL_TIMEOUT; 0 leaves it to .env and to the runbook's default, 30 s.
	PoolTimeout time.Duration
	// Hold is how long every request for issues keeps its connection, up to a minute.
	Hold time.Duration
	// Dir is the working directory, where the application looks for .env; empty means the test's temporary one.
	Dir string
	// Env holds further settings, each NAME=value, that win over the fields above.
	Env []string
}

// inherited are the only variables that the application sees of the test's environment: a setting that happens to be
// there shall not change a test.
var inherited = []string{"PATH", "HOME", "LANG", "PYTHONPATH"}

func (c Config) environment() []string {
	env := []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"}
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	set := func(name, value string) { env = append(env, fmt.Sprintf("%s=%s", name, value)) }
	set("DATABASE_URL", c.DatabaseURL)
	set("DB_APPLICATION_NAME", c.ApplicationName)
	if c.PoolSize > 0 {
		set("DB_POOL_SIZE", strconv.Itoa(c.PoolSize))
		set("DB_MAX_OVERFLOW", strconv.Itoa(c.MaxOverflow))
	}
	if c.PoolTimeout > 0 {
		set("DB_POOL_TIMEOUT", seconds(c.PoolTimeout))
	}
	if c.Hold > 0 {
		set("HOLD", seconds(c.Hold))
	}
	return append(env, c.Env...) // of two settings of one name os/exec keeps the last
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
