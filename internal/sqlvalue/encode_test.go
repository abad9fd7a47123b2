package sqlvalue

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

var userTypes = []string{
	"CREATE TYPE mood AS ENUM ('happy', 'sad')",
	"CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)",
	"CREATE DOMAIN amount AS numeric",
	"CREATE DOMAIN flag AS bool",
	"CREATE DOMAIN moment AS timestamptz",
	"CREATE DOMAIN blob AS bytea",
	"CREATE DOMAIN doc AS jsonb",
	"CREATE DOMAIN tags AS text[]",
}

func TestArraysRoundTrip(t *testing.T) {
	values := map[string][]string{
		"int2[]":        {"[1, null, -3]", "[]", "[[1, 2], [3, null]]"},
		"int4[]":        {"[1, 2, 3]", "[null]", "[[[1], [2]], [[3], [4]]]"},
		"int8[]":        {"[1, 9007199254740992n, null]"},
		"float4[]":      {"[0.1, NaN, -Infinity, null]"},
		"float8[]":      {"[0.1, 5e-324, Infinity, -0]"},
		"numeric[]":     {"['1.10', null]"},
		"bool[]":        {"[true, false, null]"},
		"text[]":        {"['', 'a', 'NULL', null, 'a,b', '{}', '\"', '\\\\', ' ', 'é', '\\n']", "[['a', 'b'], ['c', 'd']]", "[]"},
		"varchar[]":     {"['x']"},
		"uuid[]":        {"['01234567-89ab-cdef-0123-456789abcdef', null]"},
		"timestamptz[]": {"[new Date(1), Infinity, null]"},
		"timestamp[]":   {"[new Date(-1), -Infinity]", "[new Date(1.5e12), '2000-01-01T00:00:00Z'].slice(0, 1)"},
		"date[]":        {"[new Date('2024-02-29')]"},
		"jsonb[]":       {"[{a: [1]}, {b: null}, null]"},
		"json[]":        {"[{a: '<'}]"},
		"bytea[]":       {"[new Uint8Array([0, 255, 92, 34]).buffer, new ArrayBuffer(0), null]"},
		"inet[]":        {"['10.0.0.1']"},
		"interval[]":    {"['01:00:00']"},
		"timetz[]":      {"['12:00:00+00']"},
		"money[]":       {"['$1.00']"},
		"int4range[]":   {"['[1,2)', 'empty']"},
	}
	eachMode(t, func(t *testing.T, e *engine, mode pgx.QueryExecMode) {
		for typ, list := range values {
			for _, js := range list {
				want := e.shown(e.values(js)[0])
				got, err := e.value(mode, "SELECT 1 AS first, $1::"+typ+" AS v", js)
				require.NoError(t, err, "%s %s", typ, js)
				require.Equal(t, want, got, "%s %s", typ, js)
			}
		}
	})
}

