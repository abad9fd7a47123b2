package pool

import (
	"errors"
	"strings"
)

// What can be wrong with the form of a connection string. These texts are all
// that is ever said about one that does not parse.
var (
	errScheme     = errors.New("it is not a PostgreSQL URL")
	errControl    = errors.New("it holds a line break or another control character")
	errStrayAt    = errors.New("it has more than one @ (in a user, password or value, @ is written %40)")
	errPercent    = errors.New("a % is not followed by two hexadecimal digits (% itself is written %25)")
	errZeroByte   = errors.New("%00 is not allowed")
	errBracket    = errors.New("an IPv6 address is not closed with ] or not followed by a port")
	errHost       = errors.New("the host holds a character no host name has (in a password, / ? # and : are written %2F %3F %23 and %3A)")
	errPort       = errors.New("a port is not a number from 1 to 65535 (in a password, / ? # and : are written %2F %3F %23 and %3A)")
	errPortCount  = errors.New("the numbers of hosts and ports differ")
	errDatabase   = errors.New("the database's name holds = or & (parameters begin with ?; in a name = is written %3D and & is written %26)")
	errParameter  = errors.New("a parameter is not of the form name=value (in a value, = is written %3D and & is written %26)")
	errQuote      = errors.New("a quoted value does not end")
	errKeyword    = errors.New("it is not of the form name=value name='another value'")
	errUnquotedEq = errors.New("a value with = in it needs quotes: name='a=b'")
)

// pair is a keyword of a connection string and its decoded value. A later
// pair wins over an earlier one.
type pair struct{ key, value string }

// schemes are the accepted ones, and whether SQLAlchemy's rules apply.
var schemes = map[string]bool{
	"postgres":            false,
	"postgresql":          false,
	"postgresql+asyncpg":  true,
	"postgresql+psycopg":  true,
	"postgresql+psycopg2": true,
}

// foreignSchemes may be named in an error: no password looks like them.
var foreignSchemes = []string{
	"cockroachdb", "http", "https", "jdbc:postgresql", "mariadb", "mongodb", "mssql", "mysql", "mysql+aiomysql", "mysql+pymysql",
	"oracle", "postgres+asyncpg", "postgresql+aiopg", "postgresql+pg8000", "postgresql+psycopg2cffi", "postgresql+psycopg_async",
	"postgresql+pygresql", "redis", "sqlite", "sqlite+aiosqlite",
}

// splitConnection takes a connection string apart: a URL, or libpq's
// keyword=value form.
func splitConnection(text string) ([]pair, error) {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errControl
	}
	scheme, rest, isURL := cutScheme(text)
	if !isURL {
		if !strings.Contains(text, "=") {
			return nil, errScheme
		}
		return splitKeywords(text)
	}
	sqlalchemy, known := schemes[scheme]
	if !known {
		return nil, errScheme
	}
	return splitURL(rest, sqlalchemy)
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

// knownScheme is "scheme://" where the scheme is one we know, else "".
func knownScheme(text string) string {
	scheme, _, _ := cutScheme(strings.TrimSpace(text))
	if _, ok := schemes[scheme]; ok {
		return scheme + "://"
	}
	for _, foreign := range foreignSchemes {
		if scheme == foreign {
			return scheme + "://"
		}
	}
	return ""
}

// splitURL reads what follows the scheme, as libpq does (the user ends at the
// first @ before a /) or as SQLAlchemy does (a password may hold anything but
// an @). Both are stricter here in one point: a second @ is refused, since it
// is nearly always part of a password, which would turn up as a host.
func splitURL(rest string, sqlalchemy bool) ([]pair, error) {
	cut, parameters := cutUser, splitParameters
	if sqlalchemy {
		cut, parameters = cutUserSQLAlchemy, splitParametersSQLAlchemy
	}
	pairs, rest, err := cut(rest)
	if err != nil {
		return nil, err
	}
	if strings.Contains(rest, "@") {
		return nil, errStrayAt
	}
	rest, query, _ := strings.Cut(rest, "?")
	hosts, database, _ := strings.Cut(rest, "/")
	where, err := splitHosts(hosts)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(database, "=&") {
		return nil, errDatabase
	}
	if database, err = percentDecode(database); err != nil {
		return nil, err
	}
	pairs = append(append(pairs, where...), pair{"database", database})
	named, err := parameters(query)
	return append(pairs, named...), err
}

func cutUser(rest string) ([]pair, string, error) {
	end := strings.IndexAny(rest, "@/")
	if end < 0 || rest[end] != '@' {
		return nil, rest, nil
	}
	rawUser, rawPassword, _ := strings.Cut(rest[:end], ":")
	user, err := percentDecode(rawUser)
	if err != nil {
		return nil, "", err
	}
	password, err := percentDecode(rawPassword)
	return []pair{{"user", user}, {"password", password}}, rest[end+1:], err
}

// cutUserSQLAlchemy differs in what ends a user (the first :, so that it may
// hold an @ where a password follows) and a password (the next @), and leaves
// a % that begins no code as it is.
func cutUserSQLAlchemy(rest string) ([]pair, string, error) {
	colon := strings.IndexAny(rest, ":/")
	if colon < 0 || rest[colon] == '/' {
		return cutUser(rest)
	}
	end := strings.IndexByte(rest[colon:], '@')
	if end < 0 {
		return cutUser(rest)
	}
	user := percentDecodeLenient(rest[:colon])
	password := percentDecodeLenient(rest[colon+1 : colon+end])
	if strings.ContainsRune(user+password, 0) {
		return nil, "", errZeroByte
	}
	return []pair{{"user", user}, {"password", password}}, rest[colon+end+1:], nil
}

// splitParameters reads name=value&name=value.
func splitParameters(query string) ([]pair, error) {
	var pairs []pair
	for part := range strings.SplitSeq(query, "&") {
		rawKey, rawValue, found := strings.Cut(part, "=")
		switch {
		case part == "":
			continue
		case !found, rawKey == "", strings.Contains(rawValue, "="):
			return nil, errParameter
		}
		key, err := percentDecode(rawKey)
		if err != nil {
			return nil, err
		}
		value, err := percentDecode(rawValue)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{canonicalKey(key), value})
	}
	return pairs, nil
}

// splitParametersSQLAlchemy differs in that a + is a space, and that host may
// come more than once and with a port: ?host=a:5432&host=b:5433.
func splitParametersSQLAlchemy(query string) ([]pair, error) {
	all, err := splitParameters(strings.ReplaceAll(query, "+", "%20"))
	if err != nil {
		return nil, err
	}
	var pairs []pair
	var hosts []string
	for _, p := range all {
		if p.key == "host" {
			hosts = append(hosts, p.value)
		} else {
			pairs = append(pairs, p)
		}
	}
	where, err := splitHosts(strings.Join(hosts, ","))
	return append(where, pairs...), err
}

// canonicalKey is pgx's spelling of a parameter's name.
func canonicalKey(key string) string {
	if key = strings.ToLower(key); key == "dbname" {
		return "database"
	}
	return key
}
