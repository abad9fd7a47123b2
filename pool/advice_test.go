package pool

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func refusal(code, message string) error {
	return fmt.Errorf("failed to connect: %w", &pgconn.PgError{Severity: "FATAL", Code: code, Message: message})
}

func system(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
}

// A row for each piece of advice about a connection that could not be opened.
func TestAdviceForAFailedConnect(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{refusal("53300", `too many connections for role "app"`), "the role's CONNECTION LIMIT is reached"},
		{refusal("53300", `too many connections for database "app"`), "the database's CONNECTION LIMIT is reached"},
		{refusal("53300", "sorry, too many clients already"), "the server's max_connections is reached: lower"},
		{refusal("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute"), "reserves for superusers"},
		{refusal("53400", "x"), "a limit of the server's configuration"},
		{refusal("28P01", `password authentication failed for user "app"`), "check user and password"},
		{refusal("28000", `no pg_hba.conf entry for host "10.0.0.1"`), "add a line to its pg_hba.conf"},
		{refusal("28000", `role "app" is not permitted to log in`), "the role may log in"},
		{refusal("3D000", `database "app" does not exist`), "create the database"},
		{refusal("42501", "permission denied for database"), "GRANT CONNECT"},
		{refusal("42704", `unrecognized configuration parameter "enable_sekscan"`), "no such setting"},
		{refusal("22023", "x"), "does not accept that value"},
		{refusal("57P03", "the database system is starting up"), "wait until it accepts connections"},
		{refusal("08P01", "no more connections allowed (max_client_conn)"), "lower poolSize + maxOverflow or raise it"},
		{refusal("08P01", "server login has been failing, try again later (server_login_retry)"), "PgBouncer cannot log in to the server"},
		{refusal("08P01", "no such database: flow"), "PgBouncer's [databases]"},
		{refusal("08P01", "x"), "those of a PostgreSQL server or of a pooler"},
		{refusal("08P01", "unsupported startup parameter: statement_timeout"), "the pooler refuses what option statementTimeout"},
		{refusal("08P01", "unsupported startup parameter: search_path"), "the pooler refuses what a parameter of the URL sends"},
		{refusal("XX000", "x"), "check url (DATABASE_URL) and that the server is up"},
		{system(syscall.EMFILE), "ulimit -n"},
		{system(syscall.ENFILE), "fs.file-max"},
		{system(syscall.EADDRNOTAVAIL), "no free port left"},
		{system(syscall.EHOSTUNREACH), "the network to it"},
		{system(syscall.ENETUNREACH), "the network to it"},
		{system(syscall.ENOENT), "no server has its socket there"},
		{system(syscall.EACCES), "may not use the server's socket"},
		{system(syscall.ECONNREFUSED), "check url (DATABASE_URL) and that the server is up"},
		{context.DeadlineExceeded, "raise connectTimeout"},
		{&net.DNSError{Err: "no such host", Name: "db"}, "check the host"},
		{x509.UnknownAuthorityError{}, "sslrootcert"},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db"}, "sslrootcert"},
		{errors.New("server refused TLS connection"), "the server has no TLS"},
		{&malformedError{"x"}, "those of a PostgreSQL server"},
	} {
		e := &ConnectError{Pool: "p", Server: "s", Err: test.err}
		require.Contains(t, e.Advice(), test.want, "%v", test.err)
		require.Contains(t, e.Error(), e.Advice())
	}
}

// A row for each piece of advice about a connection that was lost. What is on
// already is not advised.
func TestAdviceForALostConnection(t *testing.T) {
	for _, test := range []struct {
		outcome Outcome
		prePing bool
		err     error
		want    string
	}{
		{OutcomeUnknown, false, errors.New("unexpected EOF"), "poolPrePing finds dead connections"},
		{OutcomeUnknown, true, errors.New("unexpected EOF"), "alive when it was checked out"},
		{OutcomeNotSent, false, errors.New("conn closed"), "poolPrePing finds dead connections"},
		{OutcomeNotSent, true, errors.New("conn closed"), "alive when it was checked out"},
		{OutcomeCommitUnknown, false, errors.New("unexpected EOF"), "look for its rows"},
		{OutcomeRolledBack, true, errors.New("unexpected EOF"), "run the whole transaction again"},
		{OutcomeUnknown, false, &malformedError{"x"}, "what is between"},
		{OutcomeRolledBack, false, refusal("25P03", "x"), "idle_in_transaction_session_timeout"},
		{OutcomeRolledBack, false, refusal("25P04", "x"), "transaction_timeout"},
		{OutcomeUnknown, false, refusal("53100", "x"), "disk is full"},
		{OutcomeUnknown, false, refusal("53200", "x"), "out of memory"},
		{OutcomeUnknown, false, refusal("57P01", "x"), "an administrator ended the session"},
		{OutcomeUnknown, false, refusal("57P02", "x"), "crashed"},
		{OutcomeUnknown, false, refusal("57P04", "x"), "dropped"},
		{OutcomeNotSent, false, refusal("57P05", "x"), "idle_session_timeout"},
	} {
		e := &ConnectionLostError{Outcome: test.outcome, PrePing: test.prePing, Err: test.err}
		require.Contains(t, e.Error(), test.want, "%v", test.err)
		require.NotContains(t, e.Error(), map[bool]string{true: "poolPrePing", false: "nothing"}[test.prePing])
	}
}

