package testrun

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestErrorsAreCountedBySQLSTATEElseByName(t *testing.T) {
	refused := &pgconn.PgError{Code: "53300"}
	for want, err := range map[string]error{
		"53300":        &pool.ConnectError{Err: fmt.Errorf("connecting: %w", refused)},
		"ConnectError": &pool.ConnectError{Err: fmt.Errorf("refused")},
		"PgBouncer: no more connections allowed (max_client_conn)": &pool.ConnectError{Err: &pgconn.PgError{
			Severity: "FATAL", Code: "08P01", Message: "no more connections allowed (max_client_conn)",
		}},
		"08P01":               &pool.QueryError{Err: &pgconn.PgError{Code: "08P01", Message: "incorrect binary data format"}},
		"57P01":               &pool.ConnectionLostError{Err: &pgconn.PgError{Code: "57P01"}},
		"ConnectionLostError": &pool.ConnectionLostError{Err: fmt.Errorf("EOF")},
		"PoolTimeoutError":    &pool.TimeoutError{},
		"login: 42501":        &pool.ConnectError{Err: &pgconn.PgError{Code: "42501"}},
		"42501":               &pool.QueryError{Err: &pgconn.PgError{Code: "42501"}},
		"login: host name":    &pool.ConnectError{Err: fmt.Errorf("dial: %w", &net.DNSError{Name: "db.invalid"})},
		"login: certificate":  &pool.ConnectError{Err: untrusted(t)},
	} {
		require.Equal(t, want, errorKey(err))
	}
}

// untrusted is what comes of a server whose certificate nobody has signed that is known.
func untrusted(t *testing.T) error {
	t.Helper()
	signed := httptest.NewTLSServer(nil)
	t.Cleanup(signed.Close)
	server, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: signed.TLS.Certificates, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1)) // the handshake, which the client ends
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		<-ended
	})
	_, err = pgconn.Connect(t.Context(), fmt.Sprintf("postgres://app@%s/flow?sslmode=verify-full&sslnegotiation=direct", server.Addr()))
	require.Error(t, err)
	return err
}
