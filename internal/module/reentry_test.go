package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// Converting an argument may run the script, which may call the pool.
func TestCallWithinTheConversionOfAnArgument(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 2 }`)
	require.JSONEq(t, `{"a":1,"b":{"inner":7},"c":3}`, u.JS(`
		pool.query('SELECT $1::int', 99);
		const sly = { toJSON() { return { inner: pool.queryRow('SELECT $1::int AS n', 7).n }; } };
		JSON.stringify(pool.queryRow("SELECT $1::int AS a, $2::jsonb AS b, $3::int AS c", 1, sly, 3))`).String())
}
