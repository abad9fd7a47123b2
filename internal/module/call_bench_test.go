package module_test

import (
	"testing"

	"github.com/grafana/sobek"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// bench runs a script's function b.N times in VU code and drains its samples.
func bench(b *testing.B, options, function string) {
	b.Helper()
	u := jstest.Running(b, options)
	go func() {
		for range u.Samples { //nolint:revive // somebody has to take them
		}
	}()
	b.Cleanup(func() { u.Run.End(false); close(u.Samples) })
	fn, ok := sobek.AssertFunction(u.JS(function))
	require.True(b, ok)
	_, err := fn(sobek.Undefined()) // connects, and makes what is made once
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fn(sobek.Undefined()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCallDispatch is a call that does next to nothing.
func BenchmarkCallDispatch(b *testing.B) {
	bench(b, `{}`, `(function () { pool.close; })`)
}

// BenchmarkQuery is one blocking query, the server's part included.
func BenchmarkQuery(b *testing.B) {
	bench(b, `{ poolPrePing: false }`, `(function () { pool.query('SELECT $1::int AS n', 7); })`)
}

// BenchmarkQueryPrePing is the same with the ping at checkout.
func BenchmarkQueryPrePing(b *testing.B) {
	bench(b, `{}`, `(function () { pool.query('SELECT $1::int AS n', 7); })`)
}

// BenchmarkTransaction is BEGIN, one query and COMMIT.
func BenchmarkTransaction(b *testing.B) {
	bench(b, `{ poolPrePing: false }`, `(function () { pool.transaction(function (c) { c.query('SELECT 1'); }); })`)
}

// BenchmarkStat is the snapshot as a script gets it.
func BenchmarkStat(b *testing.B) {
	bench(b, `{}`, `(function () { pool.stat(); })`)
}
