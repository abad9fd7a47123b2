package sqlvalue

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgbouncertest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// pooled is an engine whose statements go through a pool.
type pooled struct {
	*engine
	pool *pool.Pool
	mode pgx.QueryExecMode
}

func newPooled(t *testing.T, address string, mode pgx.QueryExecMode) *pooled {
	t.Helper()
	config := pool.DefaultConfig()
	config.URL, config.QueryExecMode, config.PoolSize, config.MaxOverflow = address, mode, 1, 0
	p, err := pool.New(config, pool.Options{ResultFormats: ResultFormats})
	require.NoError(t, err)
	t.Cleanup(func() { p.Shutdown(context.Background()) })
	return &pooled{newEngine(t, nil), p, mode}
}

func (p *pooled) scope() *pool.Scope { return pool.NewScope(context.Background(), pool.NopObserver{}) }

func (p *pooled) exec(sql string) error {
	_, err := p.pool.Exec(p.scope(), sql, nil)
	return err
}

// value is the column v of the first row.
func (p *pooled) value(sql, list string) (string, error) {
	args, err := p.c.Args(p.values(list), p.mode, nil)
	if err != nil {
		return "", err
	}
	result, err := p.pool.Query(p.scope(), sql, args)
	if err != nil {
		return "", ExplainArgument(err)
	}
	return p.shown(p.c.FirstRow(result).ToObject(p.rt).Get("v")), nil
}

// sessionValues are values of every type whose text can depend on the session,
// and how each arrives.
var sessionValues = []struct{ typ, js, want string }{
	{"text", "'Jürgen é ☃'", `"Jürgen é ☃"`},
	{"text[]", "['é', null, 'NULL']", `["é", null, "NULL"]`},
	{"jsonb", "({ name: 'Jürgen' })", `{"name": "Jürgen"}`},
	{"timestamptz", "new Date('2024-02-01T10:00:00.250Z')", "Date 2024-02-01T10:00:00.250Z"},
	{"timestamp", "new Date('2024-02-01T10:00:00Z')", "Date 2024-02-01T10:00:00.000Z"},
	{"date", "new Date('2024-02-01')", "Date 2024-02-01T00:00:00.000Z"},
	{"date[]", "[new Date('2024-02-01')]", "[Date 2024-02-01T00:00:00.000Z]"},
	{"timestamptz[]", "[new Date('1900-06-01T12:00:00.250Z')]", "[Date 1900-06-01T12:00:00.250Z]"},
	{"bytea", "new Uint8Array([0, 39, 92, 255]).buffer", "ArrayBuffer 0 39 92 255"},
	{"bytea[]", "[new Uint8Array([92, 255]).buffer]", "[ArrayBuffer 92 255]"},
	{"float8", "0.1234567890123456", "number 0.1234567890123456"},
	{"float4", "0.1234567", "number 0.1234567"},
	{"float8[]", "[0.1234567890123456]", "[number 0.1234567890123456]"},
	{"numeric", "'1234567890.12345'", `"1234567890.12345"`},
	{"int8", "2n**62n", "bigint 4611686018427387904"},
	{"bool", "true", "boolean true"},
	{"uuid", "'01234567-89ab-cdef-0123-456789abcdef'", `"01234567-89ab-cdef-0123-456789abcdef"`},
}

