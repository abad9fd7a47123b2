package workload

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// taken is an Executor that notes what it is asked for.
type taken struct {
	statements []string
	arguments  [][]any
	slept      time.Duration
	fail       error
}

func (x *taken) Execute(st *Statement, arguments []any) error {
	x.statements = append(x.statements, st.Tag+" "+st.SQL)
	x.arguments = append(x.arguments, arguments)
	return x.fail
}

func (x *taken) Sleep(d time.Duration) error {
	x.slept += d
	return nil
}

func runOnce(t *testing.T, text string) *taken {
	t.Helper()
	w, err := Load("list.sql", func(string) ([]byte, error) { return []byte(text), nil })
	require.NoError(t, err)
	x := &taken{}
	require.NoError(t, w.NewUser(7).Run(1, x))
	return x
}

func TestStatementsKeepTheirLinesAndGetParameters(t *testing.T) {
	x := runOnce(t, "\ufeff-- the list\n\\set id 1 + 2\n\n/* a /* nested */ ; comment */\nSELECT *\n  FROM issues -- all; of them\n WHERE id = :id AND kind = 'a;b' AND x::int = :id;\n"+
		"SELECT E'it\\'s; one', \"odd;name\", $$a;b$$, $q$c;$$d$q$, a[1:2]; SELECT (SELECT 1; ), :client_id")
	require.Equal(t, []string{
		"list.sql:5 SELECT *\n  FROM issues -- all; of them\n WHERE id = $1 AND kind = 'a;b' AND x::int = $2",
		"list.sql:8 SELECT E'it\\'s; one', \"odd;name\", $$a;b$$, $q$c;$$d$q$, a[1:2]",
		"list.sql:8 SELECT (SELECT 1; ), $1",
	}, x.statements)
	require.Equal(t, [][]any{{"3", "3"}, nil, {"7"}}, x.arguments)
}

func TestABackslashEndsAStatementAndContinuesACommand(t *testing.T) {
	x := runOnce(t, "BEGIN\n\\set a 1 \\\n  + 2 -- and a comment\nSELECT :a;\nEND;")
	require.Equal(t, []string{"list.sql:1 BEGIN", "list.sql:4 SELECT $1", "list.sql:5 END"}, x.statements)
	require.Equal(t, []any{"3"}, x.arguments[1])
	// What pgbench takes is no comment.
	require.Equal(t, [][]any{{"3"}}, runOnce(t, "\\set a 1 --2\nSELECT :a;").arguments)
}

func TestConditionsAndSleeps(t *testing.T) {
	x := runOnce(t, `
\set n 2
\if :n = 1
  SELECT 'one';
\elif :n = 2
  \if false
    SELECT 'never';
  \else
    SELECT 'two';
    \sleep 3 ms
    \sleep :n us
    \set pauses 4
    \sleep :pauses MS -- a name that ends like a unit
  \endif
\else
  SELECT 'other';
\endif
\sleep 1`)
	require.Equal(t, []string{"list.sql:9 SELECT 'two'"}, x.statements)
	require.Equal(t, time.Second+7*time.Millisecond+2*time.Microsecond, x.slept)
}

