package pool_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

var appNumber atomic.Int64

// harness is a pool on a real server, under an application name of its own so
// that the server's side can be counted.
type harness struct {
	*pool.Pool
	t   *testing.T
	url string
	app string
}

// newPool makes a pool of size and overflow; change, which may be nil, sets
// what else a test needs.
func newPool(t *testing.T, size, overflow int, change func(*pool.Config)) *harness {
	t.Helper()
	config := pool.DefaultConfig()
	config.URL = pgtest.URL(t)
	config.PoolSize, config.MaxOverflow = size, overflow
	config.PoolTimeout = 2 * time.Second
	config.ApplicationName = fmt.Sprintf("queuepool-%d", appNumber.Add(1))
	if change != nil {
		change(&config)
	}
	require.NoError(t, config.Validate())
	p, err := pool.New(config, pool.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		p.Shutdown(ctx)
	})
	return &harness{Pool: p, t: t, url: config.URL, app: config.ApplicationName}
}

func (h *harness) scope() *pool.Scope {
	s := pool.NewScope(h.t.Context(), pool.NopObserver{})
	h.t.Cleanup(s.Close)
	return s
}

func (h *harness) acquire() *pool.Conn {
	h.t.Helper()
	c, err := h.Acquire(h.scope(), nil)
	require.NoError(h.t, err)
	return c
}

// backends is how many connections of the pool the server has.
func (h *harness) backends() int { return pgtest.Backends(h.t, h.url, h.app) }

// levels checks active, idle and total, the last one on the server too.
func (h *harness) levels(active, idle, total int) {
	h.t.Helper()
	s := h.Stat()
	require.Equal(h.t, [3]int{active, idle, total}, [3]int{s.Active, s.Idle, s.Total}, "active, idle, total")
	require.Equal(h.t, total, h.backends(), "backends on the server")
}

func TestStartsEmptyAndGrowsByOne(t *testing.T) {
	h := newPool(t, 2, 2, nil)
	h.levels(0, 0, 0)
	var conns []*pool.Conn
	for i := range 4 {
		conns = append(conns, h.acquire())
		h.levels(i+1, 0, i+1)
	}
	conns[0].Release()
	h.levels(3, 1, 4)
	conns[1].Release()
	h.levels(2, 2, 4)
	conns[2].Release() // two are idle already: closed
	h.levels(1, 2, 3)
	conns[3].Release()
	h.levels(0, 2, 2)
	require.EqualValues(t, 2, h.Stat().Discarded)
	require.Equal(t, 4, h.Stat().PeakActive)
	h.acquire().Release()
	require.EqualValues(t, 4, h.Stat().Connects)
}
