package monitor

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Selection says which sessions of the server are the watched application's:
// those that meet everything that is not empty.
type Selection struct {
	Application string // application_name; as the server does, cut to 63 bytes
	Role        string
	Database    string
	// Client is the address that the application connects from, or a network
	// such as 10.0.0.0/8; several have commas between.
	Client string
}

// String is "flowboard", or "role app, database flow" without a name.
func (s Selection) String() string {
	var parts []string
	for _, part := range []struct{ what, value string }{
		{"", s.Application}, {"role ", s.Role}, {"database ", s.Database}, {"client ", s.Client},
	} {
		if part.value != "" {
			parts = append(parts, part.what+part.value)
		}
	}
	return strings.Join(parts, ", ")
}

// none says that no session was found.
func (s Selection) none() string {
	if s.Role == "" && s.Database == "" && s.Client == "" {
		return fmt.Sprintf("no session is named %q", s.Application)
	}
	return "there is no session of " + s.String()
}

// Empty selects every session.
func (s Selection) Empty() bool { return s == Selection{} }

// check refuses a client that is no address.
func (s Selection) check() error {
	if s.Client == "" {
		return nil
	}
	for client := range strings.SplitSeq(s.Client, ",") {
		client = strings.TrimSpace(client)
		_, addressErr := netip.ParseAddr(client)
		if _, err := netip.ParsePrefix(client); err != nil && addressErr != nil {
			return fmt.Errorf("%q is not an address", client)
		}
	}
	return nil
}

func (s Selection) arguments() []any { return []any{s.Application, s.Role, s.Database, s.Client} }

// isClient is true of client backends, those of other roles included: a role
// without pg_read_all_stats sees of these the database, role, pid and name
// only; their backend_type is NULL. Background processes then look the same,
// but have no role and database.
const isClient = `(backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL)`

// clients are the client backends, with what a Selection's arguments say of
// them. The monitor's own are never the application's. usename is NULL where the role
// was dropped since. PgBouncer's
// application_name_add_host makes "flowboard - 10.0.0.7:53422" of a name.
const clients = `client AS MATERIALIZED (
	SELECT *, application_name <> '` + ApplicationName + `'
		AND ($1::text = '' OR application_name = $1::name OR left(application_name, length($1)) = $1 AND substr(application_name, length($1) + 1) ~ '^ - \S+:[0-9]+$')
		AND ($2::text = '' OR usename IS NOT DISTINCT FROM $2::name)
		AND ($3::text = '' OR datname IS NOT DISTINCT FROM $3::name)
		AND ($4::text = '' OR coalesce(client_addr <<= ANY (string_to_array(replace($4, ' ', ''), ',')::inet[]), false)) AS watched
	FROM pg_stat_activity WHERE ` + isClient + `
)`

// The most common first, at most so many as fit a line, the monitor's own left out.
const readNames = `
SELECT application_name || ' (' || count(*) || ')'
FROM pg_stat_activity
WHERE application_name NOT IN ('', '` + ApplicationName + `') AND ` + isClient + `
GROUP BY application_name ORDER BY count(*) DESC, application_name LIMIT 20`

// nameless are sessions without application_name, by role and database.
type nameless struct {
	Role     string
	Database string
	Sessions int
}

const readNameless = `
SELECT usename::text, datname::text, count(*)::int
FROM pg_stat_activity
WHERE application_name = '' AND usename IS NOT NULL AND datname IS NOT NULL AND pid <> pg_backend_pid() AND ` + isClient + `
GROUP BY usename, datname ORDER BY count(*) DESC, usename, datname LIMIT 5`

// Where the application is looked for by something else than its name, what there is
// of that. Addresses are shown to those only who may see what the sessions do.
var readSelectable = []struct {
	what, value string
	given       func(Selection) string
}{
	{"roles", `usename::text`, func(s Selection) string { return s.Role }},
	{"databases", `datname::text`, func(s Selection) string { return s.Database }},
	{"clients", `coalesce(host(client_addr), CASE WHEN backend_type IS NULL THEN 'hidden without pg_read_all_stats' ELSE 'Unix socket' END)`,
		func(s Selection) string { return s.Client }},
}

// Existing says for a message how the sessions on the server can be selected: by what
// there is of what was asked for, by the names that there are, and those without a
// name by role or database.
func (s *Sampler) Existing(ctx context.Context, conn *pgx.Conn) (string, error) {
	said := ""
	for _, by := range readSelectable {
		if by.given(s.cfg.selection) == "" {
			continue
		}
		rows, _ := conn.Query(ctx, `SELECT value || ' (' || count(*) || ')' FROM (SELECT `+by.value+` AS value FROM pg_stat_activity
			WHERE application_name <> '`+ApplicationName+`' AND `+isClient+`) AS session WHERE value IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT 20`)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return "", fmt.Errorf("listing the %s: %w", by.what, err)
		}
		if len(found) > 0 {
			said += fmt.Sprintf("%s with sessions: %s; ", by.what, strings.Join(found, ", "))
		}
	}
	rows, _ := conn.Query(ctx, readNames) // rows have its error
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", fmt.Errorf("listing the application names: %w", err)
	}
	rows, _ = conn.Query(ctx, readNameless)
	nameless, err := pgx.CollectRows(rows, pgx.RowToStructByPos[nameless])
	if err != nil {
		return "", fmt.Errorf("listing the sessions without a name: %w", err)
	}
	return said + existing(names, nameless), nil
}

func existing(names []string, nameless []nameless) string {
	text := "no session on this server has an application name"
	if len(names) > 0 {
		text = "names with sessions: " + strings.Join(names, ", ")
	} else if len(nameless) == 0 {
		text += ": ALTER ROLE app SET application_name = 'flowboard' sets one"
	}
	if len(nameless) == 0 {
		return text
	}
	parts := make([]string, len(nameless))
	for i, n := range nameless {
		parts[i] = fmt.Sprintf("role %s in database %s (%d)", n.Role, n.Database, n.Sessions)
	}
	first := nameless[0]
	return fmt.Sprintf("%s; sessions without a name: %s: select them with --role %s (APP_ROLE) or --database %s (APP_DATABASE), or give them a name: "+
		"ALTER ROLE %s SET application_name = 'flowboard' (new connections have it), or the driver's own argument "+
		"(psycopg2: connect_args={'application_name': 'flowboard'}; asyncpg: server_settings={'application_name': 'flowboard'})",
		text, strings.Join(parts, ", "), first.Role, first.Database, pgx.Identifier{first.Role}.Sanitize())
}