func TestWhatIsNotSupportedIsRefusedWithItsLine(t *testing.T) {
	for text, says := range map[string]string{
		"\n\\gset":                            `list.sql:2: \gset is not supported; accepted: \set, \sleep, \if, \elif, \else, \endif`,
		"SELECT 1 \\gset x_":                  `list.sql:1: \gset is not supported`,
		"\\startpipeline":                     `list.sql:1: \startpipeline is not supported`,
		"\\shell id":                          `list.sql:1: \shell is not supported`,
		"\\fetch all":                         `list.sql:1: unknown command \fetch; accepted: \set`,
		"\\set 1a 2":                          `list.sql:1: \set 1a: accepted: a name of letters, digits and _, and an expression`,
		"\\set a":                             `list.sql:1: \set a: an expression is missing`,
		"\\set a ?\nSELECT :a;":               `list.sql:1: \set a ?: fill in the parameter that was recorded, such as random(1, 1000)`,
		"\\set a 1 +":                         `list.sql:1: \set a: an expression is missing`,
		"\\set a (1":                          `list.sql:1: \set a: found the end in place of )`,
		"\\set a 1 2":                         `list.sql:1: \set a: found 2 after the expression`,
		"\\set a 'x'":                         `list.sql:1: \set a: found 'x'; accepted: numbers, :variables, operators and functions`,
		"\\set a rnd(1, 2)":                   `list.sql:1: \set a: unknown function rnd; accepted: abs, debug, double, exp`,
		"\\set a random(1)":                   `list.sql:1: \set a: random takes 2 arguments, found 1`,
		"\\set a greatest()":                  `list.sql:1: \set a: greatest takes 1 or more arguments, found 0`,
		"\\set a hash(1, 2, 3)":               `list.sql:1: \set a: hash takes 1 to 2 arguments, found 3`,
		"\\set a 9223372036854775808":         `list.sql:1: \set a: 9223372036854775808 does not fit an int of 64 bits`,
		"\\set a 1e999":                       `list.sql:1: \set a: 1e999 is not a number that fits`,
		"\\set a case 1 end":                  `list.sql:1: \set a: found 1 after CASE in place of WHEN`,
		"\\set a 1 is 2":                      `list.sql:1: \set a: found 2 after IS; accepted: NULL, TRUE, FALSE`,
		"\\set a :b\n\\set b 1":               `list.sql:1: \set a: variable :b is not set above`,
		"SELECT :id;":                         `list.sql:1: variable :id is not set above`,
		"SELECT\n  $1;":                       `list.sql:2: parameter $1: write a variable such as :id in its place`,
		"\\set n 1\nSELECT 'x:n';":            `list.sql:2: variable :n inside 'x:n' is not replaced; write it outside, for example 'x-' || :n`,
		"\\set n 1\nSELECT * FROM t:n":        `list.sql:2: variable :n is a part of a name; a variable can only be a value`,
		"SELECT 'open":                        `list.sql:1: 'open without an end`,
		"SELECT $x$ open":                     `list.sql:1: $x$ open without an end`,
		"SELECT (\n\\set a 1":                 `list.sql:2: a backslash command inside parentheses`,
		"COPY t FROM STDIN;":                  `list.sql:1: COPY FROM STDIN and TO STDOUT are not supported in a workload`,
		"\\if 1\nSELECT 1;":                   `list.sql:1: \if without \endif`,
		"\\else":                              `list.sql:1: \else without \if`,
		"\\endif":                             `list.sql:1: \endif without \if`,
		"\\if 1\n\\else\n\\else":              `list.sql:3: \else after \else`,
		"\\if 1\n\\else\n\\elif 1":            `list.sql:3: \elif after \else`,
		"\\if 1\nSELECT 1;\n\\endif x":        `list.sql:3: \endif takes nothing, found x`,
		"\\sleep":                             `list.sql:1: \sleep : accepted: an integer or a variable, and us, ms or s`,
		"\\sleep 1 min":                       `list.sql:1: \sleep 1 min: accepted: an integer or a variable`,
		"\\sleep :n":                          `list.sql:1: \sleep: variable :n is not set above`,
		"-- nothing":                          `list.sql:1: no SQL statement was found`,
		"a\x00b":                              `list.sql:1: the file has a zero byte: it is not text`,
		"\xff":                                `list.sql:1: the file is not UTF-8 text`,
		strings.Repeat("\\if 1\n", 200):       `list.sql:101: more than 100 \if inside each other`,
		"\\set a " + strings.Repeat("(", 500): `list.sql:1: \set a: the expression is nested too deeply`,
		strings.Repeat("-", 2<<20):            `list.sql:1: the file has 2097152 bytes; accepted: at most 1048576`,
	} {
		_, err := parse("list.sql", text, 1)
		require.Error(t, err, "%.60q", text)
		require.Contains(t, err.Error(), says)
		require.NotContains(t, err.Error(), "\n")
		require.Less(t, len(err.Error()), 400)
		var fault *Error
		require.ErrorAs(t, err, &fault)
	}
}

