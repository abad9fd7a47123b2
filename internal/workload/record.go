package workload

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/sqltext"
)

// Template is a statement of pg_stat_statements as a script whose parameters
// are left to fill in.
type Template struct {
	Name       string // such as select_issues, for a file
	SQL        string // with $1, $2 … for the server to parse
	parameters int

	body string // with :p1, :p2 …
}

// UnreplayableError says why a statement cannot be a script. Kind is a few
// words without any of its text, such as COMMIT.
type UnreplayableError struct{ Kind string }

func (e *UnreplayableError) Error() string { return e.Kind + " cannot be replayed" }

// replayable are the verbs of statements that are no utility statements.
var replayable = []string{"select", "insert", "update", "delete", "merge", "with", "values", "table", "("}

// NewTemplate makes a script of a statement that the server has normalized.
// Literals that the server left in it become parameters too, but for positions in
// ORDER BY and GROUP BY and the sizes of types, which cannot be. The error is an
// [UnreplayableError].
func NewTemplate(statement string) (*Template, error) {
	r := &rewriter{}
	for _, t := range sqltext.Tokens(statement) {
		if t.Open {
			return nil, &UnreplayableError{"a statement that is cut off"}
		}
		if t.Kind == sqltext.Comment || t.Kind == sqltext.Space {
			r.space = len(r.tokens) > 0
			continue
		}
		r.tokens = append(r.tokens, rewriteToken{Token: t, word: strings.ToLower(t.Text), space: r.space})
		r.space = false
	}
	for len(r.tokens) > 0 && r.tokens[len(r.tokens)-1].Text == ";" {
		r.tokens = r.tokens[:len(r.tokens)-1]
	}
	if kind := r.unreplayable(); kind != "" {
		return nil, &UnreplayableError{kind}
	}
	r.number()
	template := &Template{Name: r.name(), SQL: r.text("$", ""), parameters: r.parameters, body: r.text(":p", " ")}
	filled := strings.ReplaceAll(template.Text(nil, nil), " ?\n", " 1\n")
	if script, err := parse(template.Name, filled, 1); err != nil || len(script.statements()) != 1 {
		return nil, &UnreplayableError{"a statement that is not one in pgbench's files"}
	}
	return template, nil
}

// Text is the script's: comments, then \set for each parameter with its type as
// far as it is known, then the statement. Parse refuses it until each ? is filled
// in.
func (r *Template) Text(comments, types []string) string {
	var b strings.Builder
	for _, comment := range comments {
		fmt.Fprintf(&b, "-- %s\n", comment)
	}
	for i := range r.parameters {
		if i < len(types) {
			fmt.Fprintf(&b, "-- p%d: %s%s\n", i+1, types[i], hint(types[i], i+1))
		}
		fmt.Fprintf(&b, "\\set p%d ?\n", i+1)
	}
	return b.String() + r.body + ";\n"
}

