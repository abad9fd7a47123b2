package monitor

import (
	"context"
	"os"
	"path/filepath"
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
	}, time.Minute, 20*time.Millisecond)
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

	refused := func(grants int) *CPUUnavailableError {
		_, ok, err := cpu.Read(t.Context(), conn)
		require.False(t, ok)
		var refused *CPUUnavailableError
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, "role "+role+" may not read")
		require.Len(t, refused.grants, grants)
		require.NotContains(t, refused.Error(), "\n")
		return refused
	}
	first := refused(2)
	require.Contains(t, first.Error(), "GRANT pg_read_server_files TO "+role)
	exec(t, admin, first.grants[0])
	second := refused(1)
	require.Equal(t, first.grants[1], second.grants[0])
	exec(t, admin, second.grants[0])

	_, _, err := cpu.Read(t.Context(), conn)
	require.NoError(t, err, "with what the errors named, the role may read")
}

// elsewhere asks the server for a file that is not there, as on a host without
// /proc.
type elsewhere struct{ *pgx.Conn }

func (e elsewhere) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return e.Conn.QueryRow(ctx, strings.ReplaceAll(sql, "/proc/stat", "/nowhere/stat"), args...)
}

// contained lets the server read files of a test in place of the kernel's.
type contained struct {
	*pgx.Conn
	root string
}

func (c contained) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	for i := range args {
		if file := args[i].(string); file != "" {
			args[i] = c.root + file
		}
	}
	return c.Conn.QueryRow(ctx, sql, args...)
}

// In a container that may use 2 CPUs of many the server's CPU is in percent of
// these two, as its kernel counts it.
func TestCPUOfACgroup(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755)) // #nosec G302 -- the server's user reads it
	for dir := filepath.Dir(root); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755)) // #nosec G302 -- as above
	}
	write := func(name, text string) {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	write("proc/self/cgroup", "0::/kube/pod\n")
	write("sys/fs/cgroup/kube/cpu.max", "800000 100000\n")
	write("sys/fs/cgroup/kube/pod/cpu.max", "200000 100000\n")
	write("sys/fs/cgroup/kube/pod/cpu.stat", "usage_usec 1000000\nnr_throttled 1\nthrottled_usec 0\n")
	conn := contained{pgtest.Conn(t, pgtest.Database(t)), root}
	var cpu CPU
	_, ok, err := cpu.Read(t.Context(), conn)
	require.NoError(t, err)
	require.False(t, ok)
	began := time.Now()
	_, ok, err = cpu.Read(t.Context(), conn)
	require.NoError(t, err)
	require.False(t, ok, "the group is known, and its use for the first time")
	require.Equal(t, "2 CPUs that its cgroup allows (cpu.max)", cpu.of())

	time.Sleep(200 * time.Millisecond)
	write("sys/fs/cgroup/kube/pod/cpu.stat", "usage_usec 1100000\nnr_throttled 1\nthrottled_usec 50000\n")
	percent, ok, err := cpu.Read(t.Context(), conn)
	elapsed := time.Since(began).Seconds()
	require.NoError(t, err)
	require.True(t, ok)
	require.LessOrEqual(t, percent, 100*0.1/0.2/2+0.1, "a tenth of a second of CPU in at least 0.2 s, of two CPUs")
	require.GreaterOrEqual(t, percent, 100*0.1/(elapsed+0.1)/2)
	require.InDelta(t, percent, cpu.strain.throttled, 0.1, "half as long, and not of two")
}

func TestCPUWithoutProc(t *testing.T) {
	var cpu CPU
	_, ok, err := cpu.Read(t.Context(), elsewhere{pgtest.Conn(t, pgtest.Database(t))})
	require.False(t, ok)
	var missing *CPUUnavailableError
	require.ErrorAs(t, err, &missing)
	require.Empty(t, missing.grants)
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
