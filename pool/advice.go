package pool

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/upstream/pgxtext"
)

// Advice is chosen from what is known of an error, and says nothing else.

// connectAdvice is what to do about a connection that could not be opened, by the
// server's SQLSTATE and, where several causes share one, its message.
var connectAdvice = []struct {
	code, message string // a part of the message; "": any
	advice        string
}{
	{"53300", "reserved", "the server's max_connections is reached, except for what it reserves for superusers: lower poolSize + maxOverflow or raise it"},
	{"53300", "for role", "the role's CONNECTION LIMIT is reached: lower poolSize + maxOverflow, or ALTER ROLE … CONNECTION LIMIT"},
	{"53300", "for database", "the database's CONNECTION LIMIT is reached: lower poolSize + maxOverflow, or ALTER DATABASE … CONNECTION LIMIT"},
	{"53300", "", "the server's max_connections is reached: lower poolSize + maxOverflow or raise it"},
	{"53400", "", "a limit of the server's configuration is reached: lower poolSize + maxOverflow"},
	{"28P01", "", "check user and password in url (DATABASE_URL), PGPASSWORD or ~/.pgpass"},
	{"28000", "pg_hba.conf", "the server allows this role only from other addresses: add a line to its pg_hba.conf, or set sslmode in url (DATABASE_URL)"},
	{"28000", "", "check the user in url (DATABASE_URL) and that the role may log in"},
	{"3D000", "", "create the database, or check its name in url (DATABASE_URL)"},
	{"42501", "", "GRANT CONNECT ON DATABASE … TO the role"},
	{"42704", "", "the server has no such setting: check the parameters of url (DATABASE_URL)"},
	{"22023", "", "the server does not accept that value: check the parameters of url (DATABASE_URL)"},
	{"57P03", "", "the server is starting up or shutting down: wait until it accepts connections"},
	{"08P01", "max_client_conn", "PgBouncer's max_client_conn is reached: lower poolSize + maxOverflow or raise it"},
	{"08P01", "server_login_retry", "PgBouncer cannot log in to the server: look at its log and check that the server is up"},
	{"08P01", "no such database", "add the database to PgBouncer's [databases], or check its name in url (DATABASE_URL)"},
	{"08P01", "", "check that host and port in url (DATABASE_URL) are those of a PostgreSQL server or of a pooler"},
}

// watchAdvice is for a limit that is reached by one connection more than the pool's.
const watchAdvice = "; one more connection reads the database's CPU: set dbCpu (DB_CPU) to false to do without"

// systemAdvice is the same by the operating system's error.
var systemAdvice = []struct {
	err    error
	advice string
}{
	{syscall.EMFILE, "this process may not open more files: raise its limit (ulimit -n), or lower poolSize + maxOverflow or the number of users"},
	{syscall.ENFILE, "this machine may not open more files: raise its limit (sysctl fs.file-max)"},
	{syscall.EADDRNOTAVAIL, "this machine has no free port left: connections are opened and closed too often, raise poolSize in place of maxOverflow"},
	{syscall.EHOSTUNREACH, "check the host in url (DATABASE_URL) and the network to it"},
	{syscall.ENETUNREACH, "check the host in url (DATABASE_URL) and the network to it"},
	{syscall.ENOENT, "no server has its socket there: check the host in url (DATABASE_URL) and that the server is up"},
	{syscall.EACCES, "this user may not use the server's socket: check the host in url (DATABASE_URL)"},
	{context.DeadlineExceeded, "check url (DATABASE_URL) and that the server is up, or raise connectTimeout"},
}

// Advice is what to do about it.
func (e *ConnectError) Advice() string {
	if e.Trouble != "" {
		return e.Trouble
	}
	said := e.tried()
	if rest, ok := pgxtext.RefusedParameter(said); ok {
		return "the pooler refuses what " + senderOf(rest) + " sends: leave it out, or add it to the pooler's ignore_startup_parameters"
	}
	if pgxtext.RefusedTLS(said) {
		return "the server has no TLS: set sslmode=prefer or sslmode=disable in url (DATABASE_URL), or turn its ssl on"
	}
	if is[*onConnectError](e.Err) {
		return "every connection begins with onConnect (DB_ON_CONNECT): check its SQL and the rights of the role"
	}
	for _, advice := range []func() string{e.serverAdvice, e.identityAdvice, e.systemAdvice} {
		if said := advice(); said != "" {
			return said
		}
	}
	return "check url (DATABASE_URL) and that the server is up"
}

