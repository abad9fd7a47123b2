package sqlvalue

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// textResult is a result of text columns named after columns.
func textResult(rows int, columns ...string) *pool.Result {
	shape := &pool.Shape{}
	for _, name := range columns {
		shape.Columns = append(shape.Columns, pool.Column{Name: name, OID: pgtype.TextOID, Format: pgx.TextFormatCode})
	}
	var values [][]byte
	for row := range rows {
		for column := range columns {
			values = append(values, []byte(strconv.Itoa(row)+"."+strconv.Itoa(column)))
		}
	}
	return pool.NewResult(shape, pgconn.CommandTag{}, values...)
}

// Scripts use rows as the array it seems to be. Each body runs once on rows and
// once on an ordinary array of the same objects.
func TestRowsBehaveAsAnArray(t *testing.T) {
	bodies := []string{
		"return rows", "return rows.length", "return rows[0].a", "return rows[2]", "return rows[3]", "return rows[-1]", "return rows['1'].b", "return rows.at(-1).a",
		"return Array.isArray(rows)", "return rows instanceof Array", "return Object.prototype.toString.call(rows)", "return typeof rows", "return rows[0] === rows[0]",
		"return 0 in rows", "return 3 in rows", "return 'length' in rows", "return rows.hasOwnProperty(1)", "return rows.hasOwnProperty(5)", "return Object.keys(rows)",
		"return Object.getOwnPropertyNames(rows)", "return Object.values(rows)", "return Object.entries(rows)", "const keys = []; for (const i in rows) keys.push(i); return keys",
		"const seen = []; for (const row of rows) seen.push(row.a); return seen", "return [...rows]", "return Array.from(rows, (r) => r.b)", "const [x, , y, z] = rows; return [x, y, z]", "return Math.max(...rows.map((r) => +r.a))",
		"return rows.map((r) => r.a)", "return rows.filter((r) => r.a > '0')", "return rows.reduce((sum, r) => sum + r.a, '')", "return rows.reduceRight((sum, r) => sum + r.a, '')", "return rows.find((r) => r.a === '1.0')", "return rows.findLast((r) => r.a)",
		"return rows.findIndex((r) => r.a === '2.0')", "return rows.some((r) => r.a)", "return rows.every((r) => !r.a)", "let n = 0; rows.forEach((r, i, all) => { n += all.length }); return n", "return rows.flatMap((r) => [r.a, r.b])", "return rows.includes(rows[1])",
		"return rows.indexOf(rows[2])", "return rows.lastIndexOf(rows[2])", "return rows.indexOf({})", "return rows.join()", "return String(rows)", "return rows.slice(1)", "return rows.slice(-2, -1)", "return rows.concat([1], rows)", "return [].concat(rows)", "return [rows].flat()",
		"return rows.entries().next().value", "return [...rows.keys()]", "return [...rows.values()]", "return JSON.stringify(rows)", "return JSON.stringify({rows}, null, 2)", "return Object.assign([], rows)", "return {...rows}", "return rows.toString()",
		"rows[0].a = 'changed'; return rows", "rows[1] = 'x'; return rows", "rows.push({c: 1}, 2); return rows", "return rows.pop()", "return [rows.shift(), rows]", "return [rows.unshift('new'), rows]", "return [rows.splice(1, 1), rows]", "return [rows.splice(0, 2, 'p', 'q', 'r'), rows]",
		"return rows.reverse()", "return rows.sort((x, y) => x.a < y.a ? 1 : -1)", "rows.length = 1; return rows", "rows.length = 0; rows.push(1); return rows", "rows.length = 0; return [rows, rows[0]]", "rows.fill(7, 1); return rows", "rows.copyWithin(0, 1); return rows",
		"rows[3] = 'next'; return rows", "rows.length = 2; rows.length = 3; return rows[2]", "rows[0] = rows[1]; rows[1].a = 'both'; return rows", "rows[rows.length] = rows[0]; return rows[3] === rows[0]", "[rows[0], rows[1]] = [rows[1], rows[0]]; return rows",
		"return structuredCopy(rows)", "rows.splice(0, 1); rows.sort(); return rows", "rows.pop(); rows.pop(); rows.pop(); return [rows.pop(), rows]",
		"'use strict'; try { rows.length = -1 } catch { return 'thrown' }", "return Reflect.ownKeys(rows)", "const {length, 0: first} = rows; return [length, first]", "return rows.with ? 'with' : 'none'",
	}
	e := newEngine(t, nil)
	for _, body := range bodies {
		e.requireAlike("rows", body, e.c.Rows(textResult(3, "a", "b")), `[{a: '0.0', b: '0.1'}, {a: '1.0', b: '1.1'}, {a: '2.0', b: '2.1'}]`)
	}
}

