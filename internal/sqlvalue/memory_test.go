package sqlvalue

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// heldBytes is the heap that keep adds and holds on to.
func heldBytes(keep func() any) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := keep()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc) // #nosec G115 -- a heap
}

// wideResult has so many rows of one kilobyte.
func wideResult(rows int) *pool.Result {
	shape := &pool.Shape{Columns: []pool.Column{{Name: "v", OID: pgtype.TextOID}, {Name: "n", OID: pgtype.TextOID}}}
	values := make([][]byte, 0, 2*rows)
	for row := range rows {
		values = append(values, []byte(strings.Repeat("x", 1000)), []byte(strconv.Itoa(row)))
	}
	return pool.NewResult(shape, pgconn.CommandTag{}, values...)
}

// A row that a script keeps does not keep the other rows of its result.
func TestAKeptRowIsNoLargerThanItself(t *testing.T) {
	e := newEngine(t, nil)
	held := heldBytes(func() any {
		var kept []sobek.Value
		for range 10 {
			kept = append(kept, e.c.Rows(wideResult(5000)).ToObject(e.rt).Get("4711"))
		}
		return kept
	})
	require.Less(t, held, int64(1<<20), "ten results are 50 MB")
	require.Equal(t, "4711", e.c.Rows(wideResult(5000)).ToObject(e.rt).Get("4711").ToObject(e.rt).Get("n").String())
}
