package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// keywords are pgx's own names in a connection string: what they say is for pgx
// to read. A name close to one of them is a typing error, which must not cost
// the TLS that was asked for.
var keywords = []string{
	"channel_binding", "database", "host", "krbspn", "krbsrvname", "max_protocol_version", "min_protocol_version", "options", "passfile", "password", "port",
	"require_auth", "service", "servicefile", "sslcert", "sslcertmode", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert",
	"sslsni", "target_session_attrs", "user",
}

// execModeParameter is pgx's name of queryExecMode. With another value than the
// option's it is a contradiction, not a matter of precedence: one of the two
// modes would break statements.
const execModeParameter = "default_query_exec_mode"

// translated are the names that mean something else here: an option's, and
// arguments of Python's drivers, so that an application's DATABASE_URL works
// unchanged.
var translated = map[string]func(c *connection, name, value string) error{
	"application_name":  toOption("applicationName"),
	"connect_timeout":   toOption("connectTimeout"),
	"statement_timeout": statementTimeout,
	execModeParameter:   toOption("queryExecMode"),
	"client_encoding":   clientEncoding,
	"gssencmode":        gssEncMode,
	"ssl":               ssl,
	"sslmode":           sslMode,

	// asyncpg, psycopg and SQLAlchemy
	"timeout":                       toOptionUnlessSet("connectTimeout"),
	"command_timeout":               toOptionUnlessSet("statementTimeout"),
	"direct_tls":                    directTLS,
	"statement_cache_size":          cacheSize,
	"statement_cache_capacity":      cacheSize,
	"prepared_statement_cache_size": cacheSize,
	"description_cache_capacity":    cacheSize,
	"prepared_statement_name_func":  ignore,
	"max_cached_statement_lifetime": ignore,
	"max_cacheable_statement_size":  ignore,
	"prepare_threshold":             ignore,
	"async_fallback":                ignore,
	// libpq's sockets
	"keepalives": ignore, "keepalives_count": ignore, "keepalives_idle": ignore, "keepalives_interval": ignore,
}

// settingName is what PostgreSQL may have for the name of a setting.
var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_$.]*$`)

// take stores one parameter. One that neither pgx nor this package knows is a
// setting of the server, which says itself whether there is such a one. An
// empty value is not there.
func (c *connection) take(name, value string) error {
	if name = strings.ToLower(name); name == "dbname" {
		name = "database"
	}
	read := translated[name]
	switch {
	case value == "":
		return nil
	case read != nil:
		return read(c, name, value)
	case !slices.Contains(keywords, name):
		if err := mistyped(name); err != nil {
			return err
		}
	}
	c.parameters[name] = value
	return nil
}

// mistyped is the error for a name that cannot be a setting of the server, or
// more probably means something else.
func mistyped(name string) error {
	if advice := adviceFor(name); advice != "" {
		return fmt.Errorf("%s is not a parameter of a URL; use %s", name, advice)
	}
	if near := nearest(name, append([]string{"ssl", "dbname", "connect_timeout"}, keywords...)); near != "" {
		return fmt.Errorf("unknown parameter %s; did you mean %s?", name, near)
	}
	if !settingName.MatchString(name) {
		return errParameter
	}
	return nil
}

// isSecret reports whether a parameter's value is never shown. options can
// carry any setting, an application's own secrets among them.
func isSecret(name string) bool {
	return name == "password" || name == "sslpassword" || name == "options"
}

// ignore drops what would change nothing here.
func ignore(*connection, string, string) error { return nil }

// toOption gives the value to an option.
func toOption(to string) func(*connection, string, string) error {
	return func(c *connection, name, value string) error {
		c.options[to] = given{parameter: name, text: value}
		return nil
	}
}

// toOptionUnlessSet gives way to a parameter that says the same more exactly.
func toOptionUnlessSet(to string) func(*connection, string, string) error {
	return func(c *connection, name, value string) error {
		if _, set := c.options[to]; set {
			return nil
		}
		return toOption(to)(c, name, value)
	}
}

// statementTimeout turns PostgreSQL's writing, where a bare number is
// milliseconds and a minute is min, into ours.
func statementTimeout(c *connection, name, value string) error {
	if isDecimal(value) {
		value += "ms"
	}
	if minutes, ok := strings.CutSuffix(value, "min"); ok {
		value = minutes + "m"
	}
	return toOption("statementTimeout")(c, name, value)
}

// cacheSize reads the size of a driver's cache of statements: asyncpg's,
// SQLAlchemy's or pgx's. Zero is what one sets behind PgBouncer, where no
// statement may stay prepared; exec is pgx's mode for that.
func cacheSize(c *connection, name, value string) error {
	size, err := strconv.ParseUint(value, 10, 16)
	switch {
	case err != nil:
		return fmt.Errorf("%s must be an integer from 0 to 65535", name)
	case name == "description_cache_capacity" && size > 0:
		c.parameters[name] = value
	case size > 0:
		c.parameters["statement_cache_capacity"] = value
	case name != "description_cache_capacity":
		return toOptionUnlessSet("queryExecMode")(c, name, "exec")
	}
	return nil
}

// ssl is asyncpg's, which takes libpq's words with - or _, and the ssl=true of
// other drivers.
func ssl(c *connection, _, value string) error {
	mode := strings.ReplaceAll(strings.ToLower(value), "_", "-")
	if on, ok := booleanFromText(value); ok && on {
		mode = "require"
	} else if ok {
		mode = "disable"
	}
	return sslMode(c, "ssl", mode)
}

// sslMode refuses two answers to whether passwords travel encrypted.
func sslMode(c *connection, name, mode string) error {
	modes := []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
	if !slices.Contains(modes, mode) {
		return fmt.Errorf("%s must be one of %s", name, strings.Join(modes, ", "))
	}
	if before := c.parameters["sslmode"]; before != "" && before != mode {
		return fmt.Errorf("ssl and sslmode say both %s and %s", before, mode)
	}
	c.parameters["sslmode"] = mode
	return nil
}

func directTLS(c *connection, name, value string) error {
	direct, ok := booleanFromText(value)
	if !ok {
		return fmt.Errorf("%s must be true or false", name)
	}
	if direct {
		c.parameters["sslnegotiation"] = "direct"
	}
	return nil
}

func gssEncMode(_ *connection, name, value string) error {
	if value != "disable" && value != "prefer" {
		return fmt.Errorf("%s must be disable or prefer: pgx has no GSSAPI encryption", name)
	}
	return nil
}

func clientEncoding(_ *connection, _, value string) error {
	if !slices.Contains([]string{"utf8", "utf-8", "unicode", "auto"}, strings.ToLower(value)) {
		return errors.New("client_encoding must be utf8: pgx supports no other")
	}
	return nil
}
