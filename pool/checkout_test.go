package pool

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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

// A checkout may have claimed an idle connection that Close is closing: a new
// one beside it would be one more on the server than the pool may have.
func TestAClaimLostToCloseOpensNothing(t *testing.T) {
	p, s := newUnit(t)
	_, err := p.Query(s, "SELECT 1", nil)
	require.NoError(t, err)
	g := p.place(s, time.Now())
	require.True(t, g.claimed)
	p.Close()
	_, err = p.obtain(s, g.claimed)
	require.ErrorContains(t, err, "is closed")
	require.EqualValues(t, 1, p.Stat().Connects)
	require.Zero(t, p.Stat().Total)
	require.Zero(t, p.Stat().Active)
}

// The resolver's own patience is longer than connectTimeout.
func TestConnectTimeoutBoundsTheNameLookup(t *testing.T) {
	p, _ := newUnit(t)
	p.config.ConnectTimeout = 10 * time.Millisecond
	config, err := pgx.ParseConfig(p.config.URL)
	require.NoError(t, err)
	config.LookupFunc = func(ctx context.Context, _ string) ([]string, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Second):
			return nil, errors.New("nobody stopped it")
		}
	}
	require.NoError(t, p.beforeConnect(t.Context(), config))
	_, err = config.LookupFunc(t.Context(), "nowhere.example")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