func TestAdviceForAFailedStatement(t *testing.T) {
	for code, want := range map[string]string{"42P05": "queryExecMode", "26000": "queryExecMode", "53100": "disk is full"} {
		e := &QueryError{Code: code, Err: &pgconn.PgError{Severity: "ERROR", Code: code, Message: "x"}}
		require.Contains(t, e.Error(), want)
	}
}

// What is known of the server stands in place of what the error alone says, and a
// connection beside the pool's is named where it is one too many.
func TestAdviceKnowsMoreThanTheError(t *testing.T) {
	const promote = "the server is a standby: promote it"
	e := &ConnectError{Trouble: promote, Err: refusal("28P01", "x")}
	require.Equal(t, promote, e.Advice())
	lost := &ConnectionLostError{Trouble: promote, Outcome: OutcomeRolledBack, Err: refusal("57P01", "x")}
	require.Contains(t, lost.Error(), "; "+promote)
	require.NotContains(t, lost.Error(), "administrator")
	for code, named := range map[string]bool{"53300": true, "53400": false} {
		watched := &ConnectError{Watched: true, Err: refusal(code, "x")}
		require.Equal(t, named, strings.HasSuffix(watched.Error(), watchAdvice), code)
		watched.Watched = false
		require.NotContains(t, watched.Error(), watchAdvice)
	}
}

// The pool asks for the trouble when a connection cannot be opened, and when one is
// lost.
func TestServerTroubleIsInTheErrors(t *testing.T) {
	const trouble = "the server is in recovery"
	config := DefaultConfig()
	config.URL, config.PoolPrePing = pgtest.URL(t), false
	p, err := New(config, Options{ServerTrouble: func() string { return trouble }})
	require.NoError(t, err)
	defer p.Shutdown(t.Context())
	s := NewScope(t.Context(), NopObserver{})
	_, err = p.Exec(s, "SELECT pg_terminate_backend(pg_backend_pid())", nil)
	var lost *ConnectionLostError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, trouble, lost.Trouble)
	p.connConfig = p.connConfig.Copy()
	p.connConfig.Database = "no_such_database"
	_, err = p.Exec(s, "SELECT 1", nil)
	var connect *ConnectError
	require.ErrorAs(t, err, &connect)
	require.Equal(t, trouble, connect.Advice())
}

// The cause is in the words of whoever refused, without what pgx says around them.
func TestCauseOfAFailedConnect(t *testing.T) {
	for want, err := range map[string]error{
		`role "***" may not log in`:                       refusal("28000", "role \"geheim\" may\nnot log in"),
		"no such host: db.example":                        fmt.Errorf("looking up: %w", &net.DNSError{Err: "no such host", Name: "db.example"}),
		"connection refused":                              system(syscall.ECONNREFUSED),
		"the server did not answer within connectTimeout": fmt.Errorf("dialing: %w", context.DeadlineExceeded),
		"server refused TLS connection":                   errors.New("server refused TLS connection"),
	} {
		require.Equal(t, want, (&ConnectError{Err: err, hidden: "geheim"}).Cause())
	}
}

// Of the places that are taken it is said which are not in use yet or any more, and
// where they are most of them it is the server that is slow.
func TestTimeoutTellsOpeningAndClosingApart(t *testing.T) {
	for want, e := range map[string]TimeoutError{
		"active=3, idle=0, waiting=7, waited=1.235s); raise poolSize":                           {},
		"active=3, opening=1, closing=1, idle=0, waiting=7, waited=1.235s); find out why":       {Opening: 1, Closing: 1},
		"active=3, closing=1, idle=0, waiting=7, waited=1.235s); raise poolSize or maxOverflow": {Closing: 1},
	} {
		e.Stat, e.Waited = Stat{Active: 3, Waiting: 7}, 1234567*time.Microsecond
		require.ErrorContains(t, &e, want)
	}
}
