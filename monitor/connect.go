package monitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	own := cfg.Copy()
	// Behind PgBouncer in transaction mode no prepared statement survives,
	// whatever the watched pool's own mode is.
	own.DefaultQueryExecMode = pgx.QueryExecModeExec
	own.StatementCacheCapacity, own.DescriptionCacheCapacity = 0, 0
	own.RuntimeParams["application_name"] = ApplicationName
	own.RuntimeParams["statement_timeout"] = strconv.FormatInt(StatementTimeout.Milliseconds(), 10)
	conn, err := pgx.ConnectConfig(ctx, own)
	if refusesParameter(err, "statement_timeout") {
		delete(own.RuntimeParams, "statement_timeout")
		conn, err = pgx.ConnectConfig(ctx, own)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting the monitor: %w", err)
	}
	return conn, nil
}

// refusesParameter tells whether err is PgBouncer's answer to a startup
// parameter it does not know.
func refusesParameter(err error, name string) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.Code == "08P01" && strings.Contains(refusal.Message, name)
}
