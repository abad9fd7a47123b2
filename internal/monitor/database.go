package monitor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	// CPUNote says whose CPU that is, and what has kept it from the server so far.
	CPUNote string `json:"-"`
	// ReadOnly says that the server is a standby, or that transactions are
	// read-only by default; ReadOnlyRole that they are so for the application's role
	// or database alone.
	ReadOnly     bool `json:"read_only"`
	ReadOnlyRole bool `json:"read_only_role,omitempty"`
	// Started is when the server did, or recovered from a crash, in seconds since 1970.
	Started float64 `json:"server_started"`
	// Statistics are pg_stat_database's rows of the application's databases.
	Statistics []Statistics `json:"statistics"`
	// StatementTimeout is what the application's role or database has it set to,
	// IdleTimeout (idle_in_transaction_session_timeout) and SessionTimeout
	// (idle_session_timeout) these or the whole server; in milliseconds, 0 where
	// none sets them.
	StatementTimeout float64 `json:"statement_timeout_ms,omitempty"`
	IdleTimeout      float64 `json:"idle_timeout_ms,omitempty"`
	SessionTimeout   float64 `json:"session_timeout_ms,omitempty"`
	// OthersInUse counts the sessions in use in the application's databases that
	// are not the application's.
	OthersInUse int `json:"others_in_use"`

	// Barred is what keeps the application from opening a connection, nil where nothing
	// is known to.
	Barred *Barred `json:"barred,omitempty"`

	own       ownLoad
	elsewhere *Limit // see roleLimit
	logins    []login
}

// ownLoad is what the Sampler itself has asked of the server up to a moment,
// which is in the counters of its database too.
type ownLoad struct {
	database     string
	transactions int64
	active       float64 // milliseconds
	killed       int64   // connections that were terminated
	fatal        int64   // logins that the database refused
}

// Headroom is the tightest of the limits; ok is false where none is known.
func (d Database) Headroom() (limit Limit, ok bool) { return sizing.Tightest(d.Limits) }

// Statistics are counters of pg_stat_database, which any role may read. Those
// that a server older than 14 does not have are 0: it is not Timed. Times are in
// milliseconds.
type Statistics struct {
	Database          string  `json:"database"`
	Sessions          int64   `json:"sessions"`
	SessionsAbandoned int64   `json:"sessions_abandoned"`
	SessionsFatal     int64   `json:"sessions_fatal"`
	SessionsKilled    int64   `json:"sessions_killed"`
	Deadlocks         int64   `json:"deadlocks"`
	Commits           int64   `json:"xact_commit"`
	Rollbacks         int64   `json:"xact_rollback"`
	ActiveTime        float64 `json:"active_time"`
	IdleInTransaction float64 `json:"idle_in_transaction_time"`
	Timed             bool    `json:"timed"`
}

// Superusers may use the reserved connections and are exempt from CONNECTION
// LIMIT. Where the application has no session yet, it is taken for an ordinary
// role, in the database that it is looked for in; a role that has all of its sessions
// may be the one that it cannot connect as.
const readLimits = `
WITH ` + clients + `, exempt AS (
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
WHERE datconnlimit >= 0 AND NOT yes AND (d.oid IN (SELECT datid FROM client WHERE watched)
	OR datname = coalesce(nullif($3, ''), current_database()) AND NOT EXISTS (SELECT FROM client WHERE watched))
UNION ALL
SELECT 'role', rolname::text, rolconnlimit, n
FROM pg_roles r, LATERAL (SELECT count(*)::int AS n FROM client WHERE usesysid = r.oid) AS of_role
WHERE rolconnlimit >= 0 AND NOT rolsuper AND (r.oid IN (SELECT usesysid FROM client WHERE watched)
	OR (rolname = $2 OR $2 = '' AND n > 0 AND n >= rolconnlimit) AND NOT EXISTS (SELECT FROM client WHERE watched))`

// to_jsonb gives NULL for a column that an older server does not have.
const readStatistics = `
WITH ` + clients + `, row AS (
	SELECT datname, to_jsonb(s) AS of FROM pg_stat_database s
	WHERE datid IN (SELECT datid FROM client WHERE watched)
		OR datname = current_database() AND NOT EXISTS (SELECT FROM client WHERE watched)
)
SELECT datname::text,
	coalesce((of ->> 'sessions')::int8, 0), coalesce((of ->> 'sessions_abandoned')::int8, 0),
	coalesce((of ->> 'sessions_fatal')::int8, 0), coalesce((of ->> 'sessions_killed')::int8, 0),
	coalesce((of ->> 'deadlocks')::int8, 0),
	coalesce((of ->> 'xact_commit')::int8, 0), coalesce((of ->> 'xact_rollback')::int8, 0),
	coalesce((of ->> 'active_time')::float8, 0), coalesce((of ->> 'idle_in_transaction_time')::float8, 0), of ? 'active_time'
FROM row ORDER BY datname`

