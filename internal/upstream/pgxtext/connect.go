// Package pgxtext reads what pgx, PgBouncer and PostgreSQL say in texts that are in
// no documentation: those of errors, and how they are joined. Each has a test that
// fails when a new version has changed it.
package pgxtext

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// noTLS ends pgconn's error for a server that was asked for TLS and has none.
	noTLS = "server refused TLS connection"
	// refusedParameter begins PgBouncer's error for a startup parameter that it
	// does not know. The parameter's name follows.
	refusedParameter = "unsupported startup parameter"
	// planRoutine is where in PostgreSQL's source the error is raised that a
	// prepared statement would give other columns than when it was prepared.
	planRoutine = "RevalidateCachedQuery"
	// formatRoutine is where it counts the formats that were asked for of the columns.
	formatRoutine = "PortalSetResultFormat"
)

// IsOutdatedPlan reports whether err says that a table has changed under a
// prepared statement. The code 0A000 alone is that of everything unsupported.
func IsOutdatedPlan(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "0A000" && pg.Routine == planRoutine
}

// IsOutdatedDescription reports whether err says that a statement does not have the
// columns or the parameters any more which it was sent with. What the server says
// when it prepares the statement, and what a function says while it runs, is
// about the statement itself.
func IsOutdatedDescription(err error) bool {
	var (
		pg       *pgconn.PgError
		prepared *pgconn.PrepareError
	)
	if !errors.As(err, &pg) || errors.As(err, &prepared) || pg.Where != "" {
		return false
	}
	switch pg.Code {
	case "42804", "42883": // datatype_mismatch, undefined_function: an operator for other types
		return true
	case "08P01":
		return pg.Routine == formatRoutine
	}
	return false
}

// RefusedParameter finds in what a connection failed with the startup parameter that
// PgBouncer refuses; what follows is the parameter's name and more.
func RefusedParameter(said string) (follows string, found bool) {
	_, follows, found = strings.Cut(said, refusedParameter)
	return follows, found
}

// RefusedTLS reports whether a connection failed because the server has no TLS.
func RefusedTLS(said string) bool { return strings.Contains(said, noTLS) }

// Attempts are the errors of all that pgconn tried for one connection: each
// host, with TLS and without. A server without TLS is left out where pgconn
// asked it again without TLS, as sslmode=prefer wants.
func Attempts(err error) []error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return []error{err}
	}
	tried := errors.Unwrap(connect) // its own text repeats the server
	all := joined(tried)
	if len(all) == 0 {
		all = joined(errors.Unwrap(tried)) // names that could not be looked up
	}
	if len(all) == 0 {
		return []error{tried}
	}
	telling := slices.DeleteFunc(slices.Clone(all), func(e error) bool {
		return strings.HasSuffix(e.Error(), noTLS)
	})
	if len(telling) == 0 {
		return all
	}
	return telling
}

// joined are the errors that errors.Join made err of.
func joined(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return nil
}
