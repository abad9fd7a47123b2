package pool_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestEmptyIsNotNull(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	res, err := h.Query(h.scope(), "SELECT ''::text, NULL::text", nil)
	require.NoError(t, err)
	require.NotNil(t, res.Value(0, 0))
	require.Empty(t, res.Value(0, 0))
	require.Nil(t, res.Value(0, 1))
}

// Results of one statement share a Shape until its columns change.
func TestShapeIsSharedAndFollowsTheColumns(t *testing.T) {
	h := newPool(t, 2, 0, nil)
	const sql = "SELECT * FROM shapes"
	for _, change := range []string{"DROP TABLE IF EXISTS shapes; CREATE TABLE shapes (a int)", "ALTER TABLE shapes ADD b text"} {
		_, err := h.Exec(h.scope(), change, nil)
		require.NoError(t, err)
		var first any
		for n := range 3 {
			res, err := h.Query(h.scope(), sql, nil)
			if n == 0 && err != nil { // pgx finds out about a changed table with the first execution
				res, err = h.Query(h.scope(), sql, nil)
			}
			require.NoError(t, err)
			if first == nil {
				first = res.Shape()
			}
			require.Same(t, first, res.Shape())
			require.Zero(t, res.Len())
		}
	}
	res, err := h.Query(h.scope(), sql, nil)
	require.NoError(t, err)
	require.Len(t, res.Shape().Columns, 2)
	_, err = h.Exec(h.scope(), "DROP TABLE shapes", nil)
	require.NoError(t, err)
}

// A result that breaks in the middle is an error, never a short result.
func TestBrokenStreamIsAnError(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	_, err := h.Query(h.scope(), "SELECT 1 / (500 - n) FROM generate_series(1, 1000) n", nil)
	require.ErrorContains(t, err, "division by zero")
	h.levels(0, 1, 1)
}

// The server would wait for rows, and pgx for the server.
func TestCopyFromStdinIsRefused(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	_, err := h.Exec(h.scope(), "CREATE TABLE copied (n int)", nil)
	require.NoError(t, err)
	calls := map[string]func() error{
		"query": func() error { _, err := h.Query(h.scope(), "COPY copied FROM STDIN", nil); return err },
		"exec":  func() error { _, err := h.Exec(h.scope(), "SELECT 1; COPY copied FROM STDIN", nil); return err },
	}
	for name, call := range calls {
		err := call()
		var query *pool.QueryError
		require.ErrorAs(t, err, &query, name)
		require.ErrorContains(t, err, "COPY", name)
		res, err := h.Query(h.scope(), "SELECT count(*)::text FROM copied", nil)
		require.NoError(t, err)
		require.Equal(t, "0", string(res.Value(0, 0)))
	}
	_, err = h.Exec(h.scope(), "DROP TABLE copied", nil)
	require.NoError(t, err)
}

func TestRowsWithoutColumnsAreRows(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	res, err := h.Query(h.scope(), "SELECT FROM generate_series(1, 3)", nil)
	require.NoError(t, err)
	require.Equal(t, 3, res.Len())
}

func TestDatesAreISOWhateverTheRoleSays(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) {
		c.URL += "&options=-c%20datestyle%3DSQL%2CDMY"
		c.QueryExecMode = pgx.QueryExecModeExec
	})
	res, err := h.Query(h.scope(), "SELECT date '2024-02-01'", nil)
	require.NoError(t, err)
	require.Equal(t, "2024-02-01", string(res.Value(0, 0)))
}

// A variable that the URL overrides is nobody's business.
func TestOverriddenEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("PGPORT", "abc")
	h := newPool(t, 1, 0, nil)
	h.acquire().Release()
}

// panicking is an argument whose encoding panics.
type panicking struct{}

func (panicking) Int64Value() (pgtype.Int8, error) { panic("the argument's own") }

// One user's value must not end every user, nor take a place with it.
func TestAPanicOfAnArgumentIsAnErrorAndGivesThePlaceBack(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	for range 3 {
		for _, run := range []func(*pool.Scope, string, []any) (*pool.Result, error){h.Query, h.Exec} {
			_, err := run(h.scope(), "SELECT $1::int4", []any{panicking{}})
			var failed *pool.QueryError
			require.ErrorAs(t, err, &failed)
			require.ErrorContains(t, err, "internal error: the argument's own; please report it")
			require.Zero(t, h.Stat().Active)
		}
	}
	res, err := h.Query(h.scope(), "SELECT $1::int4", []any{1})
	require.NoError(t, err)
	require.Equal(t, 1, res.Len())
}

