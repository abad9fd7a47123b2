package testrun

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// joinError says that a pool of that name exists with other options.
type joinError struct {
	name, difference string
}

func (e *joinError) Error() string {
	return fmt.Sprintf("pool %q exists with other options: %s; give this one another name or the same options",
		e.name, e.difference)
}

// ErrorName gives the name that scripts see of an error, and its SQLSTATE.
func ErrorName(err error) (name, code string) {
	var (
		timeout *pool.TimeoutError
		connect *pool.ConnectError
		lost    *pool.ConnectionLostError
		query   *pool.QueryError
		config  *pool.ConfigError
		join    *joinError
	)
	switch {
	case errors.As(err, &timeout):
		return "PoolTimeoutError", ""
	case errors.As(err, &connect):
		return "ConnectError", ""
	case errors.As(err, &lost):
		return "ConnectionLostError", ""
	case errors.As(err, &query):
		return "QueryError", query.Code
	case errors.As(err, &config), errors.As(err, &join):
		return "ConfigError", ""
	case errors.Is(err, pool.ErrInterrupted):
		return "Error", ""
	default:
		return "QueryError", ""
	}
}

// errorKey is the SQLSTATE, PgBouncer's own words where it is the one that speaks, or
// the error's name where nobody gave one.
func errorKey(err error) string {
	if fromServer, ok := errors.AsType[*pgconn.PgError](err); ok {
		if said := diagnosis.OfPgBouncer(fromServer.Severity + ": " + fromServer.Message); said != "" {
			return said
		}
		return fromServer.Code
	}
	name, code := ErrorName(err)
	if code != "" {
		return code
	}
	return name
}