// requireAlike runs a function body on a lazy value and on an ordinary one,
// and compares what it returns and what becomes of the two.
func (e *engine) requireAlike(parameter, body string, lazy sobek.Value, ordinary string) {
	e.js("var structuredCopy = (v) => JSON.parse(JSON.stringify(v))")
	call, ok := sobek.AssertFunction(e.js("(function (" + parameter + ") {'use strict'; " + body + "})"))
	require.True(e.t, ok)
	plain := e.js("(" + ordinary + ")")
	want, err := call(sobek.Undefined(), plain)
	require.NoError(e.t, err, body)
	got, err := call(sobek.Undefined(), lazy)
	require.NoError(e.t, err, body)
	require.Equal(e.t, e.shown(want), e.shown(got), body)
	require.Equal(e.t, e.shown(plain), e.shown(lazy), "afterwards: %s", body)
}

// A row is the object it seems to be.
func TestRowBehavesAsAnObject(t *testing.T) {
	bodies := []string{
		"return row", "return row.a", "return row.none", "return row['b']", "return row[1]", "return typeof row", "return Object.keys(row)", "return Object.values(row)", "return Object.entries(row)", "return Object.getOwnPropertyNames(row)", "return Reflect.ownKeys(row)",
		"const keys = []; for (const key in row) keys.push(key); return keys", "const {a, ...rest} = row; return [a, rest]", "return {...row, a: 2}", "return Object.assign({}, row)", "return Object.assign(row, {a: 1, z: 2})", "return JSON.stringify(row)", "return JSON.stringify(row, ['b'])",
		"return 'a' in row", "return 'none' in row", "return 'toString' in row", "return row.hasOwnProperty('a')", "return Object.hasOwn ? Object.hasOwn(row, 'toString') : false", "return row.propertyIsEnumerable('a')", "return row.toString()", "return String(row)", "return Object.prototype.toString.call(row)",
		"return row.constructor === Object", "return row instanceof Object", "return Object.getPrototypeOf(row) === Object.prototype", "return Array.isArray(row)", "return row === row", "return row == {}", "return !!row", "return Object.isExtensible(row)", "return Object.isFrozen(row)",
		"return Object.getOwnPropertyDescriptor(row, 'a').value", "return Object.fromEntries(Object.entries(row))", "return new Map(Object.entries(row)).get('b')",
		"row.a = 'changed'; return row", "row.new = 1; return row", "row[3] = 1; row[2] = 2; return row", "row.a = undefined; return Object.keys(row)", "delete row.a; return row", "return delete row.none", "delete row.a; row.a = 'again'; return row", "delete row.a; return row.a", "row.x = 1; delete row.x; return row",
		"row.x = 1; row.a = 2; delete row.b; return [row.x, row.a, row.b, row.c, 'b' in row, Object.keys(row)]", "for (const key in row) delete row[key]; return row", "for (const key in row) { row[key + key] = 1; if (key.length > 3) break } return row", "row.a += row.b; return row.a", "row.self = row; const same = row.self.self === row; delete row.self; return same",
		"Object.defineProperty(row, 'd', {value: 1, writable: true, enumerable: true, configurable: true}); return row", "return Reflect.set(row, 'a', 5) && row.a", "return Reflect.deleteProperty(row, 'a') && row", "return structuredCopy(row)", "return [row].map(({a}) => a)", "return row?.a ?? 'none'",
		"const child = Object.create(row); child.own = 1; child.a = 'mine'; return [child.a, child.b, row.a, Object.keys(child)]", "class Row { constructor(r) { Object.assign(this, r) } }; return new Row(row).c", "return Object.setPrototypeOf(row, {inherited: 1}).inherited", "row.toString = () => 'own'; return String(row)",
	}
	e := newEngine(t, nil)
	for _, body := range bodies {
		e.requireAlike("row", body, e.c.FirstRow(textResult(1, "a", "b", "c")), `{a: '0.0', b: '0.1', c: '0.2'}`)
	}
	wide := []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "10"}
	for _, body := range []string{"return row", "return row.c9", "return row[10]", "return row.none", "row.c5 = 1; return row", "delete row.c5; return row"} {
		e.requireAlike("row", body, e.c.FirstRow(textResult(1, wide...)),
			`{c1: '0.0', c2: '0.1', c3: '0.2', c4: '0.3', c5: '0.4', c6: '0.5', c7: '0.6', c8: '0.7', c9: '0.8', 10: '0.9'}`)
	}
}

