package pool

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// keep passes a parameter on to pgx.
func keep(c *connection, name, value string) error {
	c.settings[name] = value
	return nil
}

// ignore drops a parameter that would change nothing here.
func ignore(*connection, string, string) error { return nil }

// oneOf passes on what is in a list.
func oneOf(values ...string) parameter {
	return func(c *connection, name, value string) error {
		if !slices.Contains(values, value) {
			return notOneOf(name, values)
		}
		c.settings[name] = value
		return nil
	}
}

func notOneOf(name string, values []string) error {
	return fmt.Errorf("%s must be one of %s", name, strings.Join(values, ", "))
}

// move gives the value to an option.
func move(option string) parameter {
	return func(c *connection, name, value string) error {
		c.options[option] = given{parameter: name, text: value}
		return nil
	}
}

// moveUnlessSet gives way to a parameter that says the same more exactly.
func moveUnlessSet(option string) parameter {
	return func(c *connection, name, value string) error {
		if _, set := c.options[option]; set {
			return nil
		}
		return move(option)(c, name, value)
	}
}

// moveMode is binding: two different modes are a contradiction, not a matter
// of precedence, since one of them would break statements.
func moveMode(c *connection, name, value string) error {
	c.options["queryExecMode"] = given{parameter: name, text: value, binding: true}
	return nil
}

// moveStatementTimeout turns PostgreSQL's writing, where a bare number is
// milliseconds and a minute is min, into ours.
func moveStatementTimeout(c *connection, name, value string) error {
	if isDecimal(value) {
		value += "ms"
	}
	if minutes, ok := strings.CutSuffix(value, "min"); ok {
		value = minutes + "m"
	}
	return move("statementTimeout")(c, name, value)
}

// mapCacheSize reads the size of a driver's cache of statements: asyncpg's,
// SQLAlchemy's or pgx's. Zero is what one sets behind PgBouncer, where no
// statement may stay prepared; exec is pgx's mode for that.
func mapCacheSize(c *connection, name, value string) error {
	size, err := strconv.ParseUint(value, 10, 16)
	switch {
	case err != nil:
		return fmt.Errorf("%s must be a whole number from 0 to 65535", name)
	case size == 0:
		return moveUnlessSet("queryExecMode")(c, name, "exec")
	default:
		return keep(c, "statement_cache_capacity", value)
	}
}

func mapDescriptionCache(c *connection, name, value string) error {
	size, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return fmt.Errorf("%s must be a whole number from 0 to 65535", name)
	}
	if size == 0 {
		return nil
	}
	return keep(c, name, value)
}

// mapSSL reads asyncpg's ssl, which takes libpq's words with - or _, and the
// ssl=true of other drivers.
func mapSSL(c *connection, _, value string) error {
	mode := strings.ReplaceAll(strings.ToLower(value), "_", "-")
	if on, ok := booleanFromText(value); ok && on {
		mode = "require"
	} else if ok {
		mode = "disable"
	}
	return keepSSLMode(c, "ssl", mode)
}

// keepSSLMode refuses two answers to whether passwords travel encrypted.
func keepSSLMode(c *connection, name, mode string) error {
	if !slices.Contains(sslModes, mode) {
		return notOneOf(name, sslModes)
	}
	if before := c.settings["sslmode"]; before != "" && before != mode {
		return fmt.Errorf("ssl and sslmode say both %s and %s", before, mode)
	}
	return keep(c, "sslmode", mode)
}

func mapDirectTLS(c *connection, name, value string) error {
	direct, ok := booleanFromText(value)
	if !ok {
		return fmt.Errorf("%s must be true or false", name)
	}
	if !direct {
		return nil
	}
	return keep(c, "sslnegotiation", "direct")
}

func mapGSSEncMode(_ *connection, name, value string) error {
	if value != "disable" && value != "prefer" {
		return fmt.Errorf("%s must be disable or prefer: pgx has no GSSAPI encryption", name)
	}
	return nil
}

var errEncoding = errors.New("client_encoding must be utf8: pgx speaks nothing else")

func mapClientEncoding(_ *connection, _, value string) error {
	switch strings.ToLower(value) {
	case "utf8", "utf-8", "unicode", "auto":
		return nil
	default:
		return errEncoding
	}
}
