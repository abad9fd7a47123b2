package js

import (
	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// connObject is a connection in the script's hands.
type connObject struct {
	*poolObject
	conn *pool.Conn
}

// acquire checks out a connection.
func (p *poolObject) acquire(sobek.FunctionCall) sobek.Value {
	pl, err := p.ready("acquire()")
	if err != nil {
		p.throw(err)
	}
	conn, err := pl.Acquire(p.session.current(), p.scriptLine(p.shared.config.Name))
	if err != nil {
		p.throw(err)
	}
	return p.hold(conn)
}

func (p *poolObject) acquireAsync(sobek.FunctionCall) sobek.Value {
	state := p.vu.State()
	if state == nil {
		p.throw(inInit("acquireAsync()"))
	}
	scope, origin := p.session.apart(), p.scriptLine(p.shared.config.Name)
	return promise(p.instance, func() (*pool.Conn, error) {
		defer scope.Close()
		pl, err := p.shared.get(state)
		if err != nil {
			return nil, err
		}
		conn, err := pl.Acquire(scope, origin)
		if err == nil && scope.Interrupted() {
			conn.Release() // the iteration is over: nobody will
			return nil, pool.ErrInterrupted
		}
		return conn, err
	}, func(conn *pool.Conn) sobek.Value { return p.hold(conn) })
}

// hold makes the script's object of a connection, and sees to it that it comes
// back should the script forget.
func (p *poolObject) hold(conn *pool.Conn) sobek.Value {
	p.iteration.hold(conn)
	c := &connObject{poolObject: p, conn: conn}
	return p.rt.NewDynamicObject(&lazyObject{
		instance: p.instance, methods: c.methods,
		values: map[string]sobek.Value{"pid": p.rt.ToValue(conn.PID())},
	})
}

func (c *connObject) methods(name string) method {
	switch name {
	case "query":
		return func(f sobek.FunctionCall) sobek.Value { return c.call(opQuery, f) }
	case "queryRow":
		return func(f sobek.FunctionCall) sobek.Value { return c.call(opQueryRow, f) }
	case "exec":
		return func(f sobek.FunctionCall) sobek.Value { return c.call(opExec, f) }
	case "queryAsync":
		return func(f sobek.FunctionCall) sobek.Value { return c.callAsync(opQuery, f) }
	case "queryRowAsync":
		return func(f sobek.FunctionCall) sobek.Value { return c.callAsync(opQueryRow, f) }
	case "execAsync":
		return func(f sobek.FunctionCall) sobek.Value { return c.callAsync(opExec, f) }
	case "release":
		return c.release
	}
	return nil
}

func (c *connObject) call(op operation, f sobek.FunctionCall) sobek.Value {
	return c.blocking(op, c.mode, f, c.conn, c.session.current())
}

func (c *connObject) callAsync(op operation, f sobek.FunctionCall) sobek.Value {
	return c.async(op, c.mode, f, &c.session, func() (runner, error) { return c.conn, nil })
}

func (c *connObject) release(sobek.FunctionCall) sobek.Value {
	c.session.current() // the tags of this moment
	c.iteration.drop(c.conn)
	c.conn.Release()
	return sobek.Undefined()
}
