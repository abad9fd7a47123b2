package module

import (
	"errors"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// errAsyncTransaction: BEGIN and COMMIT would not wait for what fn awaits.
var errAsyncTransaction = errors.New("transaction(fn) takes a plain function, not an async one: " +
	"use acquire() with exec('BEGIN') and exec('COMMIT'), or blocking calls inside fn")

// transaction runs a script's function between BEGIN and COMMIT. What it
// throws rolls back and is thrown on.
func (p *poolObject) transaction(call sobek.FunctionCall) sobek.Value {
	fn, err := p.transactionFunction(call)
	if err != nil {
		p.throw(err)
	}
	pl, err := p.ready("transaction()")
	if err != nil {
		p.throw(err)
	}
	conn, err := pl.Acquire(p.session.Current(), p.scriptLine(p.shared.Config().Name))
	if err != nil {
		p.throw(err)
	}
	defer func() {
		p.session.Current() // the tags of this moment
		conn.Release()      // rolls back what is still open
	}()
	result, err := p.inTransaction(conn, fn)
	if err != nil {
		p.throw(err)
	}
	return result
}

func (p *poolObject) transactionFunction(call sobek.FunctionCall) (sobek.Callable, error) {
	fn, ok := sobek.AssertFunction(call.Argument(0))
	if !ok || len(call.Arguments) != 1 {
		return nil, argumentsError("transaction(fn)", "fn is "+sqlvalue.TypeName(call.Argument(0))+", accepted is one function")
	}
	constructor, ok := call.Argument(0).ToObject(p.rt).Get("constructor").(*sobek.Object)
	if ok && constructor.Get("name").String() == "AsyncFunction" {
		return nil, &pool.QueryError{Err: errAsyncTransaction}
	}
	return fn, nil
}

// forget marks a Promise as handled: the error that is thrown says what is
// wrong, and the rejection that follows from it would end the iteration.
func (p *poolObject) forget(promise sobek.Value, then sobek.Callable) {
	ignore := p.rt.ToValue(func(sobek.FunctionCall) sobek.Value { return sobek.Undefined() })
	_, _ = then(promise, ignore, ignore) // a script's own then may throw: it is none of ours
}

// thenable is what await would wait for.
func thenable(v sobek.Value) (then sobek.Callable, ok bool) {
	object, ok := v.(*sobek.Object)
	if !ok {
		return nil, false
	}
	return sobek.AssertFunction(object.Get("then"))
}

func (p *poolObject) inTransaction(conn *pool.Conn, fn sobek.Callable) (sobek.Value, error) {
	if err := conn.Begin(p.session.Current()); err != nil {
		return nil, err
	}
	c := &connObject{poolObject: p, conn: conn}
	result, err := fn(sobek.Undefined(), c.value())
	if err != nil {
		return nil, err
	}
	if then, ok := thenable(result); ok {
		p.forget(result, then)
		return nil, &pool.QueryError{Err: errAsyncTransaction}
	}
	c.order.wait() // for Promises of fn's that nobody waits for
	return result, conn.Commit(p.session.Current())
}
