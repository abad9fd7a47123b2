package pool

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ConnConfig is how pgx opens one connection of the pool: the URL, with
// application_name, datestyle and statement_timeout as startup parameters, the connect
// timeout (in equal shares for the URL's hosts) and the exec mode. The fields win over
// what the URL says about the same things. The URL must not be empty.
//
// The error is a *ConfigError. The result holds the password, in its
// ConnString too: it must not be printed.
func (c Config) ConnConfig() (*pgx.ConnConfig, error) {
	conn, err := connConfig(c.URL)
	if err != nil {
		err.Option, err.Value = urlOption.name, showConnection(c.URL)
		return nil, err
	}
	conn.RuntimeParams["application_name"] = c.ApplicationName
	// Values that arrive as text are dates only in this style; a role or a
	// database may have another one for its default.
	conn.RuntimeParams["datestyle"] = "ISO"
	if c.StatementTimeout > 0 {
		conn.RuntimeParams["statement_timeout"] = strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10)
	}
	conn.ConnectTimeout = perHost(c.ConnectTimeout, conn)
	// pgx builds PGCONNECT_TIMEOUT into its dialer; connectTimeout replaces it.
	conn.DialFunc = (&net.Dialer{}).DialContext
	c.setMode(conn)
	return conn, nil
}

// perHost shares the time for connecting out among the hosts of a URL: of one
// that is silent the next must still have some left.
func perHost(limit time.Duration, conn *pgx.ConnConfig) time.Duration {
	hosts := map[pgconn.FallbackConfig]bool{{Host: conn.Host, Port: conn.Port}: true}
	for _, f := range conn.Fallbacks { // some differ from another one in TLS only
		hosts[pgconn.FallbackConfig{Host: f.Host, Port: f.Port}] = true
	}
	return max(limit/time.Duration(len(hosts)), time.Millisecond)
}

// setMode sets the exec mode and leaves no cache that the mode does not use.
func (c Config) setMode(conn *pgx.ConnConfig) {
	conn.DefaultQueryExecMode = c.QueryExecMode
	if c.QueryExecMode != pgx.QueryExecModeCacheStatement {
		conn.StatementCacheCapacity = 0
	}
	if c.QueryExecMode != pgx.QueryExecModeCacheDescribe {
		conn.DescriptionCacheCapacity = 0
	}
}

// connConfig parses a connection string of any accepted form as pgx will. It
// reads the files that the string or PG* variables name (certificates,
// .pgpass, a service file), and connects to nothing. The error is without
// Option and Value, and wraps nothing: pgx's holds the string with its
// password.
func connConfig(text string) (*pgx.ConnConfig, *ConfigError) {
	c, err := parseConnection(text)
	if err != nil {
		return nil, badConnection(err)
	}
	conn, err := pgx.ParseConfig(c.url())
	if err != nil {
		return nil, &ConfigError{Reason: c.reason(err)}
	}
	return conn, nil
}

// badConnection makes a ConfigError of one of parseConnection's errors. Most
// say themselves what to write.
func badConnection(err error) *ConfigError {
	e := &ConfigError{Reason: err.Error()}
	if errors.Is(err, errScheme) || errors.Is(err, errKeyword) {
		e.Accepted = acceptedURL
	}
	return e
}

// reason is why pgx refused a connection string, without the string, which
// stands before the reason between backquotes.
func (c connection) reason(err error) string {
	const unknown = "pgx cannot read it (a PG* variable of the process may be wrong)"
	_, reason, found := strings.Cut(err.Error(), "`: ")
	if !found || strings.ContainsAny(reason, "\n\r") {
		return unknown
	}
	for _, secret := range []string{
		c.settings["password"], c.settings["sslpassword"], c.settings["options"], os.Getenv("PGPASSWORD"), os.Getenv("PGSSLPASSWORD"),
	} {
		if secret != "" && strings.Contains(reason, secret) {
			return unknown
		}
	}
	return reason
}
