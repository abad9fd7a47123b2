package module

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/pool"
)

const copyFromCall = "copyFrom(table, columns, rows)"

// maxCopied is the most rows of one call: all are in memory at once.
const maxCopied = 1 << 24

// copyOf converts the arguments of copyFrom. They go in the types of the columns in
// every queryExecMode.
func (i *instance) copyOf(c sobek.FunctionCall) (*pool.Copy, error) {
	table, problem := nameOf(c.Argument(0))
	if problem != "" || table == "" {
		return nil, argumentsError(copyFromCall, "table is "+cmp.Or(problem, "empty")+"; use a name such as 'issues' or 'public.issues'")
	}
	columns, err := elements(c.Argument(1), "columns")
	if err != nil {
		return nil, err
	}
	rows, err := elements(c.Argument(2), "rows")
	if err != nil {
		return nil, err
	}
	made := &pool.Copy{Table: pgx.Identifier(strings.Split(table, ".")), Rows: make([][]any, 0, len(rows))}
	for _, column := range columns {
		name, problem := nameOf(column)
		if problem != "" {
			return nil, argumentsError(copyFromCall, "a column is "+problem+"; use a name")
		}
		made.Columns = append(made.Columns, name)
	}
	if len(columns) == 0 {
		return nil, argumentsError(copyFromCall, "columns is empty; use one or more names")
	}
	for n, row := range rows {
		values, err := elements(row, fmt.Sprintf("rows[%d]", n))
		if err != nil {
			return nil, err
		}
		if len(values) != len(columns) {
			return nil, argumentsError(copyFromCall, fmt.Sprintf("rows[%d] has %d values for %d columns", n, len(values), len(columns)))
		}
		args, err := i.converter.Args(values, pgx.QueryExecModeCacheStatement, nil)
		if err != nil {
			return nil, misuse("%s: rows[%d]: %w", copyFromCall, n, sqlvalue.ExplainArgument(err))
		}
		made.Rows = append(made.Rows, args)
	}
	return made, nil
}

// nameOf is a string as it stands, or what else the value is: pgx would leave a NUL
// out, which gives another name.
func nameOf(v sobek.Value) (name, problem string) {
	if _, ok := primitiveString(v); !ok {
		return "", sqlvalue.TypeName(v)
	}
	return sqlvalue.Sendable(v)
}

// elements are those of an array, which may be of any kind.
func elements(v sobek.Value, what string) ([]sobek.Value, error) {
	array, ok := v.(*sobek.Object)
	if !ok || sqlvalue.ClassOf(array) != "Array" {
		return nil, argumentsError(copyFromCall, what+" is "+sqlvalue.TypeName(v)+"; use an array")
	}
	length := array.Get("length").ToInteger()
	if length < 0 || length > maxCopied {
		return nil, argumentsError(copyFromCall, fmt.Sprintf("%s has %d elements, the most is %d", what, length, maxCopied))
	}
	all := make([]sobek.Value, 0, min(length, 1024))
	for i := range length {
		all = append(all, array.Get(strconv.FormatInt(i, 10)))
	}
	return all, nil
}
