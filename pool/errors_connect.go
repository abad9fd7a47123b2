package pool

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ConnectError says that a connection could not be opened.
type ConnectError struct {
	Pool   string
	Server string // host:port/database as user, without password
	Err    error
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("pool %q: cannot connect to %s: %s", e.Pool, e.Server, connectReason(e.Err))
}

func (e *ConnectError) Unwrap() error { return e.Err }

// connectReason turns a failed connect into one line that says what to do.
func connectReason(err error) string {
	var tried []string
	for _, e := range attempts(err) {
		if line := oneLine(e); !slices.Contains(tried, line) {
			tried = append(tried, line)
		}
	}
	text := strings.Join(tried, "; ")
	if _, rest, ok := strings.Cut(text, "unsupported startup parameter"); ok {
		return text + "; the pooler refuses what " + senderOf(rest) + " sends: leave it out, or add it to the pooler's ignore_startup_parameters"
	}
	switch {
	case strings.Contains(text, "SQLSTATE 53300"):
		return text + "; the server's max_connections is reached: lower poolSize + maxOverflow or raise it"
	}
	return text + "; check url (DATABASE_URL) and that the server is up"
}

// attempts are the errors of all that was tried for one connection: each host,
// with TLS and without. That a server has no TLS is no news where it was asked
// without next, as sslmode=prefer wants it.
func attempts(err error) []error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return []error{err}
	}
	tried := errors.Unwrap(connect) // what stands before it repeats the server
	all := joined(tried)
	if len(all) == 0 {
		all = joined(errors.Unwrap(tried)) // names that could not be looked up
	}
	if len(all) == 0 {
		return []error{tried}
	}
	telling := slices.DeleteFunc(slices.Clone(all), func(e error) bool {
		return strings.HasSuffix(e.Error(), "server refused TLS connection")
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

// senderOf names what sends a startup parameter.
func senderOf(text string) string {
	for parameter, sender := range map[string]string{
		"statement_timeout": "option statementTimeout (or the URL's statement_timeout)",
		"application_name":  "option applicationName",
		"options":           "the URL's options (or PGOPTIONS)",
	} {
		if strings.Contains(text, parameter) {
			return sender
		}
	}
	return "a parameter of the URL"
}
