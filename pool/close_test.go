package pool_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// Nothing is left of closed pools: neither of one that was never used, nor of
// one that was in use when it was closed, after the last return.
func TestClosedPoolsLeaveNoGoroutine(t *testing.T) {
	const pools = 200
	config := pool.DefaultConfig()
	config.URL, config.LeakDetectionThreshold = serverURL(t), time.Minute
	before := runtime.NumGoroutine() // the server's own are among them
	held := make([]*pool.Conn, 0, pools)
	for i := range 2 * pools {
		p, err := pool.New(config, pool.Options{})
		require.NoError(t, err)
		if i%(2*pools/10) == 0 { // a few of them connect
			c, err := p.Acquire(pool.NewScope(t.Context(), pool.NopObserver{}), nil)
			require.NoError(t, err)
			held = append(held, c)
		}
		p.Close()
	}
	require.Greater(t, runtime.NumGoroutine(), before, "pools in use still have what ends statements")
	for _, c := range held {
		_, err := c.Query(pool.NewScope(t.Context(), pool.NopObserver{}), "SELECT 1", nil)
		require.NoError(t, err, "a connection in use works after Close")
		c.Release()
	}
	deadline := time.Now().Add(machine)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}
