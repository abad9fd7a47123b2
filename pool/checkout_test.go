package pool

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// newUnit is a pool of one connection whose parts a test calls one by one.
func newUnit(t *testing.T) (*Pool, *Scope) {
	t.Helper()
	config := DefaultConfig()
	config.URL, config.PoolSize, config.MaxOverflow = pgtest.URL(t), 1, 0
	p, err := New(config, Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		p.Shutdown(ctx)
	})
	return p, NewScope(t.Context(), NopObserver{})
}

// A checkout that took its idle connection before Close has it, and Close
// leaves it alone; it is closed on return.
func TestCloseLeavesTheConnectionOfACheckoutUnderWay(t *testing.T) {
	p, s := newUnit(t)
	_, err := p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	g := p.place(s, time.Now())
	require.NotNil(t, g.record)
	p.Close()
	require.False(t, g.record.conn.IsClosed())
	require.Equal(t, 1, p.Stat().Active)
	p.giveBack(g.record, NopObserver{})
	require.True(t, g.record.conn.IsClosed())
	require.EqualValues(t, 1, p.Stat().Connects)
	require.Zero(t, p.Stat().Total)
	require.Zero(t, p.Stat().Active)
}

// Either end of the list can be taken, however the ring has turned.
func TestIdleListGivesTheOldestOrTheNewest(t *testing.T) {
	l := newIdleList(3)
	a, b, c := &record{}, &record{}, &record{}
	require.Nil(t, l.takeOldest())
	require.Nil(t, l.takeNewest())
	for range 4 { // the ring turns each time
		for _, r := range []*record{a, b, c} {
			l.put(r)
		}
		require.Equal(t, 3, l.len())
		require.Same(t, a, l.takeOldest())
		require.Same(t, c, l.takeNewest())
		l.put(a)
		require.Same(t, b, l.takeOldest())
		require.Same(t, a, l.takeNewest())
		require.Zero(t, l.len())
		require.Nil(t, l.takeNewest())
	}
	require.Equal(t, []*record{nil, nil, nil}, l.ring, "what was taken is not kept from the collector")
}

// The resolver's own patience is longer than connectTimeout.
func TestConnectTimeoutBoundsTheNameLookup(t *testing.T) {
	p, _ := newUnit(t)
	p.config.ConnectTimeout = 10 * time.Millisecond
	p.connConfig = p.connConfig.Copy()
	p.connConfig.LookupFunc = func(ctx context.Context, _ string) ([]string, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Second):
			return nil, errors.New("nobody stopped it")
		}
	}
	_, err := p.attempt().LookupFunc(t.Context(), "nowhere.example")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
