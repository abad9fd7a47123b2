package pool

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// connectError is how pgx fails to connect to url.
func connectError(t *testing.T, url string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_ = conn.Close(t.Context())
	}
	require.Error(t, err)
	return err
}

// pgconn joins the errors of all hosts below one ConnectError.
func TestUpstreamAttemptsAreOnePerHost(t *testing.T) {
	all := attempts(connectError(t, "postgres://nobody@127.0.0.1:1,127.0.0.2:1/x?sslmode=disable"))
	require.Len(t, all, 2)
	require.ErrorContains(t, all[0], "127.0.0.1:1")
	require.ErrorContains(t, all[1], "127.0.0.2:1")
}

// A name that cannot be looked up is one level deeper.
func TestUpstreamAttemptsOfNamesThatAreNotFound(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://nobody@nowhere.invalid/x?sslmode=disable")
	require.NoError(t, err)
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.Error(t, err)
	all := attempts(err)
	require.Len(t, all, 1)
	require.False(t, strings.HasPrefix(all[0].Error(), "failed to connect to"), "%v", all[0])
	require.ErrorContains(t, all[0], "no such host")
}

// With sslmode=prefer the attempt without TLS says more than the one with it.
func TestUpstreamRefusedTLSIsLeftOut(t *testing.T) {
	url := pgtest.URL(t)
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	server := net.JoinHostPort(config.Host, "") // host only, the port follows
	require.NotEmpty(t, server)

	prefer := strings.Replace(url, "sslmode=disable", "sslmode=prefer", 1) + "&user=nobody_at_all"
	require.Contains(t, prefer, "sslmode=prefer")
	err = connectError(t, prefer)
	require.Contains(t, err.Error(), noTLS, "pgx has tried TLS, and says so in these words")
	for _, e := range attempts(err) {
		require.NotContains(t, e.Error(), noTLS)
	}
	require.NotEmpty(t, attempts(err))

	only := strings.Replace(url, "sslmode=disable", "sslmode=require", 1)
	err = connectError(t, only)
	require.Len(t, attempts(err), 1, "it is the only attempt")
	require.ErrorContains(t, attempts(err)[0], noTLS)
}
