package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

func TestTrendOfPairs(t *testing.T) {
	u := jstest.InInit(t)
	require.JSONEq(t, `{"slope": 2, "low": 2, "high": 2}`,
		u.Text(`pgxpool.trend([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((t) => [t, t === 3 ? 1e6 : 5 + 2 * t]))`))
	for _, points := range []string{``, `[]`, `[[1, 2]]`, `[[1, 2], [3]]`, `[[1, 2], [3, "x"]]`, `[[1, 2], [Infinity, 3]]`, `"text"`} {
		require.Contains(t, u.Failure(`pgxpool.trend(`+points+`)`), "use an array of at least two [time, value] pairs")
	}
}
