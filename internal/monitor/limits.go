package monitor

import (
	"context"
	"slices"
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

// Barred is why the server opens no connection for the application. It says nothing of
// connections that are open.
type Barred struct {
	Role     string `json:"role"`
	Database string `json:"database"`
	// By is NOLOGIN or VALID UNTIL of the role, ALLOW_CONNECTIONS of the database, or
	// CONNECT, the privilege.
	By string `json:"by"`
}

// Statement is what lets it connect again.
func (b *Barred) Statement() string {
	role, database := pgx.Identifier{b.Role}.Sanitize(), pgx.Identifier{b.Database}.Sanitize()
	switch b.By {
	case "NOLOGIN":
		return "ALTER ROLE " + role + " LOGIN"
	case "VALID UNTIL":
		return "ALTER ROLE " + role + " VALID UNTIL 'infinity'"
	case "ALLOW_CONNECTIONS":
		return "ALTER DATABASE " + database + " ALLOW_CONNECTIONS true"
	default:
		return "GRANT CONNECT ON DATABASE " + database + " TO " + role
	}
}

// login is a role and a database that the application has sessions as and in.
type login struct {
	RoleID     uint32
	DatabaseID uint32
	Role       string
	Database   string
	By         string // as Barred's, empty where it may connect
}

// Those of its sessions, or of a moment before ($5, $6) where it has none, or those
// that were given. Any role may read this. Who has logged in since a password expired
// needs none.
const readLogins = `
WITH ` + clients + `, used AS (
	SELECT usesysid, datid FROM client WHERE watched
	UNION SELECT * FROM unnest($5::oid[], $6::oid[]) WHERE NOT EXISTS (SELECT FROM client WHERE watched)
	UNION SELECT r.oid, d.oid FROM pg_roles r, pg_database d
		WHERE cardinality($5::oid[]) = 0 AND rolname = $2 AND datname = coalesce(nullif($3, ''), current_database())
		AND NOT EXISTS (SELECT FROM client WHERE watched)
)
SELECT r.oid, d.oid, rolname::text, datname::text, CASE
	WHEN NOT rolcanlogin THEN 'NOLOGIN'
	WHEN rolvaliduntil < now() AND NOT EXISTS (SELECT FROM client WHERE watched AND usesysid = r.oid AND backend_start > rolvaliduntil) THEN 'VALID UNTIL'
	WHEN NOT datallowconn THEN 'ALLOW_CONNECTIONS'
	WHEN NOT has_database_privilege(r.oid, d.oid, 'CONNECT') THEN 'CONNECT'
	ELSE '' END
FROM used JOIN pg_roles r ON r.oid = usesysid JOIN pg_database d ON d.oid = datid
ORDER BY r.oid, d.oid`

func rolesOf(logins []login) []uint32 {
	ids := make([]uint32, len(logins))
	for i, l := range logins {
		ids[i] = l.RoleID
	}
	return ids
}

func databasesOf(logins []login) []uint32 {
	ids := make([]uint32, len(logins))
	for i, l := range logins {
		ids[i] = l.DatabaseID
	}
	return ids
}

// barredOf is the first of them that may not connect.
func barredOf(logins []login) *Barred {
	i := slices.IndexFunc(logins, func(l login) bool { return l.By != "" })
	if i < 0 {
		return nil
	}
	return &Barred{Role: logins[i].Role, Database: logins[i].Database, By: logins[i].By}
}
