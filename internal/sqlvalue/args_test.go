package sqlvalue

import (
	"testing"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// What cannot be sent is named with its place, before anything is sent.
func TestArgsRefused(t *testing.T) {
	const notAValue = " is not a value for PostgreSQL; use " + accepted
	e := newEngine(t, nil)
	for _, test := range []struct{ js, message string }{
		{"1, () => 1", "argument $2: Function" + notAValue},
		{"class A {}", "argument $1: Function" + notAValue},
		{"async () => 1", "argument $1: AsyncFunction" + notAValue},
		{"Symbol('s')", "argument $1: Symbol" + notAValue},
		{"'a', 'b', new Map([[1, 2]])", "argument $3: Map" + notAValue},
		{"new Set()", "argument $1: Set" + notAValue},
		{"new WeakMap()", "argument $1: WeakMap" + notAValue},
		{"Promise.resolve(1)", "argument $1: Promise" + notAValue},
		{"/x/", "argument $1: RegExp" + notAValue},
		{"new Error('e')", "argument $1: Error" + notAValue},
		{"[1].values()", "argument $1: Array Iterator" + notAValue},
		{"[1, [new Map()]]", "argument $1: in an array: Map" + notAValue},
		{"new Date('x')", "argument $1: an Invalid Date"},
		{"'a\\0b'", "argument $1: a string with a NUL character (\\u0000), which PostgreSQL cannot store; send it as an ArrayBuffer to a bytea"},
		{"'a\\ud800'", "argument $1: a string with half a surrogate pair, which UTF-8 cannot express"},
		{"'\\udc00\\ud800'", "argument $1: a string with half a surrogate pair, which UTF-8 cannot express"},
		{"new String('\\ud800x')", "argument $1: a string with half a surrogate pair, which UTF-8 cannot express"},
		{"(() => { const a = []; a.push(a); return a })()", "argument $1: in an array: an array nested more than 100 deep, or that contains itself"},
		{"(() => { const o = {}; o.o = o; return o })()", "argument $1: an object that cannot be JSON: TypeError: Converting circular structure to JSON"},
		{"({n: 1n})", "argument $1: an object that cannot be JSON: TypeError: Do not know how to serialize a BigInt"},
		{"({toJSON() { throw new RangeError('no') }})", "argument $1: an object that cannot be JSON: RangeError: no"},
	} {
		for _, mode := range allModes {
			into, err := e.c.Args(e.values(test.js), mode, nil)
			require.EqualError(t, err, test.message)
			var argument *argumentError
			require.ErrorAs(t, err, &argument)
			require.Len(t, into, argument.position-1)
		}
	}
}

func TestArgsDetachedBuffer(t *testing.T) {
	e := newEngine(t, nil)
	buffer := e.rt.NewArrayBuffer([]byte{1})
	view, err := e.rt.New(e.js("Uint8Array"), e.rt.ToValue(buffer))
	require.NoError(t, err)
	buffer.Detach()
	for _, value := range []sobek.Value{e.rt.ToValue(buffer), view} {
		_, err := e.c.Args([]sobek.Value{value}, pgx.QueryExecModeExec, nil)
		require.EqualError(t, err, "argument $1: an ArrayBuffer that is detached")
	}
}

// Without known types everything is the text that psql would be given.
func TestArgsAsText(t *testing.T) {
	e := newEngine(t, nil)
	for _, test := range []struct {
		js   string
		want any
	}{
		{"null", nil}, {"undefined", nil}, {"true", "true"}, {"1", "1"}, {"-1.5", "-1.5"}, {"-0", "-0"}, {"1e21", "1e+21"}, {"NaN", "NaN"}, {"-Infinity", "-Infinity"}, {"1e39", "1e+39"},
		{"5n", "5"}, {"-(2n ** 64n)", "-18446744073709551616"}, {"''", ""}, {"'Grüße 🎉'", "Grüße 🎉"}, {"'\\uFFFD'", "\uFFFD"}, {"'🎉\\uFFFD'", "🎉\uFFFD"},
		{"new Date(1.5)", "1970-01-01T00:00:00.001Z"}, {"new Date(-62198755200000)", "0002-01-01T00:00:00.000Z BC"}, {"new Date(8.64e15)", "275760-09-13T00:00:00.000Z"},
		{"new ArrayBuffer(0)", `\x`}, {"new Uint8Array([10, 255])", `\x0aff`}, {"[]", "{}"}, {"[[], []]", "{}"}, {"[1, null, undefined, 'a\"\\\\']", `{"1",NULL,NULL,"a\"\\"}`},
		{"[[1, 2], [3, 4]]", `{{"1","2"},{"3","4"}}`}, {"[new Uint8Array([1]), new Date(0), {a: 1}]", `{"\\x01","1970-01-01T00:00:00.000Z","{\"a\":1}"}`},
		{"({a: [1, undefined], b: '\\ud800'})", `{"a":[1,null],"b":"\ud800"}`}, {"({toJSON() {}})", "null"}, {"Object(1)", "1"}, {"Object('s')", "s"}, {"Object(false)", "false"},
		{"new Proxy({a: 1}, {})", `{"a":1}`}, {"new (class Money { get [Symbol.toStringTag]() { return 'Money' } amount = 1 })", `{"amount":1}`},
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
			args, err := e.c.Args(e.values(test.js), mode, nil)
			require.NoError(t, err, test.js)
			require.Equal(t, []any{test.want}, args, test.js)
		}
	}
	_, err := e.c.Args(e.values("[[1], [2, 3]]"), pgx.QueryExecModeExec, nil)
	require.EqualError(t, err, "argument $1: an array with nested arrays of different lengths is not a PostgreSQL array; for json send JSON.stringify() of it")
}

