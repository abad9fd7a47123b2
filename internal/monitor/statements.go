package monitor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Statements reads what pg_stat_statements has counted of one role in the
// connection's database.
type Statements struct {
	Role     string
	Database string

	conn     *pgx.Conn
	function string // pg_stat_statements, in its schema
	role     uint32
}

// StatementCalls is what was counted of a statement since the last reset.
type StatementCalls struct {
	ID    int64
	Text  string // normalized by the server; empty where texts were not asked for
	Calls int64
	Time  float64 // milliseconds, of all calls
}

const findStatements = `
SELECT current_database()::text, coalesce(nullif($1, ''), session_user)::text,
	coalesce((SELECT oid FROM pg_catalog.pg_roles WHERE rolname = coalesce(nullif($1, ''), session_user)), 0)::oid,
	coalesce((SELECT nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = extnamespace
		WHERE extname = 'pg_stat_statements'), '')::text,
	EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_stat_statements'),
	coalesce(nullif($1, ''), session_user) = session_user OR pg_catalog.pg_has_role(session_user, 'pg_read_all_stats', 'USAGE'),
	quote_ident(session_user)`

// getStatements says how a server gets pg_stat_statements.
const getStatements = "shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart it"

// OpenStatements finds pg_stat_statements and the role, the connection's own for
// "". The error says in one line what is missing and how to get it.
func OpenStatements(ctx context.Context, conn *pgx.Conn, role string) (*Statements, error) {
	s := &Statements{conn: conn}
	var schema, self string
	var available, allowed bool
	err := conn.QueryRow(ctx, findStatements, role).Scan(&s.Database, &s.Role, &s.role, &schema, &available, &allowed, &self)
	switch {
	case err != nil:
		return nil, fmt.Errorf("looking for pg_stat_statements: %w", err)
	case !available && schema == "":
		return nil, fmt.Errorf("the server has no pg_stat_statements: install it (Debian has it in the package of the server, others in "+
			"postgresql-contrib), set %s, and CREATE EXTENSION pg_stat_statements in database %s", getStatements, s.Database)
	case schema == "":
		return nil, fmt.Errorf("database %s has no pg_stat_statements: CREATE EXTENSION pg_stat_statements there, as a superuser; "+
			"where it was never used, first set %s", s.Database, getStatements)
	case s.role == 0:
		return nil, fmt.Errorf("there is no role %q; --role takes the one that the application connects as", role)
	case !allowed:
		return nil, fmt.Errorf("role %s may not see the statements of role %s: GRANT pg_read_all_stats TO %[1]s", self, s.Role)
	}
	s.function = pgx.Identifier{schema, "pg_stat_statements"}.Sanitize()
	return s, nil
}

// Read reads the counts, with the texts where they are asked for: those of calls
// from a client, not from inside a function.
func (s *Statements) Read(ctx context.Context, texts bool) (map[int64]StatementCalls, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	rows, _ := s.conn.Query(ctx, `
SELECT coalesce(queryid, 0), coalesce(query, ''), calls,
	coalesce((row ->> 'total_exec_time')::float8, (row ->> 'total_time')::float8, 0)
FROM (SELECT queryid, query, calls, to_jsonb(s) - 'query' AS row FROM `+s.function+`($1) s
	WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND userid = $2) AS of_role
WHERE coalesce((row ->> 'toplevel')::bool, true)`, texts, s.role) // rows have its error
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StatementCalls])
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "55000" { // must be loaded via shared_preload_libraries
		return nil, fmt.Errorf("the server has not loaded pg_stat_statements: set %s", getStatements)
	}
	if err != nil {
		return nil, fmt.Errorf("reading pg_stat_statements: %w", err)
	}
	counted := make(map[int64]StatementCalls, len(all))
	for _, row := range all {
		counted[row.ID] = row
	}
	return counted, nil
}

// ParameterTypes has the server parse a statement, which does not run it, and
// gives the types of its parameters. The error is the server's.
func (s *Statements) ParameterTypes(ctx context.Context, sql string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	parsed, err := s.conn.Prepare(ctx, "", sql)
	if err != nil || len(parsed.ParamOIDs) == 0 {
		return nil, err
	}
	var types []string
	err = s.conn.QueryRow(ctx, "SELECT array_agg(pg_catalog.format_type(oid, NULL) ORDER BY at) FROM unnest($1::oid[]) WITH ORDINALITY AS t (oid, at)", parsed.ParamOIDs).Scan(&types)
	return types, err
}

// Closed tells whether the connection is lost.
func (s *Statements) Closed() bool { return s.conn.IsClosed() }