// A row is an ordinary object, so that the modules of k6 take it for one.
func TestARowIsAnOrdinaryObject(t *testing.T) {
	e := newEngine(t, nil)
	row := e.c.FirstRow(textResult(1, "a", "b"))
	require.Equal(t, map[string]any{"a": "0.0", "b": "0.1"}, row.Export())
	require.NoError(t, e.rt.Set("row", row))
	for _, source := range []string{
		"Object.isFrozen(Object.freeze(row))", "row instanceof Object", "Object.getOwnPropertyDescriptor(row, 'a').writable === false",
		"'a' in row && !('c' in row)",
	} {
		require.Equal(t, "boolean true", e.shown(e.js(source)), source)
	}
	require.NoError(t, e.rt.Set("rows", e.c.Rows(textResult(2, "a"))))
	require.Equal(t, []any{map[string]any{"a": "0.0"}, map[string]any{"a": "1.0"}}, e.js("[...rows]").Export())
}

func TestRowsTakeNoOtherProperties(t *testing.T) {
	e := newEngine(t, nil)
	require.NoError(t, e.rt.Set("rows", e.c.Rows(textResult(1, "a"))))
	for _, source := range []string{"rows.name = 1", "rows[-1] = 1", "rows.length = -1", "rows.length = 2 ** 31", "rows[2 ** 31] = 1", "Object.freeze(rows)"} {
		_, err := e.rt.RunString("'use strict'; " + source)
		require.ErrorContains(t, err, "TypeError", source)
	}
	require.Equal(t, "[{\"a\": \"0.0\"}]", e.shown(e.js("rows")))
}

// Only rows that are touched are converted, once.
func TestRowsAreConvertedWhenTouched(t *testing.T) {
	e := newEngine(t, nil)
	converted := 0
	result := textResult(5, "a")
	e.c.shape, e.c.layout = result.Shape(), newLayout(result.Shape())
	e.c.layout.columns[0].decode = func(c *Converter, src []byte) (sobek.Value, error) {
		converted++
		return decodeString(c, src)
	}
	require.NoError(t, e.rt.Set("rows", e.c.Rows(result)))
	for _, step := range []struct {
		source string
		want   int
	}{
		{"rows.length", 0}, {"rows[9]", 0}, {"rows[3].a", 1}, {"rows[3].a", 1}, {"rows[0] = 1", 1}, {"rows[1].a = 2", 2},
		{"rows.length = 4", 2}, {"rows.map((r) => r)", 3}, {"JSON.stringify(rows)", 3},
	} {
		e.js(step.source)
		require.Equal(t, step.want, converted, step.source)
	}
}

func TestRowColumns(t *testing.T) {
	e := newEngine(t, nil)
	row := func(columns ...string) string { return e.shown(e.c.FirstRow(textResult(1, columns...))) }
	require.Equal(t, `{"z": "0.0", "a": "0.1", "m": "0.2"}`, row("z", "a", "m"), "the statement's order")
	require.Equal(t, `{"a": "0.2", "b": "0.1"}`, row("a", "b", "a"), "the last of one name")
	require.Equal(t, `{"__proto__":"0.0","toString":"0.1","":"0.2","naïve 🎉":"0.3"}`, e.stringified(textResult(1, "__proto__", "toString", "", "naïve 🎉")))
	require.Equal(t, "null", e.shown(e.c.FirstRow(textResult(0, "a"))))
	require.Equal(t, "[]", e.shown(e.c.Rows(textResult(0, "a"))))
	require.Equal(t, "[]", e.shown(e.c.Rows(pool.NewResult(&pool.Shape{}, pgconn.CommandTag{}))))
}

