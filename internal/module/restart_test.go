package module

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// onTemporaryServer is a user in VU code with a pool on a temporary PostgreSQL.
func onTemporaryServer(t testing.TB) *user {
	u := newUserOf(t, New(), "")
	u.js(`const pool = new Pool({ poolSize: 1, maxOverflow: 0 })`)
	u.start()
	return u
}

func TestRestartServer(t *testing.T) {
	u := onTemporaryServer(t)
	require.Contains(t, u.js(`failure(() => pgxpool.restartServer('fast'))`).String(),
		"QueryError: restartServer(): the temporary PostgreSQL starts with the first use of a pool")
	u.js(`const started = () => pool.queryRow('SELECT pg_postmaster_start_time()::text AS at').at; let before = started()`)
	for _, mode := range []string{"fast", "immediate"} {
		u.js(`pgxpool.restartServer('` + mode + `')`)
		require.True(t, u.js(`const now_`+mode+` = started(); const other_`+mode+` = now_`+mode+` !== before; before = now_`+mode+`; other_`+mode).ToBoolean())
	}
	for _, wrong := range []string{`'smart'`, `undefined`, `1`} {
		require.Equal(t, `QueryError: restartServer(mode): accepted are "fast" and "immediate"`,
			u.js(`failure(() => pgxpool.restartServer(`+wrong+`))`).String())
	}
}

func TestRestartServerLeavesTheUsersOwnAlone(t *testing.T) {
	u := running(t, `{ poolSize: 1 }`)
	u.js(`const at = pool.queryRow('SELECT pg_postmaster_start_time()::text AS at').at`)
	require.Equal(t, "ConfigError: restartServer(): the server of DATABASE_URL is your own; use a run without DATABASE_URL, or restart yours by hand",
		u.js(`failure(() => pgxpool.restartServer('fast'))`).String())
	require.True(t, u.js(`pool.queryRow('SELECT pg_postmaster_start_time()::text AS at').at === at`).ToBoolean())
}

func TestRestartServerInTheInitContext(t *testing.T) {
	require.Contains(t, newInitUser(t).js(`failure(() => pgxpool.restartServer('fast'))`).String(), "init context")
}
