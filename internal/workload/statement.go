package workload

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/sqltext"
)

var leadingName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*`)

var parameterNumber = regexp.MustCompile(`^\$\d+`)

var copyStream = regexp.MustCompile(`(?is)^copy\b.*\b(from\s+stdin|to\s+stdout)\b`)

// newStatement puts $1, $2 … in place of the variables. They go to the server as parameters, so they can be values
// only: inside quotes or as a part of a name pgbench puts their text, which is refused here.
func newStatement(sql string, where position, known []string) (*Statement, error) {
	if copyStream.MatchString(sql) {
		return nil, where.errorf("COPY FROM STDIN and TO STDOUT are not supported in a workload")
	}
	st := &Statement{Tag: fmt.Sprintf("%s:%d", where.file, where.line), where: where}
	var out strings.Builder
	for i := 0; i < len(sql); {
		line := position{where.file, where.line + strings.Count(sql[:i], "\n")}
		text, length, err := st.piece(sql, i, known, line)
		if err != nil {
			return nil, err
		}
		out.WriteString(text)
		i += length
	}
	st.SQL = out.String()
	return st, nil
}

// piece gives what is sent in place of the token at i, and the token's length.
func (st *Statement) piece(sql string, i int, known []string, where position) (text string, length int, err error) {
	rest, inName := sql[i:], i > 0 && sqltext.IsNameByte(sql[i-1])
	if rest[0] == ':' {
		return st.variable(rest, inName, known, where)
	}
	if parameter := parameterNumber.FindString(rest); parameter != "" && !inName {
		return "", 0, where.errorf("parameter %s: write a variable such as :id in its place", short(parameter))
	}
	length = sqltext.Length(rest, inName)
	if name := variableInside(rest[:length], known); name != "" && length > 1 {
		return "", 0, where.errorf("variable :%s inside %s is not replaced; write it outside, for example 'x-' || :%[1]s",
			name, short(rest[:length]))
	}
	return rest[:length], length, nil
}

// variable reads what begins with a colon: a cast, a slice, an assignment or a variable. inName tells that a name ends
// right before it.
func (st *Statement) variable(rest string, inName bool, known []string, where position) (text string, length int, err error) {
	if strings.HasPrefix(rest, "::") {
		return "::", 2, nil
	}
	name := leadingName.FindString(rest[1:])
	if name == "" {
		return ":", 1, nil
	}
	if !slices.Contains(known, name) {
		return "", 0, where.errorf("variable :%s is not set above", short(name))
	}
	if inName {
		return "", 0, where.errorf("variable :%s is a part of a name; a variable can only be a value", name)
	}
	// One parameter for each mention, as in pgbench: each gets the type that its place needs.
	st.variables = append(st.variables, name)
	return fmt.Sprintf("$%d", len(st.variables)), 1 + len(name), nil
}

// variableInside finds a variable that is set in quoted text; comments are not sent to be read.
func variableInside(token string, known []string) string {
	if strings.HasPrefix(token, "--") || strings.HasPrefix(token, "/*") {
		return ""
	}
	for i := range len(token) {
		if token[i] != ':' || i > 0 && token[i-1] == ':' {
			continue
		}
		if name := leadingName.FindString(token[i+1:]); name != "" && slices.Contains(known, name) {
			return name
		}
	}
	return ""
}
