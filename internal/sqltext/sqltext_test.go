package sqltext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatementsLoseTheirLiterals(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT *\n\tFROM users WHERE email = 'a@b.c' AND id = 42": "SELECT * FROM users WHERE email = ? AND id = ?",
		"SELECT 'it''s', E'a\\'b', $1, $tag$ x $tag$, t1.c2":       "SELECT ?, ?, $1, ?, t1.c2",
		"SELECT 'cut off":                                      "SELECT ?",
		"SELECT $$cut off":                                     "SELECT ?",
		`SELECT "cut off`:                                      "SELECT ?",
		"SELECT $a1$secret$a1$, 1":                             "SELECT ?, ?",
		"SELECT $a$x $b$ secret $a$, 1":                        "SELECT ?, ?",
		"SELECT $é$secret$é$":                                  "SELECT ?",
		"SELECT 1 -- don't\n, 'secret'":                        "SELECT ? , ?",
		"SELECT 1 /* it's /* nested */ */, 'secret'":           "SELECT ? , ?",
		"SELECT 1 /* user='secret'":                            "SELECT ?",
		`SELECT "it's", 'secret', "a1"`:                        `SELECT "it's", ?, "a1"`,
		`SELECT 'C:\', 'secret'`:                               "SELECT ?",
		"SELECT 0xDEAD, 1e-5, .5, 1_000, -7, 1.5E+3, t.c1, x1": "SELECT ?, ?, ?, ?, -?, ?, t.c1, x1",
		"SELECT U&'d\\0061', B'01', name$1 FROM t1":            "SELECT U&?, B?, name$1 FROM t1",
		"": "",
	} {
		require.Equal(t, want, WithoutLiterals(statement), statement)
	}
}

// Wherever the server cuts a statement off, nothing of a literal is left.
func TestNothingOfALiteralIsLeftOfACutStatement(t *testing.T) {
	statement := `SELECT 'zz''zz', E'zz\'zz', $q$zz$q$, "n", /* zz'zz */ U&'zz' -- zz
		FROM t WHERE a = 'zz' AND b IN ($1, 'zz')`
	for end := range len(statement) {
		require.NotContains(t, WithoutLiterals(statement[:end]), "z", statement[:end])
	}
}

func TestTokensAreTheWholeText(t *testing.T) {
	for _, text := range []string{
		"SELECT a, $1::int, 'x' FROM \"t\" -- c\nWHERE é = 1", "\xff\xfe'", "$", "$$", "/*", "a$b$c", "…", "1.5e", "e'\\",
	} {
		var joined strings.Builder
		for _, token := range Tokens(text) {
			require.NotEmpty(t, token.Text)
			joined.WriteString(token.Text)
		}
		require.Equal(t, text, joined.String())
	}
}

func TestSeveralStatements(t *testing.T) {
	for text, several := range map[string]bool{
		"SELECT 1": false, "SELECT 1;": false, "SELECT 1; ; -- end": false, "SELECT 1;\n/* ; */": false, ";": false,
		"SELECT ';', E'\\';', \"a;b\", $$ ; $$, $x$ ; $x$": false,
		"SELECT 1 -- ; \n":                false,
		"SELECT 1; SELECT 2":              true,
		"SELECT 'a';SELECT $$;$$":         true,
		"SELECT 1 /* ; */ ; /* */ INSERT": true,
		"; SELECT 1":                      false,
		"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)":                        false,
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END":           false,
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1; SELECT 2'; SELECT 1": true,
	} {
		require.Equal(t, several, Several(text), text)
	}
}
