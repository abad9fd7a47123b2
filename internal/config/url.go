package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// What can be wrong with the form of a connection string. These texts are all
// that is ever said about one that does not parse: any part of it may be the
// password.
var (
	errScheme  = errors.New("it is not a PostgreSQL URL")
	errControl = errors.New("it has a line break or another control character")
	errStrayAt = errors.New("it has more than one @ (in a user, password or value, @ is written %40)")
	errPercent = errors.New("a % is not followed by two hexadecimal digits (% itself is written %25), or it has %00")
	errHost    = errors.New("a host or a port cannot be read (an IPv6 address is in [ ], a port is a number from 1 to 65535; " +
		"in a password, / ? # and : are written %2F %3F %23 and %3A)")
	errDatabase  = errors.New("the database's name has = or & (parameters begin with ?; in a name = is written %3D and & is written %26)")
	errParameter = errors.New("a parameter is not of the form name=value (in a value, = is written %3D and & is written %26)")
	errKeyword   = errors.New("it is not of the form name=value name='another value' (a value with a space or = in it needs quotes)")
)

const acceptedURL = "postgres://user:password@host:port/database, postgresql://…, SQLAlchemy's postgresql+asyncpg://…, " +
	"postgresql+psycopg://… or postgresql+psycopg2://…, or libpq's host=… user=… dbname=…"

// schemes are the accepted ones, and the driver that they name, which also says
// that SQLAlchemy's rules apply.
var schemes = map[string]pool.Driver{
	"postgres":            "",
	"postgresql":          "",
	"postgresql+asyncpg":  pool.DriverAsyncpg,
	"postgresql+psycopg":  pool.DriverPsycopg,
	"postgresql+psycopg2": pool.DriverPsycopg,
}

// databaseScheme may be shown in an error: no password looks like it.
var databaseScheme = regexp.MustCompile(
	`^(cockroachdb|https?|jdbc:postgresql|mariadb|mongodb|mssql|redis|(mysql|oracle|postgres|postgresql|sqlite)(\+[a-z]+[a-z0-9_]*)?)$`)

// connection is a connection string taken apart. What pgx reads itself, such as
// the hosts, is left as it was written.
type connection struct {
	hosts string // host:port,host:port as in a URL
	// parameters are libpq's keywords in pgx's spelling, and settings of the
	// server, decoded. What an option also says is not among them.
	parameters map[string]string
	options    map[string]given // what an option also says, by its name
}

func newConnection() connection {
	return connection{parameters: map[string]string{}, options: map[string]given{}}
}

// given is what a URL says of an option.
type given struct{ parameter, text string }

// parseConnection takes apart a connection string of any accepted form: libpq's
// two, and the URLs of Python's drivers with their arguments. Whether the ports,
// modes and files in it can be used is for pgx to say.
func parseConnection(text string) (connection, error) {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return connection{}, errControl
	}
	scheme, rest, isURL := cutScheme(text)
	driver, known := schemes[scheme]
	switch {
	case isURL && driver != "":
		c, err := splitURL(fromSQLAlchemy(rest))
		if err == nil {
			c.options["driver"] = given{parameter: "the scheme", text: string(driver)}
		}
		return c, err
	case isURL && known:
		return splitURL(rest)
	case !isURL && strings.Contains(text, "="):
		return splitKeywords(text)
	default:
		return connection{}, errScheme
	}
}

// cutScheme is false where the text cannot be a URL. An = before the :// makes
// it keywords, one of which holds a URL.
func cutScheme(text string) (scheme, rest string, isURL bool) {
	scheme, rest, isURL = strings.Cut(text, "://")
	if strings.Contains(scheme, "=") {
		return "", "", false
	}
	return strings.ToLower(scheme), rest, isURL
}

// fromSQLAlchemy writes what follows the scheme of a SQLAlchemy URL as libpq
// reads it. There a user may hold an @ and a password anything else, a % that
// begins no code stands for itself, a + in a parameter is a space, and host may
// come more than once and with a port.
func fromSQLAlchemy(rest string) string {
	var login string
	if m := credentials.FindStringSubmatch(rest); m != nil {
		login, rest = encodeAgain(m[1])+":"+encodeAgain(m[2])+"@", rest[len(m[0]):]
	}
	where, query, _ := strings.Cut(rest, "?")
	var hosts, others []string
	for parameter := range strings.SplitSeq(strings.ReplaceAll(query, "+", "%20"), "&") {
		if host, ok := strings.CutPrefix(parameter, "host="); ok {
			hosts = append(hosts, host)
		} else {
			others = append(others, parameter)
		}
	}
	if len(hosts) > 0 {
		before, database, _ := strings.Cut(where, "/")
		where = strings.Join(hosts, ",") + "/" + database
		if _, port, ok := strings.Cut(before, ":"); ok && !strings.Contains(where, ":") {
			others = append(others, "port="+port)
		}
	}
	return login + where + "?" + strings.Join(others, "&")
}

var (
	credentials = regexp.MustCompile(`^([^:/]*)(?::([^@]*))?@`)
	percent     = regexp.MustCompile(`%([0-9a-fA-F]{2})?`)
)

// encodeAgain writes a text in which a % may stand for itself with codes only.
func encodeAgain(text string) string {
	text = percent.ReplaceAllStringFunc(text, func(code string) string {
		if code == "%" {
			return "%25"
		}
		return code
	})
	decoded, _ := url.PathUnescape(text) // every % begins a code
	return encode(decoded)
}

