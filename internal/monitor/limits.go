package monitor

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// Limits are what limits a role's connections to a server.
type Limits struct {
	sizing.Server
	Role      string
	Superuser bool   // whom neither reserved connections nor CONNECTION LIMIT bind
	Version   string // server_version
}

// Tightest is the limit that leaves an ordinary role the least room; ok is false
// where none is known.
func (l Limits) Tightest() (limit Limit, ok bool) { return sizing.Tightest(l.Limits()) }

// reserved_connections came with PostgreSQL 16. rolconnlimit and datconnlimit
// do not hold for a superuser. A role without pg_read_all_stats sees no
// backend_type of other roles' sessions; background processes have no role.
const limitsQuery = `
WITH other AS MATERIALIZED (
	SELECT usesysid, datid FROM pg_catalog.pg_stat_activity
	WHERE (backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL)
	AND pid <> pg_backend_pid() AND (application_name IN ($1::text, '` + ApplicationName + `')) IS NOT TRUE
)
SELECT current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int,
       coalesce(current_setting('reserved_connections', true)::int, 0),
       CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END,
       CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END,
       (SELECT count(*) FROM other)::int,
       (SELECT count(*) FROM other WHERE usesysid = r.oid)::int,
       (SELECT count(*) FROM other WHERE datid = d.oid)::int,
       r.rolname::text, r.rolsuper,
       current_setting('server_version')
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE r.rolname = session_user AND d.datname = current_database()`

// ReadLimits reads what limits the connections of the session's role. Sessions
// of the application, "" for none, are not among the others. The error is the
// driver's.
func ReadLimits(ctx context.Context, q Querier, application string) (Limits, error) {
	var l Limits
	err := q.QueryRow(ctx, limitsQuery, pgx.QueryExecModeSimpleProtocol, application).Scan(
		&l.MaxConnections, &l.SuperuserReserved, &l.Reserved, &l.RoleLimit, &l.DatabaseLimit,
		&l.Others, &l.RoleOthers, &l.DatabaseOthers, &l.Role, &l.Superuser, &l.Version)
	return l, err
}

// settingsQuery asks for what makes one server answer otherwise than another.
const settingsQuery = `
SELECT jsonb_object_agg(name, setting) FROM pg_catalog.pg_settings WHERE name IN (
	'max_connections', 'shared_buffers', 'effective_cache_size', 'work_mem', 'random_page_cost', 'jit',
	'max_parallel_workers_per_gather', 'fsync', 'synchronous_commit', 'full_page_writes', 'default_transaction_isolation')`

// ReadSettings reads the server's settings that a load test depends on, by name,
// in PostgreSQL's own units. The error is the driver's.
func ReadSettings(ctx context.Context, q Querier) (settings map[string]string, err error) {
	err = q.QueryRow(ctx, settingsQuery, pgx.QueryExecModeSimpleProtocol).Scan(&settings)
	return settings, err
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

// countProcessors counts the lines cpu0, cpu1, …: the first line, cpu, is their sum.
func countProcessors(stat string) int { return strings.Count(stat, "\ncpu") }
