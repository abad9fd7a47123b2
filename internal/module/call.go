package module

import (
	"strings"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// operation is what a call does with its statement.
type operation int

const (
	opQuery operation = iota
	opQueryRow
	opQueryValue
	opExec
	opCopyFrom
)

func (o operation) String() string { return strings.TrimSuffix(o.callName(), "()") }

// callName and asyncCallName are how messages name it. They are asked for in every call, and so
// are constants.
func (o operation) callName() string {
	return [...]string{"query()", "queryRow()", "queryValue()", "exec()", "copyFrom()"}[o]
}

func (o operation) asyncCallName() string {
	return [...]string{"queryAsync()", "queryRowAsync()", "queryValueAsync()", "execAsync()", "copyFromAsync()"}[o]
}

// caller is what a script calls statements on.
type caller interface {
	call(op operation, c sobek.FunctionCall) sobek.Value
	callAsync(op operation, c sobek.FunctionCall) sobek.Value // gives a Promise
}

// statementMethod is the method of that name which runs a statement; nil if there is
// none.
func statementMethod(name string, on caller) method {
	base, async := strings.CutSuffix(name, "Async")
	for _, op := range []operation{opQuery, opQueryRow, opQueryValue, opExec, opCopyFrom} {
		switch {
		case op.String() != base:
		case async:
			return func(c sobek.FunctionCall) sobek.Value { return on.callAsync(op, c) }
		default:
			return func(c sobek.FunctionCall) sobek.Value { return on.call(op, c) }
		}
	}
	return nil
}

// runner is what statements run on: the pool, or one connection of it.
type runner interface {
	Query(s *pool.Scope, sql string, args []any) (*pool.Result, error)
	QueryRow(s *pool.Scope, sql string, args []any) (*pool.Result, error)
	Exec(s *pool.Scope, sql string, args []any) (*pool.Result, error)
	CopyFrom(s *pool.Scope, rows *pool.Copy) (*pool.Result, error)
}

// statement is one call with its arguments converted, ready to run on any
// goroutine. It serves the blocking and the Promise form.
type statement struct {
	op   operation
	sql  string
	args []any
	copy *pool.Copy // of copyFrom
}

// prepare converts a call's arguments. scratch is used where it has room.
func (i *instance) prepare(op operation, mode pgx.QueryExecMode, c sobek.FunctionCall, scratch []any) (statement, error) {
	if op == opCopyFrom {
		rows, err := i.copyOf(c)
		return statement{op: op, copy: rows}, err
	}
	text, ok := c.Argument(0).(sobek.String)
	if !ok {
		return statement{}, argumentsError(op.String()+"(sql, ...args)", "sql is "+sqlvalue.TypeName(c.Argument(0))+"; use a string")
	}
	sql, reason := sqlvalue.Sendable(text)
	if reason != "" {
		return statement{}, argumentsError(op.String()+"(sql, ...args)", "sql is "+reason)
	}
	st := statement{op: op, sql: sql}
	if len(c.Arguments) == 1 {
		return st, nil
	}
	var err error
	st.args, err = i.converter.Args(c.Arguments[1:], mode, scratch[:0])
	return st, err
}

func (st *statement) run(r runner, s *pool.Scope) (*pool.Result, error) {
	switch st.op {
	case opCopyFrom:
		return r.CopyFrom(s, st.copy)
	case opExec:
		return r.Exec(s, st.sql, st.args)
	case opQueryRow, opQueryValue:
		return r.QueryRow(s, st.sql, st.args)
	}
	return r.Query(s, st.sql, st.args)
}

// rowShape is what a row is for a script.
type rowShape int

const (
	rowObjects rowShape = iota
	rowArrays
)

// given turns a statement's result into what its call gives.
func (p *poolObject) given(op operation, r *pool.Result) sobek.Value {
	switch {
	case op == opQuery && p.shape == rowArrays:
		return p.converter.Arrays(r)
	case op == opQuery:
		return p.converter.Rows(r)
	case op == opQueryRow && p.shape == rowArrays:
		return p.converter.FirstArray(r)
	case op == opQueryRow:
		return p.converter.FirstRow(r)
	case op == opQueryValue:
		return p.converter.FirstValue(r)
	case op == opCopyFrom:
		return p.rt.ToValue(r.CommandTag().RowsAffected())
	default:
		return p.execResult(r)
	}
}

// blocking runs a call on the VU's goroutine.
func (p *poolObject) blocking(op operation, c sobek.FunctionCall, r runner) sobek.Value {
	scratch := p.args
	p.args = nil // a toJSON() of the script's may call us meanwhile
	st, err := p.prepare(op, p.mode, c, scratch)
	p.must(err)
	res, err := st.run(r, p.session.Current())
	clear(st.args)
	p.args = st.args
	if err != nil {
		p.throw(sqlvalue.ExplainArgument(err))
	}
	return p.given(op, res)
}

// asyncCall is a call beside the VU's goroutine. One allocation holds all of it.
type asyncCall struct {
	*poolObject
	statement
	scope *pool.Scope
	state *lib.State
	conn  *pool.Conn // nil: one of its own
	err   error      // of the arguments
}

// async runs a call beside the VU's goroutine: on conn, or on a connection of its own.
// Arguments are converted before, and a wrong one rejects the Promise as any other
// failure does. order is that of the calls on one connection, nil where each has its own.
func (p *poolObject) async(op operation, c sobek.FunctionCall, order *turns, conn *pool.Conn, state *lib.State) sobek.Value {
	call := &asyncCall{poolObject: p, conn: conn, state: state}
	if thrown := p.rt.Try(func() { call.statement, call.err = p.prepare(op, p.mode, c, nil) }); thrown != nil {
		call.err = thrown // by a getter of the script's own
	}
	call.scope = p.session.Apart()
	return promise(p.instance, order.take(), call.work, call.value)
}

func (c *asyncCall) work() (*pool.Result, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.conn != nil {
		return c.run(c.conn, c.scope)
	}
	own, err := c.get(c.state)
	if err != nil {
		return nil, err
	}
	return c.run(own, c.scope)
}

func (c *asyncCall) value(res *pool.Result) sobek.Value { return c.given(c.op, res) }

// promise runs work beside the VU's goroutine, in its turn, and settles on the
// event loop: the runtime is never touched elsewhere. The turn is over when it has
// settled, so that the Promises of one connection settle in their order too: k6
// ends an iteration whose Promise is rejected before the script has come to its
// catch().
func promise[T any](i *instance, turn turn, work func() (T, error), value func(T) sobek.Value) sobek.Value {
	p, resolve, reject := i.rt.NewPromise()
	settle := i.vu.RegisterCallback()
	i.root.workers.do(func() {
		turn.begin()
		defer turn.end()
		result, err := survive(work)
		settle(func() error {
			if err != nil {
				return reject(i.rejection(sqlvalue.ExplainArgument(err)))
			}
			var resolved sobek.Value
			if thrown := i.rt.Try(func() {
				defer i.catch("Promise", "")
				resolved = value(result)
			}); thrown != nil {
				return reject(thrown.Value())
			}
			return resolve(resolved)
		})
	})
	return i.rt.ToValue(p)
}

func (p *poolObject) call(op operation, c sobek.FunctionCall) sobek.Value {
	return p.blocking(op, c, p.ready(op.callName()))
}

func (p *poolObject) callAsync(op operation, c sobek.FunctionCall) sobek.Value {
	state := p.notInInit(op.asyncCallName())
	return p.async(op, c, nil, nil, state)
}

// execResult is what exec gives: { rowsAffected(), command }.
func (i *instance) execResult(r *pool.Result) sobek.Value {
	tag := r.CommandTag()
	rows := func(sobek.FunctionCall) sobek.Value { return i.rt.ToValue(tag.RowsAffected()) }
	return i.object(field{"rowsAffected", rows}, field{"command", verb(tag.String())})
}

// verb is the first word of a command tag: INSERT.
func verb(tag string) string {
	word, _, _ := strings.Cut(tag, " ")
	return word
}
