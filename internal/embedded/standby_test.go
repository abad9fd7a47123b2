//go:build unix

package embedded_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestFailoverToAStandby(t *testing.T) {
	dir := openDir(t)
	primary, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, primary.Stop()) })
	old := pgtest.Conn(t, primary.URL())
	standby, err := primary.Standby(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Stop()) })

	const recovering = "SELECT pg_is_in_recovery()::text"
	fresh := pgtest.Conn(t, standby.URL())
	require.Equal(t, "true", scalar(t, fresh, recovering))
	_, err = old.Exec(t.Context(), "CREATE TABLE written AS SELECT 42 AS answer") // after the copy: it has to be streamed
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return scalar(t, fresh, "SELECT count(*)::text FROM pg_class WHERE relname = 'written'") == "1"
	}, patience, glance)
	both := primary.URLWith(standby, "read-write")
	require.Equal(t, old.Config().Port, chosenPort(t, both), "the primary takes writes")

	require.NoError(t, primary.MakeReadOnly())
	require.NoError(t, standby.Promote(t.Context()))
	require.Equal(t, "false", scalar(t, fresh, recovering), "sessions outlive the promotion")
	_, err = fresh.Exec(t.Context(), "INSERT INTO written VALUES (43)")
	require.NoError(t, err)
	require.Eventually(t, func() bool { // a session takes the new setting up after the signal
		_, err = old.Exec(t.Context(), "INSERT INTO written VALUES (44)")
		var refused *pgconn.PgError
		return errors.As(err, &refused) && refused.Code == "25006"
	}, patience, 10*glance)
	require.Equal(t, "false", scalar(t, old, recovering), "no standby, and reads go on")
	require.NotEqual(t, old.Config().Port, chosenPort(t, both), "and now the other one does")
	require.Error(t, standby.Promote(t.Context()), "it is no standby any more")

	require.NoError(t, primary.Stop())
	require.NoError(t, standby.Stop())
	requireEmpty(t, dir)
	require.EqualError(t, standby.Promote(t.Context()), "the temporary PostgreSQL is stopped")
	require.EqualError(t, primary.MakeReadOnly(), "the temporary PostgreSQL is stopped")
}

// chosenPort connects and gives the server that was chosen.
func chosenPort(t *testing.T, url string) uint16 {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // only its address was wanted
	return uint16(conn.PgConn().Conn().RemoteAddr().(*net.TCPAddr).Port)
}

// A downloaded PostgreSQL has no pg_basebackup.
func TestAStandbyNeedsPgBasebackup(t *testing.T) {
	shared := pgtest.Server(t, embedded.Config{}).BinDir()
	dir := openDir(t)
	programs := filepath.Join(dir, "programs")
	require.NoError(t, os.Mkdir(programs, 0o755))
	for _, name := range []string{"initdb", "postgres"} {
		require.NoError(t, os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\nexec "+filepath.Join(shared, name)+" \"$@\"\n"), 0o755))
	}
	t.Setenv("PG_BIN", programs)
	primary, err := embedded.Start(t.Context(), embedded.Config{})
	require.NoError(t, err)
	_, err = primary.Standby(t.Context())
	require.ErrorContains(t, err, "it needs an installed PostgreSQL with pg_basebackup")
	require.NoError(t, primary.Stop())
}
