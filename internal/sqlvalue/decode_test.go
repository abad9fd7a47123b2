package sqlvalue

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestDecoding(t *testing.T) {
	tests := []struct{ sql, want string }{
		{"1::int2", "number 1"}, {"(-1)::int4", "number -1"}, {"9007199254740991", "number 9007199254740991"}, {"9007199254740992", "bigint 9007199254740992"},
		{"-9007199254740992", "bigint -9007199254740992"}, {"'0.1'::float4", "number 0.1"}, {"'1e-45'::float4", "number 1e-45"}, {"'-0'::float8", "number -0"},
		{"1.50", `"1.50"`}, {"NULL::int4", "null"}, {"NULL::jsonb", "null"}, {"''::text", `""`}, {"true", "boolean true"}, {"NULL::int4[]", "null"},
		// Microseconds are cut, before 1970 too.
		{"timestamptz '2024-01-01 00:00:00.000999+00'", "Date 2024-01-01T00:00:00.000Z"}, {"timestamp '1969-12-31 23:59:59.9996'", "Date 1969-12-31T23:59:59.999Z"},
		{"timestamp '1969-12-31 23:59:59.999'", "Date 1969-12-31T23:59:59.999Z"}, {"timestamp '2024-01-01 00:00:00.5'", "Date 2024-01-01T00:00:00.500Z"},
		{"timestamptz '0044-03-15 12:00:00+00 BC'", "Date -000043-03-15T12:00:00.000Z"}, {"date '0001-12-31 BC'", "Date 0000-12-31T00:00:00.000Z"}, {"date '4714-11-24 BC'", "Date -004713-11-24T00:00:00.000Z"},
		{"timestamp '275760-09-13'", "Date +275760-09-13T00:00:00.000Z"}, {"timestamp '275760-09-13 00:00:00.001'", "Date invalid"}, {"date '5874897-12-31'", "Date invalid"},
		{"timestamptz 'infinity'", "number Infinity"}, {"timestamp '-infinity'", "number -Infinity"}, {"date 'infinity'", "number Infinity"}, {"date '-infinity'", "number -Infinity"},
		// Arrays.
		{"'[2:3]={1,NULL}'::int4[]", "[number 1, null]"}, {"'[0:1][5:5]={{1},{2}}'::int8[]", "[[number 1], [number 2]]"}, {"'{}'::text[]", "[]"},
		{"ARRAY['(1,1),(0,0)', '(2,2),(0,0)']::box[]", `["(1,1),(0,0)", "(2,2),(0,0)"]`}, {"ARRAY['NULL', NULL, '', 'a\\b\"c', '{', ',', ' x ']", `["NULL", null, "", "a\\b\"c", "{", ",", " x "]`},
		{"ARRAY[timestamp 'infinity', '2000-01-01 00:00:01']", "[number Infinity, Date 2000-01-01T00:00:01.000Z]"}, {"ARRAY[[true, NULL], [false, true]]", "[[boolean true, null], [boolean false, boolean true]]"},
		{"ARRAY['{\"a\": [1, \"x\\\"\"]}']::jsonb[]", `[{"a": [number 1, "x\""]}]`}, {"ARRAY['\\x00ff'::bytea, '', NULL]", "[ArrayBuffer 0 255, ArrayBuffer , null]"},
		{"ARRAY[ROW(1, 'a')]", `["(1,a)"]`}, {"ARRAY['a'::name, 'b c']", `["a", "b c"]`}, {"ARRAY['12:00'::timetz]", `["12:00:00+00"]`}, {"ARRAY[0.5::float4, 'NaN']", "[number 0.5, number NaN]"},
		// JSON.
		{"'{\"b\": 1, \"a\": {\"c\": null}, \"b\": 2}'::json", `{"b": number 2, "a": {"c": null}}`}, {"'null'::json", "null"}, {"' [ 1 , -2.5e3 , [ ] , { } ] '::json", "[number 1, number -2500, [], {}]"},
		{"'1e400'::jsonb", "number Infinity"}, {"'\"\\ud83c\\udf89\\n\\/\\u0041 é\"'::json", `"🎉\n/A é"`}, {"'\"\"'::json", `""`}, {"'{\"__proto__\": 1}'::json", `{"__proto__": number 1}`},
		{"'123456789012345678901'::jsonb", "number 123456789012345680000"}, {"'-0'::json", "number -0"}, {"'{\"2\": 0, \"1\": 0, \"x\": 0}'::json", `{"1": number 0, "2": number 0, "x": number 0}`},
		// Domains arrive as their base type, everything else as text.
		{"3::positive", "number 3"}, {"'a'::varchar::bpchar", `"a"`}, {"'happy'::mood", `"happy"`}, {"ARRAY['happy']::mood[]", `"{happy}"`}, {"ROW(1, NULL)", `"(1,)"`}, {"'1 day'::interval", `"1 day"`},
		{"'{a}'::tags", `["a"]`}, {"5::oid", `"5"`}, {"'1.5'::money", `"$1.50"`}, {"int4range(1, 3)", `"[1,3)"`}, {"pg_sleep(0)", `""`}, {"'10.0.0.0/8'::inet", `"10.0.0.0/8"`}, {"'<a/>'::xml", `"<a/>"`},
		{"NULL", "null"}, {"'x'", `"x"`}, {"B'101'", `"101"`}, {"'a=>1'::text COLLATE \"C\"", `"a=>1"`},
	}
	eachMode(t, func(t *testing.T, e *engine, mode pgx.QueryExecMode) {
		for _, test := range tests {
			got, err := e.value(mode, "SELECT 1 AS first, "+test.sql+" AS v", "")
			require.NoError(t, err, test.sql)
			require.Equal(t, test.want, got, test.sql)
		}
	}, userTypes...)
}