// stringified is for a row with a column toString, which show would call.
func (e *engine) stringified(r *pool.Result) string {
	require.NoError(e.t, e.rt.Set("row", e.c.FirstRow(r)))
	return e.js("JSON.stringify(row)").String()
}

// A script that changes the prototypes changes no row.
func TestRowsKeepTheirColumnsUnderPollution(t *testing.T) {
	e := newEngine(t, nil)
	e.js(`var caught = 0
		Object.defineProperty(Object.prototype, 'a', {set() { caught++ }, get() { return 'inherited' }})
		Object.freeze(Object.prototype)`)
	require.NoError(t, e.rt.Set("row", e.c.FirstRow(textResult(1, "a", "toString", "__proto__"))))
	require.Equal(t, `"0.0"`, e.shown(e.js("row.a")))
	require.Equal(t, `["a", "toString", "__proto__"]`, e.shown(e.js("Object.keys(row)")))
	require.Equal(t, "boolean true", e.shown(e.js("Object.getPrototypeOf(row) === Object.prototype && caught === 0")))
}

// k6 encodes what setup() returns from Go.
func TestRowsMarshal(t *testing.T) {
	e := newEngine(t, nil)
	require.NoError(t, e.rt.Set("rows", e.c.Rows(textResult(2, "a", "b"))))
	data, err := json.Marshal(e.js("({rows, n: 1})").Export())
	require.NoError(t, err)
	require.JSONEq(t, `{"rows": [{"a": "0.0", "b": "0.1"}, {"a": "1.0", "b": "1.1"}], "n": 1}`, string(data))
	data, err = json.Marshal(e.js("rows[0].more = 1; delete rows[0].b; rows[0]").Export())
	require.NoError(t, err)
	require.JSONEq(t, `{"a": "0.0", "more": 1}`, string(data))
	var exported []map[string]string
	require.NoError(t, e.rt.ExportTo(e.js("rows"), &exported))
	require.Len(t, exported, 2)
}

// A value that cannot be decoded is a JavaScript error that names the column,
// and an error where there is no JavaScript to throw to.
func TestRowsThatCannotBeDecoded(t *testing.T) {
	e := newEngine(t, nil)
	broken := pool.NewResult(&pool.Shape{Columns: []pool.Column{{Name: "n", OID: pgtype.Int4OID}}}, pgconn.CommandTag{}, []byte("x"))
	require.NoError(t, e.rt.Set("rows", e.c.Rows(broken)))
	_, err := e.rt.RunString("rows[0].n")
	require.ErrorContains(t, err, `column "n"`)
	_, err = json.Marshal(e.js("rows").Export())
	require.ErrorContains(t, err, `column "n"`)
}

func TestLayoutCacheIsBounded(t *testing.T) {
	var cache layoutCache
	shape := &pool.Shape{Columns: []pool.Column{{Name: "a"}}}
	first := cache.of(shape)
	require.Same(t, first, cache.of(shape))
	for range 3 * maxLayouts {
		cache.of(&pool.Shape{})
	}
	kept := 0
	cache.byShape.Range(func(_, _ any) bool { kept++; return true })
	require.LessOrEqual(t, kept, maxLayouts)
	require.NotSame(t, first, cache.of(shape))
}

// What a script does to one row is not seen in another of the same statement,
// nor in the result.
func TestRowsAreApart(t *testing.T) {
	e := newEngine(t, nil)
	require.NoError(t, e.rt.Set("rows", e.c.Rows(textResult(2, "a", "b", "c"))))
	require.Equal(t, `["a", "b", "c"]`, e.shown(e.js("rows[0][0] = 1; delete rows[0].b; rows[0].d = 1; Object.keys(rows[1])")))

	shape := &pool.Shape{Columns: []pool.Column{{Name: "b", OID: pgtype.ByteaOID, Format: pgx.BinaryFormatCode}}}
	result := pool.NewResult(shape, pgconn.CommandTag{}, []byte{1, 2})
	require.NoError(t, e.rt.Set("row", e.c.FirstRow(result)))
	e.js("new Uint8Array(row.b)[0] = 9")
	require.Equal(t, `{"b": ArrayBuffer 1 2}`, e.shown(e.c.FirstRow(result)))
}