func TestAFaultWhileRunningNamesItsLine(t *testing.T) {
	for text, says := range map[string]string{
		"\\set n 0\n\\set a 1 / :n\nSELECT 1;":                         `list.sql:2: \set a: division by zero`,
		"\\set a random(3, 1)\nSELECT 1;":                              `list.sql:1: \set a: random: the range from 3 to 1 is empty`,
		"\\set a random_gaussian(1, 9, 1)\nSELECT 1;":                  `list.sql:1: \set a: random_gaussian: the parameter is 1; accepted: at least 2`,
		"\\if false\n\\set a 1\n\\endif\nSELECT\n :a;":                 `list.sql:4: variable :a is not set`,
		"\\set a -1\n\\sleep :a ms\nSELECT 1;":                         `list.sql:2: \sleep: -1 is not a length of time from 0 to a day`,
		"\\set a 86401\n\\sleep :a s\nSELECT 1;":                       `list.sql:2: \sleep: 86401 is not a length of time from 0 to a day`,
		"\\set a 9223372036854775807\n\\if :a + 1\nSELECT 1;\n\\endif": `list.sql:2: \if: the result does not fit an int of 64 bits`,
		"\\set a -1 * -9223372036854775808\nSELECT 1;":                 `list.sql:1: \set a: the result does not fit an int of 64 bits`,
		"\\set a -9223372036854775808 * -1\nSELECT 1;":                 `list.sql:1: \set a: the result does not fit an int of 64 bits`,
		"\\set a 4611686018427387904 * 2\nSELECT 1;":                   `list.sql:1: \set a: the result does not fit an int of 64 bits`,
		"\\set a -9223372036854775808 / -1\nSELECT 1;":                 `list.sql:1: \set a: the result does not fit an int of 64 bits`,
	} {
		w, err := Load("list.sql", func(string) ([]byte, error) { return []byte(text), nil })
		require.NoError(t, err, text)
		require.EqualError(t, w.NewUser(0).Run(1, &taken{}), says)
	}
	w, err := Load("builtin:tpcb-like", nil)
	require.NoError(t, err)
	failed := errors.New("the server said no")
	x := &taken{fail: failed}
	require.ErrorIs(t, w.NewUser(0).Run(1, x), failed)
	require.Len(t, x.statements, 1, "nothing follows a failed statement")
}

func TestWorkloadsAreReadByTheirSpecification(t *testing.T) {
	files := map[string]string{"a/list.sql": "SELECT 1;", "b/list.sql": "SELECT 2;", "update.sql": "SELECT 3;"}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, errors.New(name + ": no such file")
	}
	w, err := Load("a/list.sql@8, b/list.sql,update.sql@2,builtin:select-only@0", read)
	require.NoError(t, err)
	var names []string
	var weights []int
	for _, s := range w.scripts {
		names, weights = append(names, s.name), append(weights, s.weight)
	}
	require.Equal(t, []string{"a/list.sql", "b/list.sql", "update.sql", "builtin:select-only"}, names)
	require.Equal(t, []int{8, 1, 2, 0}, weights)
	require.True(t, w.Scaled())

	for specification, says := range map[string]string{
		"":              "WORKLOAD has an empty entry; accepted: files with weights, such as list.sql@8,update.sql@2, or builtin:select-only",
		"update.sql,":   "WORKLOAD has an empty entry",
		"update.sql@x":  `WORKLOAD has "update.sql@x": accepted after @ is a weight from 0 to 1000000`,
		"update.sql@-1": `accepted after @ is a weight`,
		"update.sql@0":  `WORKLOAD is "update.sql@0": every weight is 0`,
		"missing.sql":   "WORKLOAD: missing.sql: no such file",
		"builtin:tpcb":  "WORKLOAD has builtin:tpcb: accepted: builtin:select-only, builtin:simple-update, builtin:tpcb-like",
	} {
		_, err := Load(specification, read)
		require.ErrorContains(t, err, says, specification)
	}
}

func TestScriptsAreChosenByTheirWeights(t *testing.T) {
	w, err := Load("a@1,b@3,c@0", func(name string) ([]byte, error) { return []byte("SELECT '" + name + "';"), nil })
	require.NoError(t, err)
	x, r := &taken{}, w.NewUser(1)
	const runs = 10_000
	for range runs {
		require.NoError(t, r.Run(1, x))
	}
	count := map[string]int{}
	for _, st := range x.statements {
		count[st[:1]]++
	}
	require.InDelta(t, runs/4, count["a"], 250, "5 standard deviations")
	require.Equal(t, runs, count["a"]+count["b"])
}

func FuzzParse(f *testing.F) {
	for _, text := range builtins {
		f.Add(text)
	}
	f.Add("\\set a case when 1 < 2 or null then - ~ 3 else hash(1) end\nSELECT :a, $x$ ; $x$, E'\\'';\\if 1\n\\sleep 1 ms\n\\endif")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parse("fuzz.sql", text, 1)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		w := &Workload{scripts: []*script{parsed}, total: 1}
		_ = w.NewUser(1).Run(1, &taken{}) // it may divide by zero
	})
}
