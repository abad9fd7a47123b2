package pool_test

import (
	"testing"

	"github.com/stretchr/testify/require"
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