// A result makes room at once for as many rows as its statement gave last, and is
// whole where there are more or fewer of them.
func TestResultsMakeRoomForAsManyRowsAsBefore(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	query := func(rows int) *pool.Result {
		res, err := h.Query(h.scope(), "SELECT 'row ' || n AS text, NULL AS nothing FROM generate_series(1, $1::int4) n", []any{rows})
		require.NoError(t, err)
		return res
	}
	for _, rows := range []int{1, 300, 2, 3000, 0, 300} {
		res := query(rows)
		require.Equal(t, rows, res.Len())
		for row := range rows {
			if string(res.Value(row, 0)) != fmt.Sprintf("row %d", row+1) || res.Value(row, 1) != nil {
				t.Fatalf("row %d of %d is %q, %q", row, rows, res.Value(row, 0), res.Value(row, 1))
			}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		query(300)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/100, uint64(16<<10), "2 KiB of text and 5 KiB of places, where doubling takes 20 KiB")

	kept := make([]*pool.Result, 50)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range kept {
		query(9000)
		kept[i] = query(1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, (int64(after.HeapAlloc)-int64(before.HeapAlloc))/int64(len(kept)), int64(16<<10), "one row keeps no room of the 9000 before it, 128 KiB")
	for _, res := range kept {
		require.Equal(t, "row 1", string(res.Value(0, 0)))
	}
}

// The rows that nobody asked for are read and dropped, not kept.
func TestQueryRowKeepsOneRow(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	const sql = "SELECT n, repeat('x', 100) AS pad FROM generate_series(1, 200000) n"
	_, err := h.QueryRow(h.scope(), sql, nil)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := h.QueryRow(h.scope(), sql, nil)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, 1, res.Len())
	require.Equal(t, "SELECT 200000", res.CommandTag().String())
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), "the rows are 20 MB")
	res, err = h.QueryRow(h.scope(), "SELECT 1 WHERE false", nil)
	require.NoError(t, err)
	require.Zero(t, res.Len())
	_, err = h.QueryRow(h.scope(), "SELECT 1 / (500 - n) FROM generate_series(1, 1000) n", nil)
	require.ErrorContains(t, err, "division by zero", "also where the first row has come")
}

// A result with more rows than the call takes is an error that says how many there
// are, of a connection that lives on.
func TestMaxRowsIsTheMost(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	s := h.scope()
	s.Limits.MaxRows = 3
	c := h.acquire()
	defer c.Release()
	res, err := c.Query(s, "SELECT generate_series(1, 3)", nil)
	require.NoError(t, err)
	require.Equal(t, 3, res.Len())
	for _, rows := range []int{4, 500} {
		res, err = c.Query(s, "SELECT generate_series(1, $1::int)", []any{rows})
		require.Nil(t, res)
		var failed *pool.QueryError
		require.ErrorAs(t, err, &failed)
		require.ErrorContains(t, err, fmt.Sprintf("the result has %d rows, more than maxRows 3, and none of them is given", rows))
	}
	res, err = c.QueryRow(s, "SELECT generate_series(7, 500)", nil)
	require.NoError(t, err, "of which one row is wanted")
	require.Equal(t, "7", string(res.Value(0, 0)))
	require.EqualValues(t, 1, h.Stat().Connects)
}

// COPY takes all rows or none.
func TestCopyFrom(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	_, err := h.Exec(h.scope(), "CREATE TEMPORARY TABLE copied (n int PRIMARY KEY)", nil)
	require.NoError(t, err)
	rows := &pool.Copy{Table: pgx.Identifier{"copied"}, Columns: []string{"n"}, Rows: [][]any{{int32(1)}, {int32(2)}}}
	res, err := h.CopyFrom(h.scope(), rows)
	require.NoError(t, err)
	require.Equal(t, "COPY 2", res.CommandTag().String())
	rows.Rows = [][]any{{int32(3)}, {int32(1)}}
	_, err = h.CopyFrom(h.scope(), rows)
	var failed *pool.QueryError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "23505", failed.Code)
	res, err = h.Query(h.scope(), "SELECT string_agg(n::text, ' ' ORDER BY n) FROM copied", nil)
	require.NoError(t, err)
	require.Equal(t, "1 2", string(res.Value(0, 0)))
	h.levels(0, 1, 1)
}

// Of several statements a query gives no rows. In simple_protocol, where the server
// would run them, none is sent; elsewhere the server refuses them.
func TestSeveralStatementsAreNoQuery(t *testing.T) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
		h := newPool(t, 1, 0, func(c *pool.Config) { c.QueryExecMode = mode })
		_, err := h.Query(h.scope(), "CREATE TEMPORARY TABLE one (n int); SELECT 1", nil)
		var failed *pool.QueryError
		require.ErrorAs(t, err, &failed, mode)
		if mode == pgx.QueryExecModeSimpleProtocol {
			require.ErrorContains(t, err, "several statements, none of which was sent")
		}
		res, err := h.Query(h.scope(), "SELECT to_regclass('pg_temp.one')::text", nil)
		require.NoError(t, err)
		require.Nil(t, res.Value(0, 0), mode)
		_, err = h.Exec(h.scope(), "CREATE TEMPORARY TABLE one (n int); SELECT 1", nil)
		require.NoError(t, err, "exec runs them")
	}
}
