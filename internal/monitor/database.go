package monitor

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// Limit is a limit on connections that holds for the watched application.
type Limit = sizing.Limit

// Database is what the server knows about the watched application at one
// moment. It is immutable.
type Database struct {
	Sessions
	// Limits hold for the application, the server's first. The least room of
	// them is the headroom.
	Limits []Limit `json:"limits"`
	// CPU is the percentage, 0 to 100, of the database host's CPU in use since
	// the previous sample, whoever uses it; nil where it is not known.
	CPU *float64 `json:"cpu_percent"`
}

// Headroom is the tightest of the limits; ok is false where none is known.
func (d Database) Headroom() (limit Limit, ok bool) { return sizing.Tightest(d.Limits) }

// A role without pg_read_all_stats sees of other roles' sessions the database,
// role, pid and name only; their backend_type is NULL. Background processes
// then look the same, but have no role and database.
const readSessions = `
SELECT pid,
	coalesce(state, ''),
	backend_type IS NULL,
	coalesce(wait_event_type, ''),
	coalesce(wait_event, ''),
	coalesce(extract(epoch FROM clock_timestamp() - backend_start), 0)::float8,
	coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8,
	CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{}' END
FROM pg_stat_activity
WHERE application_name = $1::name
	AND (backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL)
ORDER BY pid`

// Superusers may use the reserved connections and are exempt from CONNECTION
// LIMIT. Where the application has no session yet, it is taken for an ordinary
// role.
const readLimits = `
WITH client AS MATERIALIZED (
	SELECT datid, usesysid, application_name = $1::name AS watched
	FROM pg_stat_activity
	WHERE backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL
), exempt AS (
	SELECT coalesce(bool_and(rolsuper), false) AS yes
	FROM pg_roles WHERE oid IN (SELECT usesysid FROM client WHERE watched)
)
SELECT 'server', '',
	current_setting('max_connections')::int - CASE WHEN yes THEN 0 ELSE
		current_setting('superuser_reserved_connections')::int
		+ coalesce(current_setting('reserved_connections', true)::int, 0) END,
	(SELECT count(*) FROM client)::int
FROM exempt
UNION ALL
SELECT 'database', datname::text, datconnlimit, (SELECT count(*) FROM client WHERE datid = d.oid)::int
FROM pg_database d, exempt
WHERE datconnlimit >= 0 AND NOT yes AND d.oid IN (SELECT datid FROM client WHERE watched)
UNION ALL
SELECT 'role', rolname::text, rolconnlimit, (SELECT count(*) FROM client WHERE usesysid = r.oid)::int
FROM pg_roles r
WHERE rolconnlimit >= 0 AND NOT rolsuper AND r.oid IN (SELECT usesysid FROM client WHERE watched)`

// readDatabase reads the sessions and limits of one moment in one round trip.
func readDatabase(ctx context.Context, conn *pgx.Conn, application string) (Database, error) {
	var sessions []session
	var d Database
	batch := &pgx.Batch{}
	batch.Queue(readSessions, application).Query(func(rows pgx.Rows) (err error) {
		sessions, err = pgx.CollectRows(rows, scanSession)
		return err
	})
	batch.Queue(readLimits, application).Query(func(rows pgx.Rows) (err error) {
		d.Limits, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Limit])
		return err
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return Database{}, fmt.Errorf("reading the sessions: %w", err)
	}
	d.Sessions = count(sessions)
	return d, nil
}

func scanSession(row pgx.CollectableRow) (s session, err error) {
	err = row.Scan(&s.pid, &s.state, &s.hidden, &s.waitEventType, &s.waitEvent,
		&s.age, &s.transaction, &s.blockedBy)
	return s, err
}
