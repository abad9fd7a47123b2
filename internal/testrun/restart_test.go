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
		require.Equal(t, `QueryError: restartServer(mode): use "fast" or "immediate"`,
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

// Which server a pool is at shows in what it may write.
func TestFailOver(t *testing.T) {
	for attributes, follows := range map[string]bool{"read-write": true, "any": false} {
		u := onTemporaryServer(t)
		require.Contains(t, u.JS(`failure(() => pgxpool.failOver())`).String(), "QueryError: failOver(): there is no standby; call startStandby() in setup()")
		u.JS(`pgxpool.startStandby('` + attributes + `'); pool.exec('CREATE TABLE written (n int)'); pgxpool.failOver()`)
		u.JS(`let works = 0; for (let i = 0; i < 100; i++) { try { pool.exec('INSERT INTO written VALUES (1)'); works++ } catch (e) { } }`)
		if follows {
			require.GreaterOrEqual(t, u.JS(`works`).ToInteger(), int64(99), "the first may fail")
		} else {
			require.Contains(t, u.JS(`failure(() => pool.exec('INSERT INTO written VALUES (1)'))`).String(), "25006")
		}
		require.Contains(t, u.JS(`failure(() => pgxpool.startStandby('any'))`).String(), "QueryError: startStandby(): a pool has connected")
	}
}

func TestFailOverRefusals(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1 }`)
	require.Equal(t, "ConfigError: failOver(): the server of DATABASE_URL is your own; use a run without DATABASE_URL, or fail over yours by hand",
		u.JS(`failure(() => pgxpool.failOver())`).String())
	require.Contains(t, u.JS(`failure(() => pgxpool.startStandby('any'))`).String(), "ConfigError: startStandby(): the server of DATABASE_URL is your own")
	require.Equal(t, `QueryError: startStandby(targetSessionAttrs): use "any" or "read-write"`,
		u.JS(`failure(() => pgxpool.startStandby('standby'))`).String())
	init := jstest.InInit(t)
	require.Contains(t, init.JS(`failure(() => pgxpool.failOver())`).String(), "init context")
	require.Contains(t, init.JS(`failure(() => pgxpool.startStandby('any'))`).String(), "init context")
}
