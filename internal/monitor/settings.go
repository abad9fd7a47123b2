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
	// timeout is DB_POOL_TIMEOUT, 0 where nobody gave it.
	timeout time.Duration
	// AppURLs are where processes report their pools, PgBouncerURL is the
	// console of the pooler between; empty where they are not asked.
	AppURLs      []string
	PgBouncerURL string
}

// own are the options that the pool does not know.
var own = map[string]struct{ variable, accepted string }{
	"workers":      {"WORKERS", "the number of processes, each with a pool of its own, from 1 to 10000"},
	"appURL":       {"APP_URL", "a URL such as http://127.0.0.1:8000/health/pool, several separated by commas (APP_URL)"},
	"pgbouncerURL": {"PGBOUNCER_URL", "PgBouncer's console, such as postgres://stats@127.0.0.1:6432/pgbouncer (PGBOUNCER_URL)"},
	"role":         {"APP_ROLE", "the role that the application connects as"},
	"database":     {"APP_DATABASE", "the database that the application connects to"},
	"client":       {"APP_CLIENT", "an address such as 10.0.0.7 or a network such as 10.0.0.0/8, several separated by commas"},
}

// Variables are those that a watch reads and a pool does not.
func Variables() (names []string) {
	for _, option := range own {
		names = append(names, option.variable)
	}
	return names
}

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
		_, ours := own[name]
		switch {
		case ours:
		case shared[name] != "" && name != "connectTimeout" && name != "queryExecMode":
			given[name] = value
		default:
			return s, &pool.ConfigError{
				Option: name, Source: config.SourceOption, Reason: "monitor() does not take it",
				Accepted: "url, applicationName, poolSize, maxOverflow, poolTimeout, statusInterval, " +
					strings.Join(slices.Sorted(maps.Keys(own)), ", "),
			}
		}
	}
	variables := slices.Collect(maps.Values(shared))
	var err error
	s.Pool, err = config.Resolve(given, func(name string) (string, bool) {
		if !slices.Contains(variables, name) {
			return "", false
		}
		return lookup(name)
	})
	if err != nil {
		return s, err
	}
	if s.Pool.URL == "" {
		lookup = func(string) (string, bool) { return "", false }
	}
	if _, timed := lookup(shared["poolTimeout"]); timed || options["poolTimeout"] != nil {
		s.timeout = s.Pool.PoolTimeout
	}
	return s, s.resolveOwn(options, lookup)
}

func (s *Settings) resolveOwn(options map[string]any, lookup config.Lookup) error {
	texts := map[string]string{}
	for option, its := range own {
		value, source := options[option], config.SourceOption
		if value == nil {
			found, _ := lookup(its.variable)
			if found == "" {
				continue
			}
			value, source = found, its.variable
		}
		written, err := textOf(option, value)
		if err == nil {
			err = s.take(option, written)
		}
		if err != nil {
			return &pool.ConfigError{Option: option, Source: source, Reason: err.Error(), Accepted: its.accepted}
		}
		texts[option] = written
	}
	s.Select = Selection{Role: texts["role"], Database: texts["database"], Client: texts["client"]}
	if name := s.Pool.ApplicationName; name != pool.DefaultConfig().ApplicationName {
		s.Select.Application = name
	}
	if s.Select.Application == ApplicationName {
		return &pool.ConfigError{
			Option: "applicationName", Source: config.SourceOption, Reason: fmt.Sprintf("%q is the monitor's own", ApplicationName),
			Accepted: "the application_name of the application to watch (DB_APPLICATION_NAME)",
		}
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
	case bool:
		return "", errors.New("it is of type boolean")
	default:
		return "", errors.New("it is of type Object")
	}
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

// Config is what a Sampler needs; answer is how long the application may take
// to report its pool.
func (s Settings) Config(answer time.Duration) (Config, error) {
	conn, err := s.Pool.ConnConfig()
	if err != nil {
		return Config{}, err
	}
	cfg := Config{
		Conn: conn, selection: s.Select, workers: s.Workers,
		pool: Pool{Size: s.Pool.PoolSize, MaxOverflow: s.Pool.MaxOverflow, Timeout: s.timeout.Seconds()},
	}
	if len(s.AppURLs) > 0 {
		cfg.health = newHealth(s.AppURLs, answer)
	}
	if s.PgBouncerURL != "" {
		cfg.pgBouncer, err = newPgBouncer(s.PgBouncerURL, conn.Database)
	}
	return cfg, err
}

// Difference is the first option that differs, "" where all are the same.
func (s Settings) Difference(other Settings) string {
	if difference := config.Difference(s.Pool, other.Pool); difference != "" {
		return difference
	}
	switch {
	case s.Select.Role != other.Select.Role:
		return "role"
	case s.Select.Database != other.Select.Database:
		return "database"
	case s.Select.Client != other.Select.Client:
		return "client"
	case s.Workers != other.Workers:
		return "workers"
	case !slices.Equal(s.AppURLs, other.AppURLs):
		return "appURL"
	case s.PgBouncerURL != other.PgBouncerURL:
		return "pgbouncerURL"
	}
	return ""
}
