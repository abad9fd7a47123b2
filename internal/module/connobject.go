package module

import (
	"fmt"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/pool"
)

type connObject struct {
	*poolObject
	conn  *pool.Conn
	order turns

	// What the script sees of it, with room for what most use: one allocation in all.
	shown lazyObject
	pid   [1]property
	made  [2]property
}

func (p *poolObject) acquire(sobek.FunctionCall) sobek.Value {
	conn, err := p.ready("acquire()").Acquire(p.session.Current(), p.scriptLine())
	p.must(err)
	p.vu.Hold(p.vu.WatchEnd(), conn)
	return p.connection(conn)
}

// acquireAsync notes the connection before its Promise is settled: an iteration
// that throws meanwhile never gets to see it.
func (p *poolObject) acquireAsync(sobek.FunctionCall) sobek.Value {
	return promise(p.instance, turn{}, p.acquiring(p.notInInit("acquireAsync()"), p.scriptLine()), p.connection)
}

// acquiring is a checkout, to run beside the VU's goroutine, which calls this.
func (p *poolObject) acquiring(state *lib.State, origin func() string) func() (*pool.Conn, error) {
	scope, ctx := p.session.Apart(), p.vu.WatchEnd()
	return func() (*pool.Conn, error) {
		pl, err := p.get(state)
		if err != nil {
			return nil, err
		}
		conn, err := pl.Acquire(scope, origin)
		if err != nil {
			return nil, err
		}
		p.vu.Hold(ctx, conn)
		if scope.Interrupted() { // the end may have been swept already
			p.vu.Drop(conn)
			conn.Release()
			return nil, pool.ErrInterrupted
		}
		return conn, nil
	}
}

func (p *poolObject) connection(conn *pool.Conn) sobek.Value {
	return (&connObject{poolObject: p, conn: conn}).value()
}

func (c *connObject) value() sobek.Value {
	shown, pid, made := &c.shown, c.pid[:], c.made[:0]
	if shown.of != nil { // conn.transaction() shows the script another one
		shown, pid, made = &lazyObject{}, make(properties, 1), nil
	}
	pid[0] = property{"pid", c.rt.ToValue(c.conn.PID())}
	*shown = lazyObject{instance: c.instance, of: c, values: pid, made: made}
	return c.rt.NewDynamicObject(shown)
}

func (c *connObject) methods(name string) method {
	switch name {
	case "release":
		return c.release
	case "transaction":
		return c.transaction
	case "transactionAsync":
		return c.transactionAsync
	}
	return statementMethod(name, c)
}

func (c *connObject) call(op operation, f sobek.FunctionCall) sobek.Value {
	c.order.wait()
	return c.blocking(op, f, c.conn)
}

func (c *connObject) callAsync(op operation, f sobek.FunctionCall) sobek.Value {
	return c.async(op, f, &c.order, c.conn, nil)
}

func (c *connObject) release(sobek.FunctionCall) sobek.Value {
	c.order.wait()
	c.session.Current() // the tags of this moment
	c.vu.Drop(c.conn)
	c.conn.Release()
	return sobek.Undefined()
}

// scriptLine captures where in the script the running call was made, to be put
// into words only if somebody asks.
func (p *poolObject) scriptLine() func() string {
	frames := p.rt.CaptureCallStack(8, nil)
	return func() string { return fmt.Sprintf("%s (pool %q)", describeFrames(frames), p.shared.Config().Name) }
}

func describeFrames(frames []sobek.StackFrame) string {
	for n := range frames {
		p := frames[n].Position()
		if p.Line > 0 {
			return fmt.Sprintf("%s:%d:%d", frames[n].SrcName(), p.Line, p.Column)
		}
	}
	return "an unknown line"
}
