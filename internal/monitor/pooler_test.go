//go:build unix

package monitor

import (
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgbouncertest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// consoleURL is that of the console of the PgBouncer at address, for a user who may ask.
func consoleURL(t *testing.T, address, user string) string {
	t.Helper()
	console, err := url.Parse(address)
	require.NoError(t, err)
	console.User, console.Path = url.User(user), "/pgbouncer"
	return console.String()
}

// Of two clients one waits for the only server connection.
func TestTheConsoleOfPgBouncerTellsWhoWaits(t *testing.T) {
	address := pgbouncertest.Start(t, pgtest.URL(t), 1)
	parsed, err := pgconn.ParseConfig(address)
	require.NoError(t, err)
	console, err := newPgBouncer(consoleURL(t, address, "console"), parsed.Database)
	require.NoError(t, err)
	defer console.close()

	holds, err := pgconn.Connect(t.Context(), address)
	require.NoError(t, err)
	defer holds.Close(t.Context()) //nolint:errcheck // it only had to be there
	_, err = holds.Exec(t.Context(), "BEGIN").ReadAll()
	require.NoError(t, err)
	waits, err := pgconn.Connect(t.Context(), address)
	require.NoError(t, err)
	answered := make(chan error, 1)
	go func() {
		_, err := waits.Exec(t.Context(), "SELECT 1").ReadAll()
		answered <- err
	}()

	var pooler *Pooler
	require.Eventually(t, func() bool {
		pooler, err = console.read(t.Context())
		return err == nil && pooler.ClientsWaiting == 1
	}, 20*time.Second, 20*time.Millisecond)
	require.True(t, pooler.Told)
	require.Regexp(t, `^PgBouncer \d`, pooler.Version)
	require.Equal(t, parsed.Database, pooler.Database)
	require.Equal(t, "transaction", pooler.PoolMode)
	require.Equal(t, 1, pooler.PoolSize)
	require.Equal(t, "default_pool_size", pooler.Setting)
	require.Equal(t, 1, pooler.ClientsActive)
	require.Equal(t, 1, pooler.ServersActive)
	require.Zero(t, pooler.ServersIdle)
	require.Equal(t, 100, pooler.MaxClients)
	require.Equal(t, 3, pooler.Clients, "the console's own is one")

	_, err = holds.Exec(t.Context(), "COMMIT").ReadAll()
	require.NoError(t, err)
	require.NoError(t, <-answered)
	require.NoError(t, waits.Close(t.Context()))
	before := *pooler
	require.Eventually(t, func() bool { // statistics come once a second
		pooler, err = console.read(t.Context())
		return err == nil && pooler.WaitTime > 0
	}, 20*time.Second, 50*time.Millisecond)
	require.Zero(t, pooler.ClientsWaiting)
	require.GreaterOrEqual(t, pooler.Transactions, before.Transactions)
}

// Nobody named the console: it is asked where the monitor's own connection goes through
// it. A server without one is not asked again.
func TestTheConsoleBesideTheMonitorsConnection(t *testing.T) {
	direct := pgtest.URL(t)
	for address, behind := range map[string]bool{direct: false, pgbouncertest.Start(t, direct, 1): true} {
		cfg, err := pgx.ParseConfig(address)
		require.NoError(t, err)
		s := NewSampler(Config{Conn: cfg})
		require.Equal(t, behind, s.readBeside(t.Context()).Told)
		require.Equal(t, !behind, s.besideOff)
		s.beside.close()
	}
}

func TestAnAddressThatIsNoConsole(t *testing.T) {
	for _, address := range []string{"", "host=127.0.0.1", "postgres://u:secret@127.0.0.1:port/pgbouncer", "127.0.0.1:6432"} {
		_, err := newPgBouncer(address, "")
		require.ErrorContains(t, err, "it is not the URL of a console", address)
		require.NotContains(t, err.Error(), "secret")
	}
}
