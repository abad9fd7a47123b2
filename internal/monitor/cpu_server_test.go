package monitor

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestCPUOfARealServer(t *testing.T) {
	conn := pgtest.Conn(t, pgtest.Database(t))
	var cpu CPU
	_, ok, err := cpu.Read(t.Context(), conn)
	require.NoError(t, err)
	require.False(t, ok, "the first reading has nothing to compare with")

	exec(t, conn, `SELECT count(*) FROM (SELECT generate_series(1, 2000000)) s`)
	var percent float64
	require.Eventually(t, func() bool { // a tick is 10 ms
		percent, ok, err = cpu.Read(t.Context(), conn)
		return err != nil || ok
	}, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, err)
	require.Positive(t, percent)
	require.LessOrEqual(t, percent, 100.0)
}

func TestCPUNamesTheGrantsThatAreMissing(t *testing.T) {
	url := pgtest.Database(t)
	admin := pgtest.Conn(t, url)
	role := newRole(t, url, "")
	conn := pgtest.Conn(t, asRole(t, url, role))
	var cpu CPU

	refused := func(grants int) *CPUPermissionError {
		_, ok, err := cpu.Read(t.Context(), conn)
		require.False(t, ok)
		var refused *CPUPermissionError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, role, refused.Role)
		require.Len(t, refused.Grants, grants)
		require.NotContains(t, refused.Error(), "\n")
		return refused
	}
	first := refused(2)
	require.Contains(t, first.Error(), "GRANT pg_read_server_files TO "+role)
	exec(t, admin, first.Grants[0])
	second := refused(1)
	require.Equal(t, first.Grants[1], second.Grants[0])
	exec(t, admin, second.Grants[0])

	_, _, err := cpu.Read(t.Context(), conn)
	require.NoError(t, err, "with what the errors named, the role may read")
}

// elsewhere asks the server for a file that is not there, as on a host without
// /proc.
type elsewhere struct{ *pgx.Conn }

func (e elsewhere) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return e.Conn.QueryRow(ctx, strings.ReplaceAll(sql, "/proc/stat", "/nowhere/stat"), args...)
}

func TestCPUWithoutProc(t *testing.T) {
	var cpu CPU
	_, ok, err := cpu.Read(t.Context(), elsewhere{pgtest.Conn(t, pgtest.Database(t))})
	require.False(t, ok)
	var missing *CPUUnavailableError
	require.ErrorAs(t, err, &missing)
	require.NotContains(t, err.Error(), "\n")
}

func TestCPUOfAServerThatIsGone(t *testing.T) {
	conn := pgtest.Conn(t, pgtest.Database(t))
	require.NoError(t, conn.Close(t.Context()))
	var cpu CPU
	_, _, err := cpu.Read(t.Context(), conn)
	require.ErrorContains(t, err, "reading the database host's CPU")
	var missing *CPUUnavailableError
	require.NotErrorAs(t, err, &missing, "another try may help")
}
