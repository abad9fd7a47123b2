package monitor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Settings say whom to watch and how to connect, for the monitor and for a load
// test over HTTP alike.
type Settings struct {
	// Pool is how to connect, and one process's pool.
	Pool   pool.Config
	Select Selection
	// Workers is how many processes the application has, 0 to find out.
	Workers int
	// Timeout is DB_POOL_TIMEOUT, 0 where nobody gave it.
	Timeout time.Duration
	// AppURLs are where processes report their pools, PgBouncerURL is the
	// console of the pooler between; empty where they are not asked.
	AppURLs      []string
	PgBouncerURL string
}

// own are the options that the pool does not know, with their environment
// variables.
var own = map[string]string{
	"appURL": "APP_URL", "workers": "WORKERS", "pgbouncerURL": "PGBOUNCER_URL",
	"role": "APP_ROLE", "database": "APP_DATABASE", "client": "APP_CLIENT",
}

// Variables are those that a watch reads and a pool does not.
func Variables() []string { return slices.Sorted(maps.Values(own)) }

// shared are the pool's options that a watch takes, with their variables. What
// else an application has in its environment is its own affair.
var shared = map[string]string{
	"url": "DATABASE_URL", "applicationName": "DB_APPLICATION_NAME",
	"poolSize": "DB_POOL_SIZE", "maxOverflow": "DB_MAX_OVERFLOW", "poolTimeout": "DB_POOL_TIMEOUT",
	"connectTimeout": "DB_CONNECT_TIMEOUT", "queryExecMode": "DB_QUERY_EXEC_MODE", "statusInterval": "DB_POOL_STATUS_INTERVAL",
	"metrics": "METRICS",
}

// Resolve reads the options and, behind them, the environment. Without a
// database there is nothing to watch: Pool.URL is empty then, and the environment
// is not looked at. Nothing is connected.
func Resolve(options map[string]any, lookup config.Lookup) (Settings, error) {
	var s Settings
	given := map[string]any{}
	for name, value := range options {
		switch {
		case own[name] != "":
		case shared[name] != "" && name != "connectTimeout" && name != "queryExecMode":
			given[name] = value
		default:
			return s, &pool.ConfigError{
				Option: name, Source: config.SourceOption, Reason: "monitor() does not take it", Accepted: accepted(),
			}
		}
	}
	variables := map[string]bool{}
	for _, variable := range shared {
		variables[variable] = true
	}
	var err error
	s.Pool, err = config.Resolve(given, func(name string) (string, bool) {
		if !variables[name] {
			return "", false
		}
		return lookup(name)
	})
	if err != nil {
		return s, err
	}
	if s.Pool.URL == "" {
		return s, s.resolveOwn(options, func(string) (string, bool) { return "", false })
	}
	_, timed := lookup(shared["poolTimeout"])
	if timed || options["poolTimeout"] != nil {
		s.Timeout = s.Pool.PoolTimeout
	}
	return s, s.resolveOwn(options, lookup)
}

func accepted() string {
	names := []string{"url", "applicationName", "poolSize", "maxOverflow", "poolTimeout", "statusInterval"}
	for name := range own {
		names = append(names, name)
	}
	slices.Sort(names[6:])
	return strings.Join(names, ", ")
}

func (s *Settings) resolveOwn(options map[string]any, lookup config.Lookup) error {
	texts := map[string]string{}
	for option, variable := range own {
		value, source := options[option], config.SourceOption
		if value == nil {
			found, ok := lookup(variable)
			if !ok || found == "" {
				continue
			}
			value, source = found, variable
		}
		written, err := textOf(option, value)
		if err == nil {
			err = s.take(option, written)
		}
		if err != nil {
			return refused(option, source, err)
		}
		texts[option] = written
	}
	s.Select = Selection{Role: texts["role"], Database: texts["database"], Client: texts["client"]}
	if name := s.Pool.ApplicationName; name != pool.DefaultConfig().ApplicationName {
		s.Select.Application = name
	}
	if s.Select.Application == ApplicationName {
		return refused("applicationName", config.SourceOption, fmt.Errorf("%q is the monitor's own", ApplicationName))
	}
	return nil
}

// textOf is a string, a number of workers, or several URLs with commas between.
func textOf(option string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int64, float64:
		if option != "workers" {
			return "", errors.New("it is of type number")
		}
		return fmt.Sprint(v), nil
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			text, ok := part.(string)
			if !ok {
				return "", fmt.Errorf("element %d is not a string", i)
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	default:
		return "", fmt.Errorf("it is of type %s", typeOf(value))
	}
}

// typeOf is a value's type as a script's author knows it.
func typeOf(value any) string {
	if _, ok := value.(bool); ok {
		return "boolean"
	}
	return "Object"
}

// take checks what an option says.
func (s *Settings) take(option, value string) error {
	switch option {
	case "workers":
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < 1 || n > 10000 {
			return fmt.Errorf("%q is not a number of processes", value)
		}
		s.Workers = n
	case "appURL":
		for address := range strings.SplitSeq(value, ",") {
			address = strings.TrimSpace(address)
			if err := checkAddress(address); err != nil {
				return err
			}
			s.AppURLs = append(s.AppURLs, address)
		}
	case "pgbouncerURL":
		if _, err := newPgBouncer(value, ""); err != nil {
			return err
		}
		s.PgBouncerURL = value
	case "client":
		return Selection{Client: value}.check()
	}
	return nil
}

var acceptedBy = map[string]string{
	"workers":         "the number of processes, each with a pool of its own, from 1 on",
	"appURL":          "a string such as http://127.0.0.1:8000/health/pool, several separated by commas (APP_URL)",
	"pgbouncerURL":    "PgBouncer's console, such as postgres://stats@127.0.0.1:6432/pgbouncer (PGBOUNCER_URL)",
	"role":            "the role that the application connects as",
	"database":        "the database that the application connects to",
	"client":          "the address that the application connects from",
	"applicationName": "the application_name of the application to watch (DB_APPLICATION_NAME)",
}

func refused(option, source string, err error) error {
	return &pool.ConfigError{Option: option, Source: source, Reason: err.Error(), Accepted: acceptedBy[option]}
}

// Config is what a Sampler needs; answer is how long the application may take
// to report its pool.
func (s Settings) Config(answer time.Duration) (Config, error) {
	conn, err := s.Pool.ConnConfig()
	if err != nil {
		return Config{}, err
	}
	cfg := Config{
		Conn: conn, Select: s.Select, Workers: s.Workers,
		Pool: Pool{Size: s.Pool.PoolSize, MaxOverflow: s.Pool.MaxOverflow, Timeout: s.Timeout.Seconds()},
	}
	if len(s.AppURLs) > 0 {
		cfg.Health = newHealth(s.AppURLs, answer)
	}
	if s.PgBouncerURL != "" {
		cfg.PgBouncer, err = newPgBouncer(s.PgBouncerURL, conn.Database)
	}
	return cfg, err
}

// Difference is the first option that differs, "" where all are the same.
func (s Settings) Difference(other Settings) string {
	if difference := config.Difference(s.Pool, other.Pool); difference != "" {
		return difference
	}
	for _, option := range []struct {
		name string
		same bool
	}{
		{"role", s.Select.Role == other.Select.Role},
		{"database", s.Select.Database == other.Select.Database},
		{"client", s.Select.Client == other.Select.Client},
		{"workers", s.Workers == other.Workers},
		{"appURL", slices.Equal(s.AppURLs, other.AppURLs)},
		{"pgbouncerURL", s.PgBouncerURL == other.PgBouncerURL},
	} {
		if !option.same {
			return option.name
		}
	}
	return ""
}