// All zones and output formats give the same values, except that a date in
// another style than ISO stays text where it arrives as text.
func TestDecodingUnderSessionSettings(t *testing.T) {
	const moment = "timestamptz '1900-06-01 12:00:00.25+00'"
	eachMode(t, func(t *testing.T, e *engine, mode pgx.QueryExecMode) {
		for _, test := range []struct{ setting, sql, want string }{
			{"TimeZone = 'Asia/Kolkata'", "timestamptz '2024-01-01 00:00:00+00'", "Date 2024-01-01T00:00:00.000Z"},
			{"TimeZone = 'Africa/Monrovia'", moment, "Date 1900-06-01T12:00:00.250Z"}, // -00:43:08
			{"TimeZone = 'America/New_York'", "timestamp '2024-06-01 00:00:00'", "Date 2024-06-01T00:00:00.000Z"},
			{"TimeZone = 'Pacific/Auckland'", "date '2024-06-01'", "Date 2024-06-01T00:00:00.000Z"},
			{"bytea_output = 'escape'", `'\x00275c41ff'::bytea`, "ArrayBuffer 0 39 92 65 255"},
			{"bytea_output = 'escape'", `ARRAY['\x275c41ff'::bytea, '']`, "[ArrayBuffer 39 92 65 255, ArrayBuffer ]"},
		} {
			require.Equal(t, test.want, e.withSetting(test.setting, mode, test.sql), test.setting)
		}
		for style, text := range map[string]string{"'SQL, DMY'": "01/06/1900 12:00:00.25 UTC", "'Postgres'": "Fri Jun 01 12:00:00.25 1900 UTC", "'German'": "01.06.1900 12:00:00.25 UTC"} {
			want := "Date 1900-06-01T12:00:00.250Z"
			if !typesKnown(mode) {
				want = `"` + text + `"`
			}
			require.Equal(t, want, e.withSetting("TimeZone = 'UTC'; SET DateStyle = "+style, mode, moment), style)
		}
		want := "Date 1900-06-12T00:00:00.000Z"
		if !typesKnown(mode) {
			want = `"06-12-1900"`
		}
		require.Equal(t, want, e.withSetting("DateStyle = 'Postgres, MDY'", mode, "date '1900-06-12'"))
	})
}

func (e *engine) withSetting(setting string, mode pgx.QueryExecMode, sql string) string {
	ctx := context.Background()
	_, err := e.conn.Exec(ctx, "SET "+setting)
	require.NoError(e.t, err)
	got, err := e.value(mode, "SELECT 1 AS first, "+sql+" AS v", "")
	require.NoError(e.t, err)
	_, err = e.conn.Exec(ctx, "RESET ALL")
	require.NoError(e.t, err)
	return got
}

// Half a surrogate pair is JavaScript's own business; json can hold one.
func TestDecodingLoneSurrogate(t *testing.T) {
	e := newEngine(t, nil)
	value, err := decodeJSON(e.c, []byte(`"a\ud800"`))
	require.NoError(t, err)
	require.NoError(t, e.rt.Set("v", value))
	require.Equal(t, "boolean true", e.shown(e.js(`v === 'a\ud800'`)))
}

// The table of array types is the server's: all of its own array types are
// arrays, all in binary are asked for in binary.
func TestArrayTypesAreComplete(t *testing.T) {
	conn := pgtest.Conn(t, pgtest.URL(t))
	rows, err := conn.Query(t.Context(), `SELECT oid::int8, typname::text FROM pg_type WHERE typcategory = 'A' AND oid < 10000
		AND typelem <> 0 AND typname LIKE '\_%' AND typname NOT IN ('_pg_type', '_pg_attribute', '_pg_proc', '_pg_class', '_gtsvector')`)
	require.NoError(t, err)
	types, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		OID  int64
		Name string
	}])
	require.NoError(t, err)
	require.Greater(t, len(types), 60)
	for _, typ := range types {
		_, _, ok := arrayOf(uint32(typ.OID), "")
		require.True(t, ok, typ.Name)
	}
	require.Len(t, ResultFormats, 10)
	for oid := range ResultFormats {
		require.NotNil(t, decoders[oid].text, oid)
	}
}

