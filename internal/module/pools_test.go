package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// Who is to serve the next request is as a load balancer has it.
func TestPoolsAreBalanced(t *testing.T) {
	const taken = `(() => { const names = []; for (let i = 0; i < 6; i++) names.push(pools.all.indexOf(pools.next())); return names; })()`
	for balance, want := range map[string]string{
		"round-robin": `[0,1,2,0,1,2]`,
		"least":       `[1,2,1,2,1,2]`, // the first one is in use
	} {
		u := poolsOf(t, map[string]string{"POOLS": "3", "BALANCE": balance}, `{ url: URL, poolSize: 1, maxOverflow: 0 }`)
		require.Equal(t, `[3,1,0]`, u.Text(`[pools.all.length, pools.all[0].stat().size, pools.all[2].stat().maxOverflow]`))
		u.JS(`const held = pools.all[0].acquire()`)
		require.Equal(t, want, u.Text(taken), balance)
	}
	u := poolsOf(t, map[string]string{"POOLS": "3"}, `{ url: URL }`)
	require.Equal(t, `3`, u.Text(`(() => { const seen = new Set(); for (let i = 0; i < 200; i++) seen.add(pools.next()); return seen.size; })()`))
	u = poolsOf(t, nil, `{ url: URL, name: 'mine' }`)
	require.Equal(t, `[1,true]`, u.Text(`[pools.all.length, pools.next() === pools.all[0]]`))
	require.Contains(t, u.Failure(`pgxpool.pools({ poolSize: 0 })`), "poolSize")
	for name, want := range map[string]string{"POOLS": `POOLS: "0" is not accepted`, "BALANCE": `BALANCE: "0" is not accepted; use one of random, round-robin, least`} {
		require.Contains(t, jstest.With(t, map[string]string{name: "0"}).Failure(`pgxpool.pools()`), want)
	}
}

// poolsOf is a user in VU code, with pools of the options given.
func poolsOf(t *testing.T, settings map[string]string, options string) *jstest.User {
	t.Helper()
	u := jstest.With(t, settings)
	u.JS(`const pools = pgxpool.pools(` + options + `)`)
	u.Start()
	return u
}