func (e *ConnectError) serverAdvice() string {
	var server *pgconn.PgError
	if errors.As(e.Err, &server) {
		for _, a := range connectAdvice {
			if a.code == server.Code && strings.Contains(server.Message, a.message) {
				if a.code == "53300" && e.Watched {
					return a.advice + watchAdvice
				}
				return a.advice
			}
		}
	}
	return ""
}

// identityAdvice is for a server that is another one than was meant.
func (e *ConnectError) identityAdvice() string {
	switch {
	case is[*net.DNSError](e.Err):
		return "check the host in url (DATABASE_URL)"
	case is[*tls.CertificateVerificationError](e.Err), is[x509.UnknownAuthorityError](e.Err), is[x509.HostnameError](e.Err):
		return "check sslrootcert and sslmode in url (DATABASE_URL) against the server's certificate"
	case is[*malformedError](e.Err):
		return "check that host and port in url (DATABASE_URL) are those of a PostgreSQL server"
	}
	return ""
}

func (e *ConnectError) systemAdvice() string {
	for _, a := range systemAdvice {
		if errors.Is(e.Err, a.err) {
			return a.advice
		}
	}
	return ""
}

// senderOf names the setting that sends a startup parameter.
func senderOf(text string) string {
	for parameter, sender := range map[string]string{
		"statement_timeout":             "option statementTimeout (or the URL's statement_timeout)",
		"application_name":              "option applicationName",
		"default_transaction_isolation": "option isolationLevel (with the driver pgx)",
		"options":                       "the URL's options (or PGOPTIONS)",
	} {
		if strings.Contains(text, parameter) {
			return sender
		}
	}
	return "a parameter of the URL"
}

// lostAdvice is what to do about a connection that the server ended, by its
// SQLSTATE.
var lostAdvice = map[string]string{
	"25P03": "the transaction was idle for longer than the server's idle_in_transaction_session_timeout: hold it for less time",
	"25P04": "the transaction took longer than the server's transaction_timeout: hold it for less time",
	"53100": "the server's disk is full",
	"53200": "the server is out of memory",
	"57P01": "an administrator ended the session, or the server is shutting down",
	"57P02": "a process of the server crashed, and it ends all sessions: look at its log",
	"57P04": "the database was dropped",
	"57P05": "the connection was idle for longer than the server's idle_session_timeout: raise it, or lower poolRecycle",
}

// advice is for the next time: what is known of the cause, and what
// finds a connection that died while it was idle, unless that is on already.
func (e *ConnectionLostError) advice() string {
	server, ok := errors.AsType[*pgconn.PgError](e.Err)
	switch {
	case e.Trouble != "":
		return e.Trouble
	case ok && lostAdvice[server.Code] != "":
		return lostAdvice[server.Code]
	case is[*malformedError](e.Err):
		return "this is not an answer of a PostgreSQL server: check what is between"
	case e.Outcome == OutcomeCommitUnknown:
		return "look for its rows before you run it again"
	case e.Outcome == OutcomeRolledBack:
		return "run the whole transaction again"
	case e.PrePing:
		return "it was alive when it was checked out: look at the server's log and at the network for why it ended"
	default:
		return "poolPrePing finds dead connections at checkout"
	}
}

// statementAdvice is what to do about a statement that failed, by its SQLSTATE.
var statementAdvice = map[string]string{
	// A pooler in transaction mode hands every statement another server connection.
	"42P05": "behind PgBouncer in transaction mode, and where DISCARD ALL or DEALLOCATE is used, set queryExecMode to exec or simple_protocol",
	"26000": "behind PgBouncer in transaction mode, and where DISCARD ALL or DEALLOCATE is used, set queryExecMode to exec or simple_protocol",
	"53100": "the server's disk is full",
}
