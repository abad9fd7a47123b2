package module

import (
	"errors"
	"time"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// errAsyncTransaction: BEGIN and COMMIT would not wait for what fn awaits.
var errAsyncTransaction = errors.New("transaction(fn) takes a plain function, not an async one: " +
	"use await transactionAsync(fn), or blocking calls inside fn")

type transactionCall struct {
	fn      sobek.Callable
	options pool.TransactionOptions
	retries int
}

// transaction runs a script's function between BEGIN and COMMIT. What it
// throws rolls back and is thrown on.
func (p *poolObject) transaction(call sobek.FunctionCall) sobek.Value {
	t, err := p.transactionCall("transaction", call)
	p.must(err)
	pl, origin := p.ready("transaction()"), p.scriptLine()
	return p.retrying(t, func() (sobek.Value, error) {
		scope := p.session.Current()
		conn, err := pl.Acquire(scope, origin)
		if err != nil {
			return nil, err
		}
		defer func() {
			p.session.Current() // the tags of this moment
			conn.Release()
		}()
		return (&connObject{poolObject: p, conn: conn}).inTransaction(scope, t)
	})
}

// transaction is the same on a connection: a savepoint where one is open.
func (c *connObject) transaction(call sobek.FunctionCall) sobek.Value {
	t, err := c.transactionCall("transaction", call)
	c.must(err)
	return c.retrying(t, func() (sobek.Value, error) {
		c.order.wait()
		return c.inTransaction(c.session.Current(), t)
	})
}

// retrying runs a transaction, and again where the server says that this may help.
func (p *poolObject) retrying(t transactionCall, run func() (sobek.Value, error)) sobek.Value {
	for attempt := 0; ; attempt++ {
		result, err := run()
		switch {
		case err == nil:
			return result
		case attempt >= t.retries || !p.serialization(err):
			p.throw(err)
		}
		p.session.Retried()
		p.must(pause(transactionBackoff(attempt), p.vu.Context().Done()))
	}
}

func transactionBackoff(attempt int) time.Duration {
	return backoff(attempt, 10*time.Millisecond, time.Second)
}

// serialization reports whether err, ours or thrown by a script, says that the
// transaction would succeed if it were run again.
func (i *instance) serialization(err error) bool {
	_, code := errorName(err)
	if thrown := thrownBy(err); code == "" && thrown != nil {
		code = i.textOf(thrown, "code")
	}
	return mayRetry(code)
}

// mayRetry are serialization_failure and deadlock_detected.
func mayRetry(code string) bool { return code == "40001" || code == "40P01" }

// textOf is a property of what a script threw, such as its code; "" if it has none.
func (i *instance) textOf(thrown sobek.Value, property string) (value string) {
	if object, ok := thrown.(*sobek.Object); ok {
		_ = i.rt.Try(func() { value, _ = primitiveString(object.Get(property)) }) // a getter may throw: none of ours
	}
	return value
}

// transactionCall reads the arguments of transaction() or transactionAsync(). Only the latter takes
// an async function.
func (p *poolObject) transactionCall(name string, call sobek.FunctionCall) (t transactionCall, err error) {
	fn, ok := sobek.AssertFunction(call.Argument(0))
	if !ok || len(call.Arguments) > 2 {
		return t, argumentsError(name+"(fn)", "fn is "+sqlvalue.TypeName(call.Argument(0))+"; use one function and an object of options")
	}
	constructor, ok := call.Argument(0).ToObject(p.rt).Get("constructor").(*sobek.Object)
	if ok && name == "transaction" && constructor.Get("name").String() == "AsyncFunction" {
		return t, &pool.QueryError{Err: errAsyncTransaction}
	}
	if len(call.Arguments) == 2 { // readers cost more than the rest of the call
		t, err = p.transactionOptions(name+"(fn)", call.Argument(1))
	}
	t.fn = fn
	return t, err
}

func (p *poolObject) transactionOptions(call string, options sobek.Value) (t transactionCall, err error) {
	err = p.readOptions(call, options, map[string]optionReader{
		"isolation":  isolationOption(&t.options.Isolation),
		"readOnly":   boolOption(&t.options.ReadOnly),
		"deferrable": boolOption(&t.options.Deferrable),
		"retries":    wholeOption(&t.retries, 0, 100),
	})
	return t, err
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

func (c *connObject) inTransaction(s *pool.Scope, t transactionCall) (sobek.Value, error) {
	open, err := c.conn.Transaction(s, t.options, t.retries)
	if err != nil {
		return nil, err
	}
	ended := false
	defer func() {
		if !ended { // an interrupt of k6's is a panic
			c.order.wait()
			open.Rollback()
		}
	}()
	result, err := t.fn(sobek.Undefined(), c.value())
	if err != nil {
		return nil, err
	}
	if then, ok := thenable(result); ok {
		c.forget(result, then)
		return nil, &pool.QueryError{Err: errAsyncTransaction}
	}
	c.order.wait() // for Promises of fn's that nobody waits for
	if err := open.Commit(c.session.Current()); err != nil {
		return nil, err
	}
	ended = true
	return result, nil
}