// What is not a whole ISO date is left to be text.
func TestParseTimeRefuses(t *testing.T) {
	for _, text := range []string{"", "12-06-12", "2024-06", "2024-06-1", "2024-13-01", "2024-00-01", "2024-06-32", "2024-06-00", "2024/06/01", "2024-06-01T00:00:00",
		"2024-06-01 00", "2024-06-01 00:00", "2024-06-01 00:00:00 CET", "2024-06-01 00:00:00+5", "2024-06-01x", "12345678-01-01"} {
		_, ok := parseTime([]byte(text))
		require.False(t, ok, text)
	}
}

// What no server sends is an error, not a wrong value and not a crash.
func TestDecodingMalformed(t *testing.T) {
	c := newEngine(t, nil).c
	for oid := range ResultFormats {
		if oid == pgtype.ByteaOID {
			continue
		}
		_, err := decoderFor(oid, pgx.BinaryFormatCode, "")(c, []byte{1, 2, 3})
		require.Error(t, err, oid)
	}
	_, err := decoderFor(pgtype.NumericOID, pgx.BinaryFormatCode, "")(c, []byte{1})
	require.Error(t, err)
	for oid, texts := range map[uint32][]string{
		pgtype.BoolOID:      {"", "x"},
		pgtype.Int4OID:      {"", "1.5", "9223372036854775808"},
		pgtype.Float8OID:    {"", "1,5"},
		pgtype.ByteaOID:     {`\x1`, `\xzz`, `\`, `\9`, `\400`, `a\12`},
		pgtype.JSONOID:      {"", "{", "[1,]", `{"a"}`, `{"a":}`, `{1:2}`, `"`, `"\`, `"\u12`, `"\u12zz"`, `"\x"`, "tru", "1 2", "-", strings.Repeat("[", 20000)},
		pgtype.Int4ArrayOID: {"", "1", "{", "{1", "{1,", "{1,}", "{,1}", "{1}x", "[1:2]", `{"1`, `{"\`, "{{1},}", "{1{2}}", strings.Repeat("{", 20), "[1:1]={"},
	} {
		for _, text := range texts {
			_, err := decoderFor(oid, pgx.TextFormatCode, "")(c, []byte(text))
			require.Error(t, err, "%d %q", oid, text)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,null,true,"\u00e9\n"]}`, `"é🎉\ud83c\udf89"`, `[]`, `{}`, ` -0 `, `{"a":1,"a":2}`, `1e999`, "[[[[]]]]", `{"__proto__":[]}`} {
		f.Add(seed)
	}
	e := newEngine(f, nil)
	require.NoError(f, e.rt.Set("parse", e.js("JSON.parse")))
	f.Fuzz(func(t *testing.T, text string) {
		e.t = t
		got, err := decodeJSON(e.c, []byte(text))
		if !json.Valid([]byte(text)) {
			return // PostgreSQL sends none; it must only not crash
		}
		require.NoError(t, err)
		if strings.Contains(text, `\u`) { // the runtime's own loses half surrogate pairs
			return
		}
		require.NoError(t, e.rt.Set("text", text))
		want, parseErr := e.rt.RunString("parse(text)")
		if parseErr != nil { // it refuses numbers beyond float64
			return
		}
		require.Equal(t, e.shown(want), e.shown(got))
	})
}

func FuzzDecodeArray(f *testing.F) {
	for _, seed := range []string{`{}`, `{1,NULL,"a\"b"}`, `{{1,2},{3,4}}`, `[2:3]={a,b}`, `{"",",","{}"}`, `{\`, `[`} {
		f.Add(seed)
	}
	e := newEngine(f, nil)
	decode := decoderFor(pgtype.TextArrayOID, pgx.TextFormatCode, "")
	f.Fuzz(func(t *testing.T, text string) {
		e.t = t
		value, err := decode(e.c, []byte(text))
		if err != nil {
			return
		}
		again, reason := e.c.argument(value, maxNesting)
		if array, ok := again.(*arrayArg); ok && reason == "" {
			back, err := decode(e.c, []byte(array.String()))
			require.NoError(t, err)
			if !array.empty() {
				require.Equal(t, e.shown(value), e.shown(back))
			}
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, micros := range []int64{0, -1, 1, 999_999, math.MinInt32, 1 << 52, -(1 << 56)} {
		f.Add(micros)
	}
	c := newEngine(f, nil).c
	codec := pgtype.TimestampCodec{}
	f.Fuzz(func(t *testing.T, micros int64) {
		const span = 8_640_000_000_000_000 * 100 // years -23000 to 27000
		micros %= span
		if micros < -210_866_803_200_000_000+946_684_800_000_000 { // 4713 BC, PostgreSQL's first
			return
		}
		var at pgtype.Timestamp
		bin := bigEndian(micros)
		require.NoError(t, codec.PlanScan(nil, 0, pgx.BinaryFormatCode, &at).Scan(bin, &at))
		text, err := codec.PlanEncode(nil, 0, pgx.TextFormatCode, at).Encode(at, nil)
		require.NoError(t, err)
		millis, ok := parseTime(text)
		require.True(t, ok, string(text))
		fromBinary, err := decodeBinaryTimestamp(c, bin)
		require.NoError(t, err)
		require.Equal(t, fromBinary.ToInteger(), millis, string(text))
	})
}

func bigEndian(n int64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (56 - 8*i))
	}
	return b
}