// numeric are the types whose values a variable can hold.
var numeric = []string{"smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "oid"}

func hint(of string, parameter int) string {
	if slices.Contains(numeric, of) {
		return ""
	}
	return fmt.Sprintf("; variables are numbers: write an expression in its place below, such as 'name-' || :p%d", parameter)
}

// rewriter takes a statement apart.
type rewriter struct {
	tokens     []rewriteToken
	space      bool // before the next token
	parameters int
}

type rewriteToken struct {
	sqltext.Token
	word      string // in lower case
	space     bool   // before it
	parameter int    // it is one, from 1
	cast      string // of the parameter
	left      bool   // it is left out
}

// unreplayable is why the statement cannot be a script; "" if it can.
func (r *rewriter) unreplayable() string {
	if len(r.tokens) == 0 {
		return "an empty text"
	}
	first := r.tokens[0]
	if !slices.Contains(replayable, first.word) {
		if first.Kind != sqltext.Name {
			return "a string that is no statement"
		}
		return strings.ToUpper(first.word)
	}
	depth := 0
	for _, t := range r.tokens {
		depth += nesting[t.Text[0]]
		switch {
		case strings.HasPrefix(strings.TrimPrefix(t.word, `"`), "pg_stat") && t.Kind != sqltext.String:
			return "monitoring"
		case t.Kind == sqltext.Name && t.word == "into" && first.word == "select" && depth == 0:
			return "SELECT INTO"
		}
	}
	return ""
}

// number makes parameters of $1, $2 … and of literals.
func (r *rewriter) number() {
	for i := range r.tokens {
		if t := &r.tokens[i]; t.Kind == sqltext.Parameter {
			var err error
			if t.parameter, err = strconv.Atoi(t.Text[1:]); err == nil {
				r.parameters = max(r.parameters, t.parameter)
			}
		}
	}
	for i := range r.tokens {
		t := &r.tokens[i]
		switch {
		case t.Kind == sqltext.Parameter:
		case t.Kind == sqltext.String, t.Kind == sqltext.Number && !r.structural(i):
			r.parameters++
			t.parameter = r.parameters
		default:
			continue
		}
		r.cast(i)
	}
}

// typeNames can stand before a string, which no parameter can follow.
var typeNames = []string{"interval", "date", "time", "timestamp", "timestamptz", "timetz", "zone"}

// cast turns interval $1, which only a literal can be, into $1::interval.
func (r *rewriter) cast(i int) {
	from := i - 1
	if from < 0 || r.tokens[from].Kind != sqltext.Name || !slices.Contains(typeNames, r.tokens[from].word) {
		return
	}
	const words = 4 // timestamp with time zone
	if r.tokens[from].word == "zone" {
		if from -= words - 1; from < 0 {
			return
		}
	}
	var name []string
	for k := from; k < i; k++ {
		r.tokens[k].left = true
		name = append(name, r.tokens[k].Text)
	}
	r.tokens[i].cast, r.tokens[i].space = strings.Join(name, " "), r.tokens[from].space
}

// structural tells whether the number at i is a position in ORDER BY or GROUP BY
// or the size of a type: all that can be before it is the BY, the parenthesis or
// a comma.
func (r *rewriter) structural(i int) bool {
	if i == 0 || !slices.Contains([]string{"by", "(", ","}, r.tokens[i-1].word) {
		return false
	}
	depth := 0
	for k := i - 1; k >= 0; k-- {
		t := r.tokens[k]
		depth -= nesting[t.Text[0]]
		switch {
		case depth < 0: // inside of the parenthesis at k
			return r.typeBefore(k)
		case depth > 0:
		case t.word == "by":
			return true
		case slices.Contains(clauses, t.word):
			return false
		}
	}
	return false
}

// clauses begin lists in which a number is a value.
var clauses = []string{"select", "from", "where", "values", "set", "limit", "offset", "having", "on", "returning", "fetch", "and", "or"}

// typeBefore tells whether the parenthesis at i follows a type's name after :: or
// AS.
func (r *rewriter) typeBefore(i int) bool {
	k := i - 1
	if k < 0 || r.tokens[k].Kind != sqltext.Name || r.tokens[k].word == "materialized" {
		return false
	}
	if k >= 1 && slices.Contains([]string{"character", "bit"}, r.tokens[k-1].word) { // varying
		k--
	}
	return k >= 1 && r.tokens[k-1].word == "as" || k >= 2 && r.isColon(k-1) && r.isColon(k-2)
}

// text writes the statement with prefix and number for each parameter; around is
// put between a parameter and a colon after it that is no cast.
func (r *rewriter) text(prefix, around string) string {
	var b strings.Builder
	apart := false // from what comes next
	for i, t := range r.tokens {
		if t.left {
			continue
		}
		if t.space || apart {
			b.WriteByte(' ')
		}
		apart = t.Text == ":" && r.wouldBeVariable(i)
		if t.parameter == 0 {
			b.WriteString(t.Text)
			continue
		}
		b.WriteString(prefix + strconv.Itoa(t.parameter))
		if t.cast != "" {
			b.WriteString("::" + t.cast)
		}
		if r.isColon(i+1) && !r.isColon(i+2) {
			b.WriteString(around)
		}
	}
	return b.String()
}

// wouldBeVariable tells whether the colon at i, which is no part of a cast, and
// what follows it read like a variable.
func (r *rewriter) wouldBeVariable(i int) bool {
	next := i + 1
	return !r.isColon(i-1) && next < len(r.tokens) && (r.tokens[next].Kind == sqltext.Name || r.tokens[next].parameter > 0)
}

func (r *rewriter) isColon(i int) bool {
	return i >= 0 && i < len(r.tokens) && r.tokens[i].Text == ":"
}

// name is the verb and the first table, as far as letters, digits and _ go.
func (r *rewriter) name() string {
	name := strings.Trim(r.tokens[0].word, "(")
	if name == "" {
		name = "select"
	}
	for i, t := range r.tokens {
		if i+1 < len(r.tokens) && slices.Contains([]string{"from", "into", "update", "join"}, t.word) {
			table := i + 1
			for table+2 < len(r.tokens) && r.tokens[table+1].Text == "." { // after the schema
				table += 2
			}
			if of := plain(r.tokens[table].word); of != "" {
				return name + "_" + of
			}
		}
	}
	return name
}

var notPlain = regexp.MustCompile(`[^a-z0-9_]`)

func plain(word string) string {
	const most = 40
	kept := notPlain.ReplaceAllString(word, "")
	return kept[:min(len(kept), most)]
}
