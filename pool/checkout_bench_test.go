package pool_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func benchPool(b *testing.B, prePing bool) *pool.Pool {
	config := pool.DefaultConfig()
	config.URL, config.PoolPrePing = pgtest.URL(b), prePing
	p, err := pool.New(config, pool.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { p.Shutdown(b.Context()) })
	return p
}

// BenchmarkCheckout is a checkout that finds something idle, and the return.
func BenchmarkCheckout(b *testing.B) {
	p := benchPool(b, false)
	s := pool.NewScope(b.Context(), pool.NopObserver{})
	b.ReportAllocs()
	for b.Loop() {
		c, err := p.Acquire(s, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.Release()
	}
}

// BenchmarkCheckoutContended is the same by more users than there are
// connections: returned connections are handed from user to user.
func BenchmarkCheckoutContended(b *testing.B) {
	p := benchPool(b, false)
	b.ReportAllocs()
	b.SetParallelism(100)
	b.RunParallel(func(pb *testing.PB) {
		s := pool.NewScope(b.Context(), pool.NopObserver{})
		for pb.Next() {
			c, err := p.Acquire(s, nil)
			if err != nil {
				b.Error(err)
				return
			}
			c.Release()
		}
	})
}

// BenchmarkQuery is a statement of so many rows on a connection of its own.
func BenchmarkQuery(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			p := benchPool(b, false)
			s := pool.NewScope(b.Context(), pool.NopObserver{})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Query(s, "SELECT n, 'title ' || n AS title, n * 3 AS total FROM generate_series(1, $1::int4) n", []any{rows}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStat is the snapshot.
func BenchmarkStat(b *testing.B) {
	p := benchPool(b, false)
	b.ReportAllocs()
	for b.Loop() {
		p.Stat()
	}
}
