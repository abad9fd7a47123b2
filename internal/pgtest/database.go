package pgtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// applicationName is never one that a test counts.
const applicationName = "pgtest"

// Database makes an empty database on the server of this test binary and returns its URL.
// At the test's end it is dropped together with the connections that are still open to it.
func Database(t testing.TB) string {
	t.Helper()
	server := URL(t)
	name := "pgtest_" + strings.ToLower(rand.Text())
	execute(t, server, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	t.Cleanup(func() { execute(t, server, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)") })
	u, err := url.Parse(server)
	require.NoError(t, err, "read TEST_DATABASE_URL")
	u.Path = "/" + name
	return u.String()
}

func execute(t testing.TB, url, sql string) {
	t.Helper()
	ctx := context.Background() // a cleanup runs after the test's context has ended
	conn := connect(ctx, t, url)
	_, err := conn.Exec(ctx, sql)
	require.NoError(t, err, sql)
	require.NoError(t, conn.Close(ctx), "close a connection")
}

func connect(ctx context.Context, t testing.TB, url string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err, "read the URL")
	config.RuntimeParams["application_name"] = applicationName
	conn, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err, "connect")
	return conn
}

// Conn opens a plain connection named "pgtest", which is closed at the test's end.
func Conn(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn := connect(t.Context(), t, url)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the test may have had it killed
	return conn
}

// Backends counts the client connections that the server of the URL has with this application_name, in all its databases.
func Backends(t testing.TB, url, applicationName string) int {
	t.Helper()
	conn := connect(t.Context(), t, url)
	defer func() { require.NoError(t, conn.Close(context.Background()), "close a connection") }()
	var count int
	err := conn.QueryRow(t.Context(),
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name = $1",
		applicationName).Scan(&count)
	require.NoError(t, err, "count the backends")
	return count
}