// After a crash the postmaster goes on and starts its checkpointer anew, which a role
// without pg_read_all_stats does not see. The timeouts of the whole server are those of
// this session, where nothing nearer sets them.
const readServer = `
WITH ` + clients + `
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool,
	extract(epoch FROM greatest(pg_postmaster_start_time(), (SELECT max(backend_start) FROM pg_stat_activity WHERE backend_type = 'checkpointer')))::float8,
	ARRAY(
		SELECT unnest(setconfig) FROM pg_db_role_setting
		WHERE (setdatabase = 0 OR setdatabase IN (SELECT datid FROM client WHERE watched))
			AND (setrole = 0 OR setrole IN (SELECT usesysid FROM client WHERE watched))
			AND (setdatabase <> 0 OR setrole <> 0)
	),
	ARRAY(
		SELECT name || '=' || setting || coalesce(unit, '') FROM pg_settings
		WHERE name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout')
			AND source IN ('configuration file', 'command line', 'global')
	),
	(SELECT count(*) FROM client
		WHERE NOT watched AND application_name <> '` + ApplicationName + `' AND state <> 'idle' AND datid IN (SELECT datid FROM client WHERE watched))::int,
	current_database()::text,
	1000 * extract(epoch FROM clock_timestamp() - transaction_timestamp())::float8`

// readDatabase reads the sessions and limits of one moment in one round trip,
// which is one transaction. own.active is its own time. before is what the application
// logged in as when it had sessions.
func readDatabase(ctx context.Context, conn *pgx.Conn, selection Selection, before []login) (Database, error) {
	var sessions []session
	var d Database
	var settings, global []string
	batch := &pgx.Batch{}
	batch.Queue(readSessions, selection.arguments()...).Query(func(rows pgx.Rows) (err error) {
		sessions, err = pgx.CollectRows(rows, scanSession)
		return err
	})
	batch.Queue(readLimits, selection.arguments()...).Query(func(rows pgx.Rows) (err error) {
		d.Limits, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Limit])
		return err
	})
	batch.Queue(readStatistics, selection.arguments()...).Query(func(rows pgx.Rows) (err error) {
		d.Statistics, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Statistics])
		return err
	})
	batch.Queue(readServer, selection.arguments()...).QueryRow(func(row pgx.Row) error {
		return row.Scan(&d.ReadOnly, &d.Started, &settings, &global, &d.OthersInUse, &d.own.database, &d.own.active)
	})
	batch.Queue(readLogins, append(selection.arguments(), rolesOf(before), databasesOf(before))...).Query(func(rows pgx.Rows) (err error) {
		d.logins, err = pgx.CollectRows(rows, pgx.RowToStructByPos[login])
		return err
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return Database{}, fmt.Errorf("reading the sessions: %w", err)
	}
	d.Sessions = count(sessions)
	d.Barred = barredOf(d.logins)
	d.StatementTimeout = milliseconds(settings, "statement_timeout")
	d.ReadOnlyRole = slices.ContainsFunc(settings, func(setting string) bool {
		name, value, _ := strings.Cut(setting, "=")
		return name == "default_transaction_read_only" && slices.Contains([]string{"on", "true", "yes", "1"}, strings.ToLower(value))
	})
	d.IdleTimeout = cmp.Or(milliseconds(settings, inTxTimeout), milliseconds(global, inTxTimeout))
	d.SessionTimeout = cmp.Or(milliseconds(settings, sessionTimeout), milliseconds(global, sessionTimeout))
	if d.Open == 0 {
		d.elsewhere, d.Limits = roleLimit(d.Limits, selection.Role)
	}
	return d, nil
}

// The settings that end idle sessions.
const (
	inTxTimeout    = "idle_in_transaction_session_timeout"
	sessionTimeout = "idle_session_timeout"
)

// roleLimit takes out the limit of a role that has no connection left and may be
// the application's, which has no session: nil where there is none, or where the
// role is known.
func roleLimit(limits []Limit, role string) (of *Limit, others []Limit) {
	isRole := func(l Limit) bool { return l.Scope == "role" }
	i := slices.IndexFunc(limits, isRole)
	if role != "" || i < 0 {
		return nil, limits
	}
	return new(limits[i]), slices.DeleteFunc(limits, isRole)
}

// milliseconds reads a timeout from settings, each name=value as PostgreSQL
// writes it; 0 where it is not among them. Of several the shortest.
func milliseconds(settings []string, name string) (least float64) {
	units := map[string]float64{"us": 0.001, "ms": 1, "": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
	for _, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		if key != name {
			continue
		}
		number := strings.TrimRight(value, "usminhd ")
		n, err := strconv.ParseFloat(number, 64)
		unit, known := units[strings.TrimSpace(strings.TrimPrefix(value, number))]
		if ms := n * unit; err == nil && known && ms > 0 && (least == 0 || ms < least) {
			least = ms
		}
	}
	return least
}
