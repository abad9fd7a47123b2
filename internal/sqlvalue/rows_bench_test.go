package sqlvalue

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// issueColumns are a typical table: a key, a title, a status, a time, and so on.
var issueColumns = []pool.Column{
	{Name: "id", OID: pgtype.Int4OID, Format: 1}, {Name: "title", OID: pgtype.TextOID}, {Name: "created_at", OID: pgtype.TimestamptzOID, Format: 1},
	{Name: "status", OID: pgtype.TextOID}, {Name: "open", OID: pgtype.BoolOID, Format: 1}, {Name: "votes", OID: pgtype.Int8OID, Format: 1},
	{Name: "estimate", OID: pgtype.Float8OID, Format: 1}, {Name: "price", OID: pgtype.NumericOID}, {Name: "owner", OID: pgtype.UUIDOID}, {Name: "labels", OID: pgtype.JSONBOID},
}

func issueValues() [][]byte {
	number := func(size int, n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n)[8-size:] }
	return [][]byte{
		number(4, 4711), []byte("The title of an issue, as long as they are"), number(8, 757_000_000_000_000), []byte("in progress"), {1}, number(8, 12),
		number(8, 0x3ff8000000000000), []byte("19.90"), []byte("01234567-89ab-cdef-0123-456789abcdef"), []byte(`{"kind": "bug", "tags": ["a", "b"]}`),
	}
}

func issues(rows, columns int) *pool.Result {
	var values [][]byte
	for range rows {
		values = append(values, issueValues()[:columns]...)
	}
	return pool.NewResult(&pool.Shape{Columns: issueColumns[:columns]}, pgconn.CommandTag{}, values...)
}

// BenchmarkRows reads so many columns of so many rows of a result.
func BenchmarkRows(b *testing.B) {
	for _, bench := range []struct{ rows, columns, readRows, readColumns int }{
		{1, 1, 0, 0}, {100, 10, 0, 0}, {1, 1, 1, 1}, {1, 3, 1, 1}, {1, 3, 1, 3}, {1, 10, 1, 1}, {1, 10, 1, 10}, {100, 10, 1, 1}, {100, 10, 100, 1}, {100, 3, 100, 3}, {100, 10, 100, 10},
	} {
		b.Run(fmt.Sprintf("%dx%d/read=%dx%d", bench.rows, bench.columns, bench.readRows, bench.readColumns), func(b *testing.B) {
			c, result := New(sobek.New()), issues(bench.rows, bench.columns)
			b.ReportAllocs()
			for b.Loop() {
				rows := c.Rows(result).Export().(sobek.DynamicArray)
				for i := range bench.readRows {
					read(rows.Get(i), bench.readColumns)
				}
			}
		})
	}
}

func BenchmarkFirstRow(b *testing.B) {
	for _, bench := range []struct{ columns, read int }{{1, 0}, {1, 1}, {2, 1}, {3, 1}, {3, 3}, {10, 1}, {10, 10}} {
		b.Run(fmt.Sprintf("columns=%d/read=%d", bench.columns, bench.read), func(b *testing.B) {
			c, result := New(sobek.New()), issues(1, bench.columns)
			b.ReportAllocs()
			for b.Loop() {
				read(c.FirstRow(result), bench.read)
			}
		})
	}
}

func read(row sobek.Value, columns int) {
	object := row.(*sobek.Object)
	for i := range columns {
		object.Get(issueColumns[i].Name)
	}
}

func BenchmarkDecode(b *testing.B) {
	c := New(sobek.New())
	for i, value := range issueValues() {
		decode := decoderFor(issueColumns[i].OID, issueColumns[i].Format, "")
		b.Run(issueColumns[i].Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = decode(c, value)
			}
		})
	}
	b.Run("int4[]", func(b *testing.B) {
		decode, value := decoderFor(pgtype.Int4ArrayOID, 0, ""), []byte("{1,2,3,4,5,6,7,8,9,10}")
		b.ReportAllocs()
		for b.Loop() {
			_, _ = decode(c, value)
		}
	})
	b.Run("timestamptz as text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = decodeTextTime(c, []byte("2024-06-01 12:34:56.789012+02"))
		}
	})
}

func BenchmarkArgs(b *testing.B) {
	e := newEngine(b, nil)
	for _, list := range []string{"4711", "'in progress'", "4711, 'in progress', new Date()", "({kind: 'bug', tags: ['a', 'b']})", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
			b.Run(mode.String()+"/"+list, func(b *testing.B) {
				values, into := e.values(list), make([]any, 0, 4)
				b.ReportAllocs()
				for b.Loop() {
					_, _ = e.c.Args(values, mode, into)
				}
			})
		}
	}
}

// BenchmarkEncode is what pgx does with an argument afterwards; the plain Go
// value stands for comparison.
func BenchmarkEncode(b *testing.B) {
	for _, bench := range []struct {
		name string
		oid  uint32
		arg  any
	}{
		{"int4", pgtype.Int4OID, integerArg{n: 4711}}, {"int4 plain", pgtype.Int4OID, int64(4711)}, {"timestamptz", pgtype.TimestamptzOID, dateArg{millis: 1e12}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m, buf := pgtype.NewMap(), make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Encode(bench.oid, pgx.BinaryFormatCode, bench.arg, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