// What a script does after the call changes no argument.
func TestArgsAreCopies(t *testing.T) {
	e := newEngine(t, nil)
	e.js("var bytes = new Uint8Array([1, 2]), list = [[1], [2]], o = {a: 1}, d = new Date(5)")
	args, err := e.c.Args(e.values("bytes, bytes.buffer, list, o, d"), pgx.QueryExecModeCacheStatement, nil)
	require.NoError(t, err)
	e.js("bytes[0] = 9; list[0][0] = 9; list[1][0] = 9; o.a = 9; d.setTime(9)")
	texts := make([]string, len(args))
	for i, arg := range args {
		texts[i] = textForm(arg)
	}
	require.Equal(t, []string{`\x0102`, `\x0102`, `{{"1"},{"2"}}`, `{"a":1}`, "1970-01-01T00:00:00.005Z"}, texts)
}

// Rows and what they hold can be sent back.
func TestArgsFromRows(t *testing.T) {
	e := newEngine(t, nil)
	require.NoError(t, e.rt.Set("rows", e.c.Rows(textResult(2, "a", "b"))))
	args, err := e.c.Args(e.values("rows[0], rows.map((r) => r.a), rows"), pgx.QueryExecModeExec, nil)
	require.NoError(t, err)
	require.Equal(t, []any{`{"a":"0.0","b":"0.1"}`, `{"0.0","1.0"}`, `{"{\"a\":\"0.0\",\"b\":\"0.1\"}","{\"a\":\"1.0\",\"b\":\"1.1\"}"}`}, args)
}

// What other k6 modules hand out is backed by Go.
func TestArgsBackedByGo(t *testing.T) {
	e := newEngine(t, nil)
	type response struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
	}
	for _, test := range []struct {
		value any
		want  string
	}{
		{[]byte{1, 2}, `\x0102`}, {[]any{1, "a"}, `{"1","a"}`}, {[]string{"x", "y"}, `{"x","y"}`}, {map[string]any{"k": 1}, `{"k":1}`}, {&response{Status: 200, Body: "ok"}, `{"Status":200,"Body":"ok"}`},
	} {
		args, err := e.c.Args([]sobek.Value{e.rt.ToValue(test.value)}, pgx.QueryExecModeExec, nil)
		require.NoError(t, err)
		require.Equal(t, []any{test.want}, args)
	}
}

func TestArgsAppend(t *testing.T) {
	e := newEngine(t, nil)
	scratch := make([]any, 0, 4)
	args, err := e.c.Args(e.values("1, 'a'"), pgx.QueryExecModeExec, scratch)
	require.NoError(t, err)
	require.Equal(t, []any{"1", "a"}, args)
	require.Same(t, &scratch[:1][0], &args[0], "the caller's slice is used")
	args, err = e.c.Args([]sobek.Value{nil}, pgx.QueryExecModeExec, args)
	require.NoError(t, err)
	require.Equal(t, []any{"1", "a", nil}, args)
}

func TestTypeName(t *testing.T) {
	e := newEngine(t, nil)
	for js, want := range map[string]string{
		"undefined": "undefined", "null": "null", "1": "number", "'s'": "string", "true": "boolean", "1n": "BigInt", "Symbol()": "Symbol", "({})": "Object", "[]": "Array",
		"new Date()": "Date", "new Map()": "Map", "() => 1": "Function", "new ArrayBuffer(1)": "ArrayBuffer", "new Uint8Array(1)": "Uint8Array", "/x/": "RegExp",
	} {
		require.Equal(t, want, TypeName(e.values(js)[0]), js)
	}
}

// Any text comes back as it went, in every mode.
func FuzzArgsText(f *testing.F) {
	for _, seed := range []string{"", "'", `\`, "a\"b", "{}", "NULL", "é🎉", "$1", "--", "/*", "\\x00", "E'", "\r\n", "\uFFFD"} {
		f.Add(seed)
	}
	e := newEngine(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		e.t = t
		args, err := e.c.Args([]sobek.Value{e.rt.ToValue(text), e.rt.NewArray(text, nil, text)}, pgx.QueryExecModeExec, nil)
		if err != nil {
			return
		}
		require.Equal(t, text, args[0])
		back, err := decodeArrayOf(decodeString, ',')(e.c, []byte(args[1].(string)))
		require.NoError(t, err)
		require.Equal(t, []any{text, nil, text}, back.Export())
	})
}
