package monitor

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/upstream/pgxtext"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// ApplicationName is the name of the monitor's own connections in
// pg_stat_activity. They are never counted.
const ApplicationName = "xk6-pgxpool-monitor"

// StatementTimeout is how long one of the monitor's statements may take, so
// that a sick server cannot hang it.
const StatementTimeout = 5 * time.Second

// Connect opens the monitor's own connection: named ApplicationName and with
// StatementTimeout set on the server. cfg is left as it is.
//
// PgBouncer refuses statement_timeout at connecting, and setting it afterwards
// would leak into other clients' connections; behind PgBouncer the connection
// is opened without. So bound every statement by a context too.
func Connect(ctx context.Context, cfg *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, _, err := connect(ctx, cfg)
	return conn, err
}

// connect tells as well whether a pooler is between application and server.
func connect(ctx context.Context, cfg *pgx.ConnConfig) (conn *pgx.Conn, pooled bool, err error) {
	own := cfg.Copy()
	// Behind PgBouncer in transaction mode no prepared statement survives,
	// whatever the watched pool's own mode is.
	own.DefaultQueryExecMode = pgx.QueryExecModeExec
	own.StatementCacheCapacity, own.DescriptionCacheCapacity = 0, 0
	own.RuntimeParams["application_name"] = ApplicationName
	own.RuntimeParams["statement_timeout"] = strconv.FormatInt(StatementTimeout.Milliseconds(), 10)
	conn, err = pgx.ConnectConfig(ctx, own)
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "08P01" && strings.Contains(refusal.Message, "statement_timeout") {
		pooled = true
		delete(own.RuntimeParams, "statement_timeout")
		conn, err = pgx.ConnectConfig(ctx, own)
	}
	if err != nil {
		return nil, false, &connectError{err: err}
	}
	return conn, pooled, nil
}

// connectError says why the monitor could not connect, once of what was tried several
// times. That a server has no TLS is left out where it was asked again without.
type connectError struct{ err error }

func (e *connectError) Error() string {
	var tries []string
	for _, tried := range pgxtext.Attempts(e.err) {
		if line := text.Line(tried.Error()); line != "" && !slices.Contains(tries, line) {
			tries = append(tries, line)
		}
	}
	return "connecting to the database: " + strings.Join(tries, " ")
}

func (e *connectError) Unwrap() error { return e.err }

// Advice is what to do about an error of [Connect].
func Advice(err error) string {
	return strings.ReplaceAll((&pool.ConnectError{Err: err}).Advice(), "url (DATABASE_URL)", "--url (DATABASE_URL)")
}
