package sqlvalue

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

var allModes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

func typesKnown(mode pgx.QueryExecMode) bool {
	return mode != pgx.QueryExecModeExec && mode != pgx.QueryExecModeSimpleProtocol
}

// show writes a value with its type, so that 1, "1", 1n and [1] differ.
const show = `(function show(v) {
	if (v === null) return 'null';
	if (v instanceof Date) { // the runtime does not pad years before 0
		if (isNaN(v)) return 'Date invalid';
		const year = v.getUTCFullYear(), iso = v.toISOString();
		return 'Date ' + (year < 0 ? '-' + String(-year).padStart(6, '0') + iso.slice(iso.indexOf('-', 1)) : iso);
	}
	if (v instanceof ArrayBuffer) return 'ArrayBuffer ' + Array.from(new Uint8Array(v)).join(' ');
	if (Array.isArray(v)) return '[' + Array.from(v).map(show).join(', ') + ']';
	if (Object.is(v, -0)) return 'number -0';
	if (typeof v === 'object') return '{' + Object.keys(v).map((k) => JSON.stringify(k) + ': ' + show(v[k])).join(', ') + '}';
	if (typeof v === 'string') return JSON.stringify(v);
	return typeof v + ' ' + String(v);
})`

// engine is one converter with a connection behind it.
type engine struct {
	t    testing.TB
	rt   *sobek.Runtime
	c    *Converter
	conn *pgx.Conn
	show sobek.Callable
}

func newEngine(t testing.TB, conn *pgx.Conn) *engine {
	rt := sobek.New()
	e := &engine{t: t, rt: rt, c: New(rt), conn: conn}
	var ok bool
	e.show, ok = sobek.AssertFunction(e.js(show))
	require.True(t, ok)
	return e
}

func (e *engine) js(source string) sobek.Value {
	value, err := e.rt.RunString(source)
	require.NoError(e.t, err, source)
	return value
}

func (e *engine) shown(value sobek.Value) string {
	text, err := e.show(sobek.Undefined(), value)
	require.NoError(e.t, err)
	return text.String()
}

// values evaluates a list of JavaScript expressions.
func (e *engine) values(list string) []sobek.Value {
	array := e.js("[" + list + "]").ToObject(e.rt)
	values := make([]sobek.Value, array.Get("length").ToInteger())
	for i := range values {
		values[i] = array.Get(fmt.Sprint(i))
	}
	return values
}

// query runs one statement with JavaScript arguments, as the pool does.
func (e *engine) query(mode pgx.QueryExecMode, sql, list string) (*pool.Result, error) {
	args, err := e.c.Args(e.values(list), mode, []any{mode, ResultFormats})
	if err != nil {
		return nil, err
	}
	rows, err := e.conn.Query(context.Background(), sql, args...)
	if err != nil {
		return nil, ExplainArgument(err)
	}
	defer rows.Close()
	shape := &pool.Shape{}
	for _, f := range rows.FieldDescriptions() {
		shape.Columns = append(shape.Columns, pool.Column{Name: f.Name, OID: f.DataTypeOID, Format: f.Format})
	}
	var values [][]byte
	for rows.Next() {
		for _, v := range rows.RawValues() {
			if v != nil {
				v = append([]byte{}, v...)
			}
			values = append(values, v)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, ExplainArgument(err)
	}
	return pool.NewResult(shape, pgconn.CommandTag{}, values...), nil
}

// value runs a statement and shows the column v of its first row.
func (e *engine) value(mode pgx.QueryExecMode, sql, list string) (string, error) {
	result, err := e.query(mode, sql, list)
	if err != nil {
		return "", err
	}
	return e.shown(e.c.FirstRow(result).ToObject(e.rt).Get("v")), nil
}

// eachMode runs a test in every queryExecMode, with a database of its own.
func eachMode(t *testing.T, test func(t *testing.T, e *engine, mode pgx.QueryExecMode), setup ...string) {
	t.Helper()
	conn := ownConn(t, setup)
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) { test(t, newEngine(t, conn), mode) })
	}
}

