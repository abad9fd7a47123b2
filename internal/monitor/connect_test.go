package monitor

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// refusing answers like PgBouncer: a startup message with the parameter is
// refused, any other let in.
func refusing(t *testing.T, parameter string) (url string, startups <-chan map[string]string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // closed below
	require.NoError(t, err)
	seen := make(chan map[string]string, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answerStartup(conn, parameter, seen)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return "postgres://user:secret@" + listener.Addr().String() + "/db?sslmode=disable", seen
}

func answerStartup(conn net.Conn, parameter string, seen chan<- map[string]string) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	backend := pgproto3.NewBackend(conn, conn)
	message, err := backend.ReceiveStartupMessage()
	if err != nil {
		return
	}
	startup, ok := message.(*pgproto3.StartupMessage)
	if !ok {
		return
	}
	seen <- startup.Parameters
	if _, refused := startup.Parameters[parameter]; refused {
		backend.Send(&pgproto3.ErrorResponse{
			Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: " + parameter,
		})
		_ = backend.Flush()
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	_ = backend.Flush()
	_, _ = backend.Receive() // until the client ends
}

func TestConnectDoesWithoutWhatPgBouncerRefuses(t *testing.T) {
	url, startups := refusing(t, "statement_timeout")
	cfg, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	conn, err := Connect(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	first, second := <-startups, <-startups
	require.Equal(t, "5000", first["statement_timeout"])
	require.NotContains(t, second, "statement_timeout")
	require.Equal(t, ApplicationName, second["application_name"])
	require.NotContains(t, cfg.RuntimeParams, "application_name", "the caller's is left as it is")
}

func TestConnectNamesAnyOtherRefusedParameter(t *testing.T) {
	url, _ := refusing(t, "search_path")
	cfg, err := pgx.ParseConfig(url + "&search_path=flowboard")
	require.NoError(t, err)
	_, err = Connect(t.Context(), cfg)
	require.ErrorContains(t, err, "unsupported startup parameter: search_path")
	require.NotContains(t, err.Error(), "secret")
}

// sslmode=prefer asks for TLS first: that the server has none is not why.
func TestWhyTheMonitorIsRefused(t *testing.T) {
	app := newApplication(t)
	role := newRole(t, app.url, "")
	exec(t, pgtest.Conn(t, app.url), "ALTER ROLE "+role+" NOLOGIN")
	cfg, err := pgx.ParseConfig(asRole(t, strings.Replace(app.url, "sslmode=disable", "sslmode=prefer", 1), role))
	require.NoError(t, err)
	_, err = Connect(t.Context(), cfg)
	require.ErrorContains(t, err, "is not permitted to log in")
	require.NotContains(t, err.Error(), "TLS")
	require.Equal(t, "check the user in --url (DATABASE_URL) and that the role may log in", Advice(err))

	s := NewSampler(Config{Conn: cfg, selection: Selection{Application: app.name}, pool: tuned})
	t.Cleanup(s.Close)
	require.Contains(t, literal(s.Sample(t.Context()).Notices), "the server refuses the monitor's own login, trying again every interval: ")
	for said, err := range map[string]error{
		"the server refuses the monitor's own login, ": &connectError{&pgconn.PgError{Code: "55000", Message: "database is not currently accepting connections"}},
		"the server's certificate does not pass, ":     &connectError{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}},
	} {
		s.explainDatabase(t.Context(), nil, err)
		require.Contains(t, s.notices.take()[0].Text, said)
	}
}
