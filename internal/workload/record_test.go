package workload

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecordingsAreScripts(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT * FROM issues WHERE id = $1":                              "select_issues: SELECT * FROM issues WHERE id = :p1",
		"UPDATE app.users SET name = $2 WHERE id = $1;":                   "update_users: UPDATE app.users SET name = :p2 WHERE id = :p1",
		"SELECT a\n\t-- user='geheim'\n\tFROM \"Odd Table\" /* geheim */": `select_oddtable: SELECT a FROM "Odd Table"`,
		// Literals that the server has left become parameters; positions and sizes stay.
		"SELECT 'geheim', 42 FROM t WHERE a IN (7, $1) ORDER BY a DESC, 2 LIMIT 5": "select_t: SELECT :p2, :p3 FROM t WHERE a IN (:p4, :p1) ORDER BY a DESC, 2 LIMIT :p5",
		"SELECT a::numeric(10, 2), CAST(b AS character varying(20)) FROM t":        "select_t: SELECT a::numeric(10, 2), CAST(b AS character varying(20)) FROM t",
		"WITH x AS MATERIALIZED (SELECT 7) SELECT count(*) FROM x GROUP BY 1":      "with_x: WITH x AS MATERIALIZED (SELECT :p1) SELECT count(*) FROM x GROUP BY 1",
		// What only a literal can be.
		"SELECT now() - interval $1, date $2, timestamp with time zone $3": "select: SELECT now() - :p1::interval, :p2::date, :p3::timestamp with time zone",
		// Colons that are none of ours.
		"SELECT a[$1:$2], b[i:j], f(x := $3), c::text[] FROM t": "select_t: SELECT a[:p1 : :p2], b[i: j], f(x := :p3), c::text[] FROM t",
		"(SELECT $1) UNION SELECT $1":                           "select: (SELECT :p1) UNION SELECT :p1",
		"DELETE FROM t WHERE d ? $1 AND e = $tag$geheim$tag$":   "delete_t: DELETE FROM t WHERE d ? :p1 AND e = :p2",
	} {
		r, err := NewTemplate(statement)
		require.NoError(t, err, statement)
		require.Equal(t, want, r.Name+": "+r.body)
		text := r.Text([]string{"10 calls"}, nil)
		require.NotContains(t, text+r.SQL, "geheim")
		_, err = parse("list.sql", text, 1)
		if r.parameters == 0 {
			require.NoError(t, err)
			continue
		}
		var refused *Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, `list.sql:2: \set p1 ?: fill in the parameter that was recorded, such as random(1, 1000)`, refused.Error())
		script, err := parse("list.sql", strings.ReplaceAll(text, " ?\n", " random(1, 9)\n"), 1)
		require.NoError(t, err)
		require.Len(t, script.statements(), 1)
	}
}

func TestRecordingsSayWhatAParameterIs(t *testing.T) {
	r, err := NewTemplate("SELECT $1, $2")
	require.NoError(t, err)
	require.Equal(t, "-- a\n-- p1: integer\n\\set p1 ?\n-- p2: text; variables are numbers: write an expression in its place below, such as 'name-' || :p2\n\\set p2 ?\nSELECT :p1, :p2;\n",
		r.Text([]string{"a"}, []string{"integer", "text"}))
}

// Utility statements keep their texts, which may hold a password, to themselves.
func TestWhatCannotBeReplayedIsNamedWithoutItsText(t *testing.T) {
	for statement, kind := range map[string]string{
		"BEGIN": "BEGIN", "COMMIT": "COMMIT", "ALTER ROLE app PASSWORD 'geheim'": "ALTER",
		"COPY t FROM STDIN": "COPY", "SELECT a INTO t2 FROM t": "SELECT INTO", "": "an empty text",
		"SELECT * FROM pg_stat_activity":         "monitoring",
		`SELECT * FROM "pg_stat_statements"($1)`: "monitoring",
		"SELECT 'geheim":                         "a statement that is cut off", "<insufficient privilege>": "a string that is no statement",
	} {
		_, err := NewTemplate(statement)
		var refused *UnreplayableError
		require.ErrorAs(t, err, &refused, statement)
		require.Equal(t, kind, refused.Kind)
		require.NotContains(t, fmt.Sprint(err), "geheim")
	}
}
