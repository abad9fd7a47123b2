package monitor

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Limits are what a server and a role leave room for.
type Limits struct {
	MaxConnections    int // max_connections
	SuperuserReserved int // superuser_reserved_connections
	Reserved          int // reserved_connections, PostgreSQL 16 and later; else 0
	RoleLimit         int // rolconnlimit of the session's role; -1: none, or a superuser
	DatabaseLimit     int // datconnlimit of the database; -1: none, or a superuser
	InUse             int // client backends other than the one that asks
	Role              string
	Superuser         bool
	Version           string // server_version
}

// reserved_connections came with PostgreSQL 16. rolconnlimit and datconnlimit
// do not hold for a superuser.
const limitsQuery = `
SELECT current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int,
       coalesce(current_setting('reserved_connections', true)::int, 0),
       CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END,
       CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity a
        WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid())::int,
       r.rolname::text, r.rolsuper,
       current_setting('server_version')
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE r.rolname = session_user AND d.datname = current_database()`

// ReadLimits reads what limits the connections of the session's role. The error
// is the driver's.
func ReadLimits(ctx context.Context, q Querier) (Limits, error) {
	var l Limits
	err := q.QueryRow(ctx, limitsQuery, pgx.QueryExecModeSimpleProtocol).Scan(
		&l.MaxConnections, &l.SuperuserReserved, &l.Reserved, &l.RoleLimit, &l.DatabaseLimit,
		&l.InUse, &l.Role, &l.Superuser, &l.Version)
	return l, err
}

// readProcessors asks for more of the file than 1000 processors need.
const readProcessors = `SELECT pg_read_file('/proc/stat', 0, 262144)`

// Processors counts the database host's logical processors. It fails like
// [CPU.Read].
func Processors(ctx context.Context, q Querier) (int, error) {
	var stat string
	if err := q.QueryRow(ctx, readProcessors).Scan(&stat); err != nil {
		return 0, explainCPU(ctx, q, err)
	}
	return countProcessors(stat), nil
}

// countProcessors counts the lines cpu0, cpu1, …: the line cpu is their sum.
func countProcessors(stat string) (n int) {
	for line := range strings.Lines(stat) {
		if len(line) > 3 && strings.HasPrefix(line, "cpu") && line[3] >= '0' && line[3] <= '9' {
			n++
		}
	}
	return n
}
