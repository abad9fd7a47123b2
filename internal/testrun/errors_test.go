package testrun

import (
	"fmt"
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
	} {
		require.Equal(t, want, errorKey(err))
	}
}