// A value goes to the server and comes back the same in every mode.
func TestRoundTrip(t *testing.T) {
	values := map[string][]string{
		"int2":        {"0", "-1", "32767", "-32768", "null", "undefined", "-0"},
		"int4":        {"1", "-2147483648", "2147483647", "1e9", "5n"},
		"int8":        {"1", "2**53-1", "-(2**53-1)", "9007199254740992n", "-9007199254740992n", "9223372036854775807n", "-9223372036854775808n", "1e17"},
		"float4":      {"1.5", "0.1", "-0", "NaN", "Infinity", "-Infinity", "3.4e38", "1e-37", "16777216"},
		"float8":      {"0.1", "-0", "1e308", "5e-324", "NaN", "Infinity", "-Infinity", "2**53", "1/3", "1e21", "123456789.125", "2n**60n", "1e-300"},
		"numeric":     {"'123456789012345678901234567890.123456789'", "'NaN'", "'0.10'", "'Infinity'"},
		"bool":        {"true", "false"},
		"text":        {"''", "'x'", "'Grüße 🎉 \\t\\n\\r'", "\"it's\"", "'a\\\\b\"c'", "'NULL'", "'{1,2}'", "'\\uFFFD'", "'\\\\x41'", "'--'", "'$1'"},
		"varchar(5)":  {"'hello'"},
		"char(3)":     {"'abc'"},
		"name":        {"'n'"},
		"\"char\"":    {"'c'"},
		"xml":         {"'<a>1</a>'"},
		"uuid":        {"'01234567-89ab-cdef-0123-456789abcdef'"},
		"timestamptz": {"new Date('2024-02-29T23:59:59.999Z')", "new Date(0)", "new Date(-1)", "new Date('0001-01-01T00:00:00Z')", "new Date('-000043-03-15T12:00:00Z')", "new Date('0000-06-01T00:00:00Z')", "new Date(8.64e15)", "Infinity", "-Infinity"},
		"timestamp":   {"new Date('2024-02-29T23:59:59.999Z')", "new Date(-1)", "new Date('-004000-01-01T00:00:00Z')", "new Date(8.64e15)", "Infinity", "-Infinity"},
		"date":        {"new Date('2024-02-29')", "new Date('1969-12-31')", "new Date('-000043-03-15')", "new Date(8.64e15)", "Infinity", "-Infinity"},
		"json":        {"({a: [1, null, 'x'], b: {c: true}})", "1.5", "true", "({'<&>': '\\u2028 ü'})", "({__proto__: null, a: 1})", "-0"},
		"jsonb":       {"({a: 1, b: [1, 2.5, {c: null}]})", "false", "1e21"},
		"bytea":       {"new Uint8Array([0, 1, 92, 255, 39]).buffer", "new ArrayBuffer(0)"},
		"interval":    {"'1 mon 02:03:04'"},
		"inet":        {"'10.0.0.1'"},
		"time":        {"'12:30:00'"},
		"timetz":      {"'12:30:00+00'"},
		"money":       {"'$1.50'"},
		"int4range":   {"'[1,5)'"},
		"point":       {"'(1,2)'"},
		"oid":         {"'5'"},
		"mood":        {"'happy'"},
		"positive":    {"7", "null"},
		"short":       {"'abc'"},
		"pair":        {"'(1,\"a b\")'"},
		"bit(3)":      {"'101'"},
		"macaddr":     {"'08:00:2b:01:02:03'"},
		"tsvector":    {"\"'a' 'b'\""},
	}
	eachMode(t, func(t *testing.T, e *engine, mode pgx.QueryExecMode) {
		for typ, list := range values {
			for _, js := range list {
				want := e.shown(e.values(js)[0])
				switch {
				case js == "undefined":
					want = "null"
				case strings.HasSuffix(js, "n") && e.shown(e.js("Number.isSafeInteger(Number("+js+"))")) == "boolean true":
					want = e.shown(e.js("Number(" + js + ")"))
				case js == "-0" && (typ == "int2" || typ == "jsonb"):
					want = "number 0"
				case js == "2n**60n":
					want = "number 1152921504606847000"
				case js == "1e17":
					want = "bigint 100000000000000000"
				}
				got, err := e.value(mode, "SELECT 1 AS first, $1::"+typ+" AS v", js)
				require.NoError(t, err, "%s %s", typ, js)
				require.Equal(t, want, got, "%s %s", typ, js)
			}
		}
	}, "CREATE TYPE mood AS ENUM ('happy', 'sad')", "CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)",
		"CREATE DOMAIN short AS varchar(3)", "CREATE TYPE pair AS (n int, s text)")
}

// A number beyond the safe integers is stored with the digits that it has, not
// with the zeros in which JavaScript writes it.
func TestLargeNumbersKeepTheirDigits(t *testing.T) {
	eachMode(t, func(t *testing.T, e *engine, mode pgx.QueryExecMode) {
		for _, test := range []struct{ typ, js, want string }{
			{"int8", "2**60", "bigint 1152921504606846976"},
			{"int8", "-(2**62)", "bigint -4611686018427387904"},
			{"numeric", "2**60", `"1152921504606846976"`},
			{"numeric", "2**69", `"590295810358705651712"`},
			{"text", "2**60", `"1152921504606846976"`},
			{"float8", "2**60", "number 1152921504606847000"},
		} {
			got, err := e.value(mode, "SELECT $1::"+test.typ+" AS v", test.js)
			require.NoError(t, err, "%s %s", test.typ, test.js)
			require.Equal(t, test.want, got, "%s %s", test.typ, test.js)
		}
	})
}

// ownConn has a database of its own and the settings that the tests' texts are
// written for.
func ownConn(t *testing.T, setup []string) *pgx.Conn {
	t.Helper()
	conn := pgtest.Conn(t, pgtest.Database(t))
	settings := []string{"SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET IntervalStyle = 'postgres'", "SET lc_monetary = 'C'", "SET bytea_output = 'hex'"}
	for _, sql := range append(settings, setup...) {
		_, err := conn.Exec(context.Background(), sql)
		require.NoError(t, err)
	}
	return conn
}

// userTypesEngine has userTypes in its database.
func userTypesEngine(t *testing.T) *engine {
	t.Helper()
	return newEngine(t, ownConn(t, userTypes))
}
