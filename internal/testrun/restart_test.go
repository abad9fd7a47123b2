package testrun_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// onTemporaryServer is a user in VU code with a pool on a temporary PostgreSQL.
func onTemporaryServer(t testing.TB) *jstest.User {
	u := jstest.On(t, "")
	u.JS(`const pool = new Pool({ poolSize: 1, maxOverflow: 0 })`)
	u.Start()
	return u
}

func TestRestartServer(t *testing.T) {
	u := onTemporaryServer(t)
	require.Contains(t, u.JS(`failure(() => pgxpool.restartServer('fast'))`).String(),
		"QueryError: restartServer(): the temporary PostgreSQL starts with the first use of a pool")
	u.JS(`const started = () => pool.queryRow('SELECT pg_postmaster_start_time()::text AS at').at; let before = started()`)
	for _, mode := range []string{"fast", "immediate"} {
		u.JS(`pgxpool.restartServer('` + mode + `')`)
		require.True(t, u.JS(`const now_`+mode+` = started(); const other_`+mode+` = now_`+mode+` !== before; before = now_`+mode+`; other_`+mode).ToBoolean())
	}
	for _, wrong := range []string{`'smart'`, `undefined`, `1`} {
		require.Equal(t, `QueryError: restartServer(mode): accepted are "fast" and "immediate"`,
			u.JS(`failure(() => pgxpool.restartServer(`+wrong+`))`).String())
	}
}

func TestRestartServerLeavesTheUsersOwnAlone(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1 }`)
	u.JS(`const at = pool.queryRow('SELECT pg_postmaster_start_time()::text AS at').at`)
	require.Equal(t, "ConfigError: restartServer(): the server of DATABASE_URL is your own; use a run without DATABASE_URL, or restart yours by hand",
		u.JS(`failure(() => pgxpool.restartServer('fast'))`).String())
	require.True(t, u.JS(`pool.queryRow('SELECT pg_postmaster_start_time()::text AS at').at === at`).ToBoolean())
}

func TestRestartServerInTheInitContext(t *testing.T) {
	require.Contains(t, jstest.InInit(t).JS(`failure(() => pgxpool.restartServer('fast'))`).String(), "init context")
}