// What the server makes of an argument, seen as text.
func TestEncoding(t *testing.T) {
	e := userTypesEngine(t)
	for _, test := range []struct{ typ, js, want string }{
		// Numbers, BigInts and strings for each other.
		{"int4", "'42'", "42"}, {"int8", "42n", "42"}, {"int2", "new Number(3)", "3"}, {"numeric", "0.1", "0.1"},
		{"numeric", "1e21", "1000000000000000000000"}, {"numeric", "1e-7", "0.0000001"}, {"numeric", "123n", "123"},
		{"numeric", "2n**100n", "1267650600228229401496703205376"}, {"numeric", "NaN", "NaN"}, {"numeric", "-Infinity", "-Infinity"},
		{"numeric(4,1)", "1.25", "1.3"}, {"float8", "2n**70n", "1.1805916207174113e+21"}, {"float4", "16777217", "1.6777216e+07"},
		{"float8", "1e39", "1e+39"}, {"numeric", "1e39", "1" + strings.Repeat("0", 39)}, {"oid", "7", "7"}, {"int8", "-0", "0"},
		{"float8[]", "[1, 1e39, '2']", "{1,1e+39,2}"}, {"int4[]", "['1', 2, 3n]", "{1,2,3}"}, {"numeric[]", "[1, 0.5, 2n**65n]", "{1,0.5,36893488147419103232}"},
		// A text parameter takes the text form.
		{"text", "5", "5"}, {"text", "1.5", "1.5"}, {"text", "-0", "-0"}, {"text", "true", "true"}, {"text", "10n", "10"}, {"text", "1e21", "1e+21"},
		{"text", "new Date(0)", "1970-01-01T00:00:00.000Z"}, {"text", "new String('s')", "s"}, {"text", "[1, 'a b', null]", `{"1","a b",NULL}`},
		{"text", "({a: 1})", `{"a":1}`}, {"text[]", "[1, true, 'x', new Date(0)]", `{1,true,x,1970-01-01T00:00:00.000Z}`},
		{"varchar", "7", "7"}, {"bool", "new Boolean(false)", "false"},
		// Dates.
		{"timestamptz", "'2024-01-01 00:00:00+02'", "2023-12-31 22:00:00+00"}, {"timestamptz", "new Date('2024-01-01T00:00:00.5Z')", "2024-01-01 00:00:00.5+00"},
		// Bytes, through every view.
		{"bytea", "new Uint8Array([1, 2, 3, 4]).subarray(1, 3)", `\x0203`}, {"bytea", "new Uint16Array([258])", `\x0201`},
		{"bytea", "new DataView(new Uint8Array([1, 2, 3]).buffer, 1)", `\x0203`}, {"bytea", "new Uint8Array(0)", `\x`}, {"bytea", "'\\\\x4142'", `\x4142`},
		// JSON.
		{"jsonb", "'{\"a\": 1}'", `{"a": 1}`}, {"json", "'[1,  2]'", "[1,  2]"}, {"json", "({a: undefined, d: new Date(0), t: {toJSON() { return '<' }}})", `{"d":"1970-01-01T00:00:00.000Z","t":"<"}`},
		{"jsonb", "9007199254740993n", "9007199254740993"}, {"json", "Object.create({inherited: 1})", "{}"}, {"jsonb", "new (class Point { x = 1 })", `{"x": 1}`},
		{"jsonb[]", "['1', '{}', 2]", `{1,"{}",2}`}, {"doc", "({a: [1]})", `{"a": [1]}`},
		// Types that pgx does not know.
		{"mood[]", "['happy', null, 'sad']", "{happy,NULL,sad}"}, {"positive", "3", "3"}, {"positive", "3n", "3"}, {"amount", "1.5", "1.5"}, {"amount", "2n**70n", "1180591620717411303424"},
		{"flag", "true", "true"}, {"moment", "new Date(0)", "1970-01-01 00:00:00+00"}, {"tags", "['a', 'b']", "{a,b}"}, {"doc", "1", "1"},
	} {
		t.Run(test.typ+" "+test.js, func(t *testing.T) {
			for _, mode := range allModes {
				got, err := e.value(mode, "SELECT ($1::"+test.typ+")::text AS v", test.js)
				require.NoError(t, err, mode)
				require.Equal(t, `"`+strings.ReplaceAll(strings.ReplaceAll(test.want, `\`, `\\`), `"`, `\"`)+`"`, got, mode)
			}
		})
	}
}

// An array for json is JSON where the parameter's type is known.
func TestArrayForJSON(t *testing.T) {
	e := userTypesEngine(t)
	for _, test := range []struct{ js, want string }{
		{"[]", "[]"}, {"[1, 'a', null, undefined, true]", `[1, "a", null, null, true]`}, {"[[1, 2], [3]]", "[[1, 2], [3]]"}, {"[[]]", "[[]]"},
		{"[{a: [1]}, [{b: '<&>'}]]", `[{"a": [1]}, [{"b": "<&>"}]]`}, {"[NaN, Infinity, 1.5, 1e21]", "[null, null, 1.5, 1000000000000000000000]"},
		{"[new Date(0), new Date('-000001-01-01T00:00:00Z'), new Date(8.64e15)]", `["1970-01-01T00:00:00.000Z", "-000001-01-01T00:00:00.000Z", "+275760-09-13T00:00:00.000Z"]`},
		{"[2n**70n]", "[1180591620717411303424]"}, {"[1, , 3]", "[1, null, 3]"}, {"[['a'], 'b']", `[["a"], "b"]`},
	} {
		for _, mode := range allModes {
			got, err := e.value(mode, "SELECT ($1::jsonb)::text AS v", test.js)
			if !typesKnown(mode) {
				continue
			}
			require.NoError(t, err, test.js)
			require.Equal(t, e.shown(e.rt.ToValue(test.want)), got, test.js)
		}
	}
}

// misfits are values that their parameter cannot hold without being changed.
var misfits = []struct{ typ, js, message string }{
	{"int4", "1.5", "argument $1: 1.5 does not fit int4"},
	{"int2", "32768", "argument $1: 32768 does not fit int2"},
	{"int4", "-2147483649", "argument $1: -2147483649 does not fit int4"},
	{"int4", "2n**31n", "argument $1: 2147483648 does not fit int4"},
	{"int8", "2n**63n", "argument $1: 9223372036854775808 does not fit int8"},
	{"int8", "9223372036854775808", "argument $1: 9223372036854775808 does not fit int8"},
	{"int8", "NaN", "argument $1: NaN does not fit int8"},
	{"int4", "Infinity", "argument $1: Infinity does not fit int4"},
	{"int4", "true", "argument $1: true does not fit int4"},
	{"int4", "new Date(0)", "argument $1: 1970-01-01T00:00:00.000Z does not fit int4"},
	{"int4", "[1]", "argument $1: an array does not fit int4"},
	{"int4", "({a: 1})", "argument $1: an object does not fit int4"},
	{"int4", "new ArrayBuffer(3)", "argument $1: an ArrayBuffer with byteLength 3 does not fit int4"},
	{"int4", "'x'", `invalid input syntax for type integer: "x"`},
	{"int4[]", "[1, 2.5]", "argument $1: 2.5 does not fit int4[]"},
	{"int4[]", "[1, 3e9]", "argument $1: 3000000000 does not fit int4[]"},
	{"int4[]", "[1, true]", "argument $1: an element of the array does not fit int4[]"},
	{"int4[]", "1", `malformed array literal: "1"`},
	{"int4[]", "({a: 1})", "argument $1: an object does not fit int4[]"},
	{"int4[]", "[[1, 2], [3]]", "an array with nested arrays of different lengths"},
	{"int4[]", "[[1, 2], 3]", "an array with nested arrays of different lengths"},
	{"int4[]", "[[1, 2], null]", "an array with nested arrays of different lengths"},
	{"float4", "1e39", "out of range for type real"},
	{"float4", "1e-60", "out of range for type real"},
	{"float8", "true", "argument $1: true does not fit float8"},
	{"numeric", "({a: 1})", "argument $1: an object does not fit numeric"},
	{"bool", "new Date(0)", "argument $1: 1970-01-01T00:00:00.000Z does not fit bool"},
	{"date", "new Date('2024-01-01T00:00:00.001Z')", ""},
	{"timestamptz", "true", "argument $1: true does not fit timestamptz"},
	{"timestamptz", "NaN", "argument $1: NaN does not fit timestamptz"},
	{"uuid", "({})", "argument $1: an object does not fit uuid"},
	{"uuid", "new ArrayBuffer(16)", "argument $1: an ArrayBuffer with byteLength 16 does not fit uuid"},
	{"json", "NaN", "argument $1: NaN does not fit json"},
	{"json", "new ArrayBuffer(1)", "argument $1: an ArrayBuffer with byteLength 1 does not fit json"},
	{"mood", "'angry'", `invalid input value for enum mood: "angry"`},
}

// knownMisfits are found only where the parameters' types are known: as text
// PostgreSQL takes these.
var knownMisfits = []struct{ typ, js, message string }{
	{"bool", "1", "argument $1: 1 does not fit bool"},
	{"bool", "0.5", "argument $1: 0.5 does not fit bool"},
	{"bytea", "5", "argument $1: 5 does not fit bytea"},
	{"bytea", "({})", "argument $1: an object does not fit bytea"},
	{"bytea", "[1]", "argument $1: an array does not fit bytea"},
	{"bytea", "1e39", "argument $1: 1e+39 does not fit bytea"},
	{"timestamptz", "20240101", "argument $1: 20240101 does not fit timestamptz"},
	{"timestamp", "20240101", "argument $1: 20240101 does not fit timestamp"},
	{"date", "20240101", "argument $1: 20240101 does not fit date"},
	{"date", "new Date(1)", "argument $1: 1970-01-01T00:00:00.001Z does not fit date"},
	{"time", "new Date(0)", "argument $1: 1970-01-01T00:00:00.000Z does not fit time"},
	{"interval", "5", "argument $1: 5 does not fit interval"},
	{"cidr", "10", "argument $1: 10 does not fit cidr"},
	{"bit(3)", "101", "argument $1: 101 does not fit bit"},
	{"text", "new ArrayBuffer(1)", "argument $1: an ArrayBuffer with byteLength 1 does not fit text"},
	{"float8", "2n**53n + 1n", "argument $1: 9007199254740993 does not fit float8"},
	{"xml", "5", "argument $1: 5 does not fit xml"},
	{"blob", "new ArrayBuffer(1)", "cast the parameter to a built-in type, as in $1::bytea::mytype"},
}

func TestFit(t *testing.T) {
	e := userTypesEngine(t)
	for _, mode := range allModes {
		for _, test := range misfits {
			_, err := e.value(mode, "SELECT $1::"+test.typ+" AS v", test.js)
			if test.typ == "date" && !typesKnown(mode) {
				continue // PostgreSQL takes the day of it
			}
			require.Error(t, err, "%s %s %s", mode, test.typ, test.js)
			if typesKnown(mode) {
				require.ErrorContains(t, err, test.message, "%s %s", test.typ, test.js)
			}
			requireUnderstandable(t, err)
		}
		for _, test := range knownMisfits {
			if !typesKnown(mode) {
				continue
			}
			_, err := e.value(mode, "SELECT $1::"+test.typ+" AS v", test.js)
			require.ErrorContains(t, err, test.message, "%s %s %s", mode, test.typ, test.js)
			requireUnderstandable(t, err)
		}
	}
}

// requireUnderstandable accepts the server's errors and one line of ours.
func requireUnderstandable(t *testing.T, err error) {
	t.Helper()
	var fromServer *pgconn.PgError
	if errors.As(err, &fromServer) {
		return
	}
	var argument *argumentError
	require.ErrorAs(t, err, &argument)
	require.Equal(t, 1, argument.position)
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "Go")
	require.NotContains(t, err.Error(), "plan")
}

// The position counts from 1, as in the statement.
func TestFitNamesThePosition(t *testing.T) {
	e := userTypesEngine(t)
	_, err := e.query(pgx.QueryExecModeCacheStatement, "SELECT $1::int4, $2::text, $3::int4", "1, 'x', 2.5")
	require.EqualError(t, err, "argument $3: 2.5 does not fit int4")
}

func TestExplainArgumentLeavesOtherErrors(t *testing.T) {
	other := errors.New("failed to encode nothing")
	require.Same(t, other, ExplainArgument(other))
	require.NoError(t, ExplainArgument(nil))
	server := &pgconn.PgError{Message: "failed to encode args[0]: unable to encode 1 into text format for int4 (OID 23)"}
	require.Same(t, error(server), ExplainArgument(server))
}

// A wrong number of arguments is said in the statement's terms.
func TestArgumentCount(t *testing.T) {
	e := userTypesEngine(t)
	for _, mode := range allModes {
		for _, test := range []struct{ sql, js, known, simple string }{
			{"SELECT $1::int4, $2::int4", "1", "the statement has 2 parameters, the call gives it 1 argument", "the statement has more parameters than the call gives it arguments"},
			{"SELECT $1::int4", "1, 2", "the statement has 1 parameter, the call gives it 2 arguments", "argument $2: the statement has no such parameter"},
		} {
			_, err := e.query(mode, test.sql, test.js)
			switch mode {
			case pgx.QueryExecModeExec:
				require.ErrorContains(t, err, "SQLSTATE 08P01")
			case pgx.QueryExecModeSimpleProtocol:
				require.EqualError(t, err, test.simple)
			default:
				require.EqualError(t, err, test.known)
			}
		}
	}
}
