//go:build unix

package pgxtext

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgbouncertest"
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
func TestAttemptsAreOnePerHost(t *testing.T) {
	all := Attempts(connectError(t, "postgres://nobody@127.0.0.1:1,127.0.0.2:1/x?sslmode=disable"))
	require.Len(t, all, 2)
	require.ErrorContains(t, all[0], "127.0.0.1:1")
	require.ErrorContains(t, all[1], "127.0.0.2:1")
}

// A name that cannot be looked up is one level deeper.
func TestAttemptsOfNamesThatAreNotFound(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://nobody@nowhere.invalid/x?sslmode=disable")
	require.NoError(t, err)
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.Error(t, err)
	all := Attempts(err)
	require.Len(t, all, 1)
	require.False(t, strings.HasPrefix(all[0].Error(), "failed to connect to"), "%v", all[0])
	require.ErrorContains(t, all[0], "no such host")
}

// With sslmode=prefer the attempt without TLS says more than the one with it.
func TestRefusedTLSIsLeftOut(t *testing.T) {
	url := pgtest.URL(t)
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	server := net.JoinHostPort(config.Host, "") // host only, the port follows
	require.NotEmpty(t, server)

	prefer := strings.Replace(url, "sslmode=disable", "sslmode=prefer", 1) + "&user=nobody_at_all"
	require.Contains(t, prefer, "sslmode=prefer")
	err = connectError(t, prefer)
	require.Contains(t, err.Error(), noTLS, "pgx has tried TLS, and says so in these words")
	for _, e := range Attempts(err) {
		require.NotContains(t, e.Error(), noTLS)
	}
	require.NotEmpty(t, Attempts(err))

	only := strings.Replace(url, "sslmode=disable", "sslmode=require", 1)
	err = connectError(t, only)
	require.Len(t, Attempts(err), 1, "it is the only attempt")
	require.ErrorContains(t, Attempts(err)[0], noTLS)
}

func TestRefusedParameterOfAPooler(t *testing.T) {
	url := pgbouncertest.Start(t, pgtest.URL(t), 1)
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	config.RuntimeParams["work_mem"] = "1MB"
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.Error(t, err)
	follows, found := RefusedParameter(err.Error())
	require.True(t, found, "%v", err)
	require.Contains(t, follows, "work_mem")
	_, found = RefusedParameter("SELECT 1")
	require.False(t, found)
}

func TestOutdatedPlanIsToldFromWhatIsUnsupported(t *testing.T) {
	conn := pgtest.Conn(t, pgtest.Database(t))
	ctx := t.Context()
	_, err := conn.Exec(ctx, "CREATE TABLE changing (a int)")
	require.NoError(t, err)
	_, err = conn.Prepare(ctx, "read", "SELECT * FROM changing")
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "ALTER TABLE changing ADD b text")
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "read")
	require.ErrorContains(t, err, "0A000")
	require.True(t, IsOutdatedPlan(err), "%v", err)
	_, err = conn.Exec(ctx, "SELECT count(*) FROM pg_class FOR UPDATE")
	require.ErrorContains(t, err, "0A000")
	require.False(t, IsOutdatedPlan(err))
}