// encode encodes all but letters, digits and "-_.~". Unlike url.QueryEscape it
// writes a space as %20: libpq and pgx take + for itself.
func encode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// decode is false for a % that begins no code, and for a zero byte.
func decode(s string) (string, bool) {
	decoded, err := url.PathUnescape(s)
	return decoded, err == nil && !strings.ContainsRune(decoded, 0)
}

// splitURL reads what follows the scheme as libpq does: the user ends at the
// first @ before a /. It is stricter in one point: a second @ is refused, since
// it is nearly always part of a password, which would turn up as a host.
func splitURL(rest string) (connection, error) {
	c := newConnection()
	var user, password string
	if end := strings.IndexAny(rest, "@/"); end >= 0 && rest[end] == '@' {
		user, password, _ = strings.Cut(rest[:end], ":")
		rest = rest[end+1:]
	}
	if strings.Contains(rest, "@") {
		return c, errStrayAt
	}
	rest, query, _ := strings.Cut(rest, "?")
	hosts, database, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(database, "=&") {
		return c, errDatabase
	}
	c.hosts = hosts
	for _, p := range [...][2]string{{"user", user}, {"password", password}, {"database", database}} {
		if err := c.takeEncoded(p[0], p[1]); err != nil {
			return c, err
		}
	}
	for parameter := range strings.SplitSeq(query, "&") {
		if err := c.takeParameter(parameter); err != nil {
			return c, err
		}
	}
	return c, c.finish()
}

func (c *connection) takeParameter(text string) error {
	name, value, found := strings.Cut(text, "=")
	if text == "" {
		return nil
	}
	if !found || name == "" || strings.Contains(value, "=") {
		return errParameter
	}
	return c.takeEncoded(name, value)
}

func (c *connection) takeEncoded(name, value string) error {
	name, nameOK := decode(name)
	value, valueOK := decode(value)
	if !nameOK || !valueOK {
		return errPercent
	}
	return c.take(name, value)
}

// keyword is one name=value of libpq's form at the beginning of a text.
var keyword = regexp.MustCompile(`^\s*([A-Za-z_.]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?:\s+|$)`)

var backslash = regexp.MustCompile(`\\(.)`)

// splitKeywords reads libpq's form: host=localhost password='a b'. A backslash
// takes the next character literally. An unquoted = in a value is refused
// where libpq takes it: it is a forgotten space ("user=ann" + "password=…"),
// after which the password would be part of the user. Passwords themselves
// may hold one.
func splitKeywords(text string) (connection, error) {
	c := newConnection()
	for text != "" {
		m := keyword.FindStringSubmatch(text)
		if m == nil || strings.Contains(m[3], "=") && !isSecret(strings.ToLower(m[1])) {
			return c, errKeyword
		}
		if err := c.take(m[1], backslash.ReplaceAllString(m[2]+m[3], "$1")); err != nil {
			return c, err
		}
		text = text[len(m[0]):]
	}
	return c, c.finish()
}

var (
	// location is what may stand where a URL has its hosts.
	location = regexp.MustCompile(`^(\[[\pL\pN:.%]+\]|[\pL\pN_.~/-]*)(:\d*)?(,(\[[\pL\pN:.%]+\]|[\pL\pN_.~/-]*)(:\d*)?)*$`)
	hostList = regexp.MustCompile(`^[\pL\pN_.~/:,%-]*$`)
	oneHost  = regexp.MustCompile(`^[\pL\pN_.~-]+$`)
)

// finish refuses hosts that are none, among them a part of a password: they are
// shown. A single host goes where a URL has it.
func (c *connection) finish() error {
	hosts, ok := decode(c.hosts)
	if !ok {
		return errPercent
	}
	host, port := c.parameters["host"], c.parameters["port"]
	if !location.MatchString(hosts) || !hostList.MatchString(host) {
		return errHost
	}
	if oneHost.MatchString(host) && (port != "" || !strings.Contains(c.hosts, ":")) {
		c.hosts = encode(host)
		if port != "" {
			c.hosts += ":" + encode(port)
		}
		delete(c.parameters, "host")
		delete(c.parameters, "port")
	}
	return nil
}

// url is the canonical form: a postgres:// URL with sorted parameters.
func (c connection) url() string {
	var b strings.Builder
	b.WriteString("postgres://")
	user, password := encode(c.parameters["user"]), encode(c.parameters["password"])
	if password != "" {
		user += ":" + password
	}
	if user != "" {
		b.WriteString(user + "@")
	}
	b.WriteString(c.hosts)
	if database := encode(c.parameters["database"]); database != "" {
		b.WriteString("/" + database)
	}
	separator := "?"
	for _, name := range slices.Sorted(maps.Keys(c.parameters)) {
		if name == "user" || name == "password" || name == "database" {
			continue
		}
		b.WriteString(separator + encode(name) + "=" + encode(c.parameters[name]))
		separator = "&"
	}
	return b.String()
}

// Server says which server a pool is of, without user and password: "temporary",
// or host:port/database.
func Server(c pool.Config) (string, error) {
	if c.URL == "" {
		return "temporary", nil
	}
	settings, err := c.ConnConfig()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s:%d/%s", settings.Host, settings.Port, settings.Database), nil
}