// The settings that text depends on, each with a value that it may have by
// ALTER ROLE or ALTER DATABASE. Every value arrives as under any other setting,
// or the statement is refused and names the setting.
func TestValuesUnderEverySetting(t *testing.T) {
	for _, test := range []struct{ setting, value, refuses string }{
		{"client_encoding", "'LATIN1'", ""},
		{"DateStyle", "'German'", ""},
		{"DateStyle", "'SQL, DMY'", ""},
		{"IntervalStyle", "'iso_8601'", ""},
		{"TimeZone", "'Africa/Monrovia'", ""}, // -00:43:08 in 1900
		{"bytea_output", "'escape'", ""},
		{"extra_float_digits", "0", "extra_float_digits"},
		{"extra_float_digits", "-10", "extra_float_digits"},
		{"lc_monetary", "'C'", ""},
		{"quote_all_identifiers", "on", ""},
		{"xmlbinary", "'hex'", ""},
		{"backslash_quote", "off", ""},
		{"standard_conforming_strings", "off", "standard_conforming_strings"},
	} {
		t.Run(test.setting+"="+strings.Trim(test.value, "'"), func(t *testing.T) {
			database := pgtest.Database(t)
			admin := pgtest.Conn(t, database)
			u, err := url.Parse(database)
			require.NoError(t, err)
			for _, sql := range []string{
				fmt.Sprintf("ALTER DATABASE %s SET %s = %s", pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize(), test.setting, test.value),
			} {
				_, err := admin.Exec(t.Context(), sql)
				require.NoError(t, err)
			}
			requireValues(t, database, allModes, test.refuses)
			requireValues(t, pgbouncertest.Start(t, database, 1), allModes[3:], test.refuses)
		})
	}
}

func requireValues(t *testing.T, address string, modes []pgx.QueryExecMode, refuses string) {
	t.Helper()
	for _, mode := range modes {
		p := newPooled(t, address, mode)
		for _, v := range sessionValues {
			got, err := p.value("SELECT 1 AS first, $1::"+v.typ+" AS v", v.js)
			if err != nil && refuses != "" {
				require.True(t, mode == pgx.QueryExecModeSimpleProtocol || strings.HasPrefix(v.typ, "float"), "%s %s: %v", mode, v.typ, err)
				require.ErrorContains(t, err, refuses, "%s %s", mode, v.typ)
				continue
			}
			require.NoError(t, err, "%s %s", mode, v.typ)
			require.Equal(t, v.want, got, "%s %s", mode, v.typ)
		}
		if refuses == "" {
			got, err := p.value("SELECT length($1::text) AS v", "'é'")
			require.NoError(t, err)
			require.Equal(t, "number 1", got, mode)
			got, err = p.value("SELECT chr(233) AS v", "")
			require.NoError(t, err)
			require.Equal(t, `"é"`, got, mode)
		}
	}
}

// A role's settings win over the database's, and those of the startup over both.
func TestRoleWithAnotherEncoding(t *testing.T) {
	database := pgtest.Database(t)
	admin := pgtest.Conn(t, database)
	role := "encoding_" + fmt.Sprint(admin.PgConn().PID())
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN PASSWORD 'x'", "ALTER ROLE " + role + " SET client_encoding = 'LATIN1'", "ALTER ROLE " + role + " SET DateStyle = 'German'",
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "DROP ROLE "+role) })
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "x")
	requireValues(t, u.String(), allModes, "")
}

