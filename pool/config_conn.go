package pool

import (
	"maps"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ConnConfig is how pgx opens one connection of the pool: the URL, with
// application_name, statement_timeout, the isolation level of the driver pgx and
// the pinned settings as startup parameters, the connect timeout (in equal shares for the URL's hosts) and the
// exec mode. The fields win over what the URL says about the same things. The
// URL must not be empty.
//
// The error is a *ConfigError. The result holds the password, in its
// ConnString too: it must not be printed.
func (c Config) ConnConfig() (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, &ConfigError{Option: "url", Reason: parseReason(err, c.URL)}
	}
	conn.RuntimeParams["application_name"] = c.ApplicationName
	for name := range conn.RuntimeParams {
		if _, pinned := pinnedSettings[strings.ToLower(name)]; pinned {
			delete(conn.RuntimeParams, name)
		}
	}
	maps.Copy(conn.RuntimeParams, pinnedSettings)
	delete(conn.RuntimeParams, "statement_timeout")
	if c.StatementTimeout > 0 {
		conn.RuntimeParams["statement_timeout"] = strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10)
	}
	if level := c.IsolationLevel; level != "" && level != Autocommit && c.Driver == DriverPgx {
		// The other drivers send it with every BEGIN; here single statements have none.
		conn.RuntimeParams["default_transaction_isolation"] = strings.ToLower(string(level))
	}
	conn.ConnectTimeout = perHost(c.ConnectTimeout, conn)
	// pgx builds PGCONNECT_TIMEOUT into its dialer; connectTimeout replaces it.
	conn.DialFunc = (&net.Dialer{}).DialContext
	c.setMode(conn)
	return conn, nil
}

// pinnedSettings are given at startup, where they win over the defaults of the
// role and the database; PgBouncer accepts them. They are the settings on which
// the text of a value depends so that it cannot be read under any value:
//
//	setting                      what is done
//	client_encoding              pinned; a statement under another one is refused
//	DateStyle                    pinned; a date as text in another style is refused
//	extra_float_digits           floats come in binary; as text with lost digits they are refused
//	TimeZone                     any: a timestamptz as text has its offset
//	bytea_output                 any: both formats are read
//	IntervalStyle, lc_monetary   any: intervals and money are text
//	standard_conforming_strings  any; pgx refuses simple_protocol when it is off
var pinnedSettings = map[string]string{"client_encoding": "UTF8", "datestyle": "ISO"}

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

// parseReason is why pgx refused a connection string. It leaves out what may
// hold a part of the password: the string itself, which stands before the
// reason between backquotes, and what pgx says about the form of a string that
// cannot be taken apart.
func parseReason(err error, text string) string {
	const unknown = "pgx cannot read it (a PG* variable of the process may be wrong)"
	_, reason, found := strings.Cut(err.Error(), "`: ")
	if !found || strings.Contains(reason, "failed to parse") || strings.ContainsAny(reason, "\n\r`") {
		return unknown
	}
	// Several hosts with ports are no URL to net/url.
	user, rest, _ := strings.Cut(text, "@")
	_, query, _ := strings.Cut(rest, "?")
	u, err := url.Parse(user + "@host?" + query)
	if err != nil {
		return unknown
	}
	password, _ := u.User.Password()
	named := u.Query()
	for _, secret := range []string{
		password, named.Get("password"), named.Get("sslpassword"), named.Get("options"), os.Getenv("PGPASSWORD"), os.Getenv("PGSSLPASSWORD"),
	} {
		if secret != "" && strings.Contains(reason, secret) {
			return unknown
		}
	}
	return reason
}
