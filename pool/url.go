package pool

import (
	"slices"
	"strings"
)

// urlOption takes connection strings of every accepted form. Its check parses
// as pgx will, so that a wrong URL is found before anything connects.
var urlOption = option{
	name: "url", env: "DATABASE_URL", accepted: acceptedURL,
	script: func(c *Config, value any) bool {
		c.URL, _ = value.(string)
		return strings.TrimSpace(c.URL) != ""
	},
	text: func(c *Config, text string) bool {
		c.URL = text
		return true
	},
	check: func(c Config) *ConfigError {
		if c.URL == "" {
			return nil
		}
		_, err := connConfig(c.URL)
		return err
	},
	show: func(c Config) string {
		if c.URL == "" {
			return "unset"
		}
		return RedactURL(c.URL)
	},
	same: func(a, b Config) bool { return canonicalURL(a.URL) == canonicalURL(b.URL) },
	written: func(value any) string {
		if text, ok := value.(string); ok && text != "" {
			return showConnection(text)
		}
		return show(value)
	},
}

const acceptedURL = "postgres://user:password@host:port/database, postgresql://…, SQLAlchemy's postgresql+asyncpg://…, " +
	"postgresql+psycopg://… or postgresql+psycopg2://…, or libpq's host=… user=… dbname=…"

// mask stands for whatever may be a password.
const mask = "***"

// connection is a connection string taken apart.
type connection struct {
	// settings are what pgx is to see: libpq's keywords with pgx's spelling,
	// decoded. What an option also says is not among them.
	settings map[string]string
	// options are values of parameters that belong to an option, by its name.
	options map[string]given
}

// given is a text found in a URL for an option.
type given struct {
	parameter, text string
	// binding makes another value of the option an error, where the option
	// would otherwise win silently.
	binding bool
}

// parseConnection reads a connection string of any accepted form. Its errors
// are made of fixed words and of names that are, or are nearly, in our own
// tables: in a damaged string anything else may be a password.
func parseConnection(text string) (connection, error) {
	pairs, err := splitConnection(text)
	if err != nil {
		return connection{}, err
	}
	return translate(pairs)
}

// canonicalURL is the one form of a connection string that equal ones share,
// or the text itself where it does not parse.
func canonicalURL(text string) string {
	if text == "" {
		return ""
	}
	c, err := parseConnection(text)
	if err != nil {
		return text
	}
	return c.url()
}

// url is the canonical form: a postgres:// URL with sorted parameters.
func (c connection) url() string {
	return renderURL(c.settings, func(_, value string) string { return percentEncode(value) })
}

// RedactURL shows a connection string without its password, as a URL whatever
// form it has. Of one that does not parse it shows only the scheme, and a user
// without a password is hidden too: that is what "user:password" with a
// forgotten colon looks like. It is "" for "".
func RedactURL(connection string) string {
	if connection == "" {
		return ""
	}
	pairs, err := splitConnection(connection)
	if err != nil {
		return knownScheme(connection) + mask
	}
	settings := make(map[string]string, len(pairs))
	for _, p := range pairs {
		if parameters[p.key] == nil && adviceFor(p.key) == "" {
			p.key = mask
		}
		settings[p.key] = p.value
	}
	return renderURL(settings, func(key, value string) string {
		return redact(settings, key, value)
	})
}

// showConnection is a refused connection string as an error shows it: redacted
// if its password was found, else no more than the scheme. Where none was
// found, the password may have become the user, the host or anything else.
func showConnection(text string) string {
	pairs, err := splitConnection(text)
	if err == nil && slices.ContainsFunc(pairs, func(p pair) bool { return p.key == "password" && p.value != "" }) {
		return RedactURL(text)
	}
	return knownScheme(text) + mask
}

// redact hides passwords, and values that may hold one by accident.
func redact(settings map[string]string, key, value string) string {
	switch {
	case value == "":
		return ""
	case key == "user" && settings["password"] == "", key == "port" && !isPort(value):
		return mask
	case key == mask, isSecret(key), strings.ContainsAny(value, "=@"), strings.Contains(value, "//"):
		return mask
	default:
		return percentEncode(value)
	}
}

// isSecret reports whether a parameter's value is never shown. options can
// carry any setting, an application's own secrets among them.
func isSecret(key string) bool {
	return key == "password" || key == "sslpassword" || key == "options"
}