// A database in another encoding converts on its side.
func TestDatabaseInLatin1(t *testing.T) {
	admin := pgtest.Conn(t, pgtest.URL(t))
	name := "latin_" + fmt.Sprint(admin.PgConn().PID())
	_, err := admin.Exec(t.Context(), "CREATE DATABASE "+name+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(pgtest.URL(t))
	require.NoError(t, err)
	u.Path = "/" + name
	for _, mode := range allModes {
		p := newPooled(t, u.String(), mode)
		for sql, want := range map[string]string{"SELECT length($1::text) AS v": "number 1", "SELECT $1::text AS v": `"é"`, "SELECT $1 = chr(233) AS v": "boolean true"} {
			got, err := p.value(sql, "'é'")
			require.NoError(t, err)
			require.Equal(t, want, got, "%s %s", mode, sql)
		}
		p.pool.Shutdown(context.Background())
	}
}

// What a script does to its session is refused where values would be wrong, and
// is over for the next user.
func TestSettingsChangedInTheSession(t *testing.T) {
	for _, mode := range allModes {
		p := newPooled(t, pgtest.URL(t), mode)
		conn, err := p.pool.Acquire(p.scope(), nil)
		require.NoError(t, err)
		_, err = conn.Exec(p.scope(), "SET client_encoding = 'LATIN1'", nil)
		require.NoError(t, err)
		_, err = conn.Query(p.scope(), "SELECT 1", nil)
		require.ErrorContains(t, err, "client_encoding is LATIN1", mode)
		conn.Release()
		got, err := p.value("SELECT $1::text AS v", "'é'")
		require.NoError(t, err)
		require.Equal(t, `"é"`, got, mode)

		require.NoError(t, p.exec("SET DateStyle = 'German'"))
		got, err = p.value("SELECT date '2024-02-01' AS v", "")
		if typesKnown(mode) {
			require.NoError(t, err)
			require.Equal(t, "Date 2024-02-01T00:00:00.000Z", got, mode)
		} else {
			require.ErrorContains(t, err, `DateStyle is "German, DMY"`, mode)
		}
	}
}

// The server does not tell that a session changed extra_float_digits.
func TestFloatDigitsChangedInTheSession(t *testing.T) {
	const sum = "SELECT 0.1::float8 + 0.2::float8 AS v"
	for _, mode := range allModes {
		p := newPooled(t, pgtest.URL(t), mode)
		for set, digits := range map[string]string{
			"SET extra_float_digits = 0": "0", "SET SESSION EXTRA_FLOAT_DIGITS TO -3": "-3", "RESET extra_float_digits": "",
		} {
			require.NoError(t, p.exec(set))
			got, err := p.value(sum, "")
			if digits != "" && !typesKnown(mode) {
				require.ErrorContains(t, err, "session's extra_float_digits is "+digits, mode)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, "number 0.30000000000000004", got, mode)
		}
	}
}

// A search_path may put other names before the server's own: those of the types
// are read all the same.
func TestTypesUnderAnotherSearchPath(t *testing.T) {
	database := pgtest.Database(t)
	admin := pgtest.Conn(t, database)
	for _, sql := range []string{
		"CREATE SCHEMA other", "CREATE TABLE other.pg_type (a int)", "CREATE FUNCTION other.ascii(x text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
		"CREATE DOMAIN day AS date",
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	p := newPooled(t, database+"&search_path=other,pg_catalog,public", pgx.QueryExecModeCacheStatement)
	got, err := p.value("SELECT ARRAY[$1]::day[] AS v", "new Date('2024-02-01')")
	require.NoError(t, err)
	require.Equal(t, "[Date 2024-02-01T00:00:00.000Z]", got)
}

// The types of the database's own: parameters of a domain follow the rules of
// its base type, and arrays of enums and of domains arrive as arrays.
func TestDomainsAndEnums(t *testing.T) {
	database := pgtest.Database(t)
	admin := pgtest.Conn(t, database)
	for _, sql := range []string{
		"CREATE TYPE mood AS ENUM ('happy', 'sad, very')", "CREATE DOMAIN day AS date", "CREATE DOMAIN workday AS day CHECK (extract(isodow FROM VALUE) < 6)",
		"CREATE DOMAIN document AS jsonb", "CREATE DOMAIN small AS int2", "CREATE DOMAIN tags AS text[]",
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	for _, mode := range allModes {
		p := newPooled(t, database, mode)
		for _, test := range []struct{ typ, js, want string }{
			{"mood", "'happy'", `"happy"`},
			{"mood[]", "['happy', null, 'sad, very']", `["happy", null, "sad, very"]`},
			{"day", "new Date('2024-02-01')", "Date 2024-02-01T00:00:00.000Z"},
			{"workday", "new Date('2024-02-01')", "Date 2024-02-01T00:00:00.000Z"},
			{"day[]", "[new Date('2024-02-01'), null]", "[Date 2024-02-01T00:00:00.000Z, null]"},
			{"workday[]", "[new Date('2024-02-01')]", "[Date 2024-02-01T00:00:00.000Z]"},
			{"document", "({ a: [1] })", `{"a": [number 1]}`},
			{"small", "7", "number 7"},
			{"small[]", "[7, 8]", "[number 7, number 8]"},
			{"tags", "['a', 'b']", `["a", "b"]`},
		} {
			got, err := p.value("SELECT $1::"+test.typ+" AS v", test.js)
			require.NoError(t, err, "%s %s", mode, test.typ)
			require.Equal(t, test.want, got, "%s %s", mode, test.typ)
		}
		if !typesKnown(mode) {
			continue
		}
		got, err := p.value("SELECT $1::document AS v", "[1, 'x']")
		require.NoError(t, err)
		require.Equal(t, `[number 1, "x"]`, got, "an array for json is JSON")
		for _, test := range []struct{ typ, js string }{
			{"day", "new Date('2024-02-01T10:00:00Z')"}, {"workday", "new Date('2024-02-01T10:00:00Z')"}, {"day[]", "[new Date('2024-02-01T10:00:00Z')]"},
			{"small", "1.5"}, {"small", "70000"},
		} {
			_, err := p.value("SELECT $1::"+test.typ+" AS v", test.js)
			require.ErrorContains(t, err, "argument $1", "%s %s", mode, test.typ)
		}
	}
}

// A type that is made while the pool has connections is known from its first
// result on.
func TestTypesMadeMeanwhile(t *testing.T) {
	p := newPooled(t, pgtest.Database(t), pgx.QueryExecModeCacheStatement)
	require.NoError(t, p.exec("CREATE TYPE pair AS (a int, b int)"))
	got, err := p.value("SELECT ROW(1, 2)::pair AS v", "")
	require.NoError(t, err)
	require.Equal(t, `"(1,2)"`, got)
	require.NoError(t, p.exec("CREATE TYPE mood AS ENUM ('happy')"))
	for range 2 {
		got, err := p.value("SELECT ARRAY['happy']::mood[] AS v", "")
		require.NoError(t, err)
		require.Equal(t, `["happy"]`, got)
	}
}

// A statement whose description is out of date fails once, on whichever
// connection, and never gives a value that throws.
func TestColumnsThatChangeTheirType(t *testing.T) {
	for _, mode := range allModes {
		p := newPooled(t, pgtest.Database(t), mode)
		require.NoError(t, p.exec("CREATE TABLE t (v int4); INSERT INTO t VALUES (5)"))
		for range 2 {
			got, err := p.value("SELECT v FROM t", "")
			require.NoError(t, err)
			require.Equal(t, "number 5", got)
		}
		require.NoError(t, p.exec("ALTER TABLE t ALTER COLUMN v TYPE numeric"))
		var failed []error
		for range 4 {
			got, err := p.value("SELECT v FROM t", "")
			if err != nil {
				failed = append(failed, err)
				continue
			}
			require.Equal(t, `"5"`, got, mode)
		}
		if mode == pgx.QueryExecModeCacheDescribe {
			require.Len(t, failed, 1)
			require.ErrorContains(t, failed[0], `column "v" has changed`)
			require.ErrorContains(t, failed[0], "cache_describe")
		} else {
			require.LessOrEqual(t, len(failed), 1, mode)
		}
	}
}

// What query() cannot give back is an error.
func TestNothingIsLostSilently(t *testing.T) {
	for _, mode := range allModes {
		p := newPooled(t, pgtest.URL(t), mode)
		_, err := p.pool.Query(p.scope(), "COPY (SELECT 1) TO STDOUT", nil)
		require.ErrorContains(t, err, "COPY", mode)
		ran := "ran_" + strings.ReplaceAll(mode.String(), " ", "_")
		_, err = p.pool.Query(p.scope(), "SELECT 1; CREATE TABLE "+ran+" ()", nil)
		require.Error(t, err, mode)
		if mode == pgx.QueryExecModeSimpleProtocol {
			require.ErrorContains(t, err, "several statements, none of which was sent")
		}
		require.ErrorContains(t, p.exec("TABLE "+ran), "42P01", "neither has run")
		require.NoError(t, p.exec("SELECT 1; SELECT 2"))
		got, err := p.value("SELECT 3 AS v", "")
		require.NoError(t, err)
		require.Equal(t, "number 3", got, "the connection goes on")
		require.EqualValues(t, 1, p.pool.Stat().Connects, mode)
	}
}
