package testrun

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/pool"
)

type joinError struct {
	name, difference string
}

func (e *joinError) Error() string {
	return fmt.Sprintf("pool %q exists with other options: %s; give this one another name or the same options",
		e.name, e.difference)
}

const connectErrorName = "ConnectError"

// ErrorName gives the name that scripts see of an error, and its SQLSTATE.
func ErrorName(err error) (name, code string) {
	query, failed := errors.AsType[*pool.QueryError](err)
	switch {
	case is[*pool.TimeoutError](err):
		return "PoolTimeoutError", ""
	case is[*pool.ConnectError](err):
		return connectErrorName, ""
	case is[*pool.ConnectionLostError](err):
		return "ConnectionLostError", ""
	case failed:
		return "QueryError", query.Code
	case is[*pool.ConfigError](err), is[*joinError](err):
		return "ConfigError", ""
	case errors.Is(err, pool.ErrInterrupted):
		return "Error", ""
	default:
		return "QueryError", ""
	}
}

// is tells whether there is an error of a type in a chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// errorKey is the SQLSTATE, PgBouncer's own words where it is the one that speaks, or
// the error's name where nobody gave one.
func errorKey(err error) string {
	if fromServer, ok := errors.AsType[*pgconn.PgError](err); ok {
		if said := diagnosis.OfPgBouncer(fromServer.Severity + ": " + fromServer.Message); said != "" {
			return said
		}
		if is[*pool.ConnectError](err) {
			return diagnosis.LoginKey(fromServer.Code)
		}
		return fromServer.Code
	}
	name, code := ErrorName(err)
	if name == connectErrorName {
		switch {
		case is[*tls.CertificateVerificationError](err), is[x509.UnknownAuthorityError](err), is[x509.HostnameError](err):
			return diagnosis.UntrustedKey()
		case is[*net.DNSError](err):
			return diagnosis.UnknownHostKey()
		}
	}
	return cmp.Or(code, name)
}
