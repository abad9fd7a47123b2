package module

import (
	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// asyncTransaction is transaction() for an fn that may be async. begin gives a
// Promise of the steps, and again how to wait for another attempt, if there is one.
var asyncTransaction = sobek.MustCompile("k6/x/pgxpool", `(async (begin, again, fn) => {
	for (let attempt = 0; ; attempt++) {
		const steps = await begin();
		let wait;
		try {
			const result = await fn(steps.conn);
			await steps.commit();
			return result;
		} catch (error) {
			await steps.rollback();
			wait = again(error, attempt);
			if (!wait) throw error;
		} finally {
			steps.close();
		}
		await wait();
	}
})`, true)

type begun struct {
	c     *connObject
	open  *pool.Transaction
	close func()
}

// transactionAsync gives a Promise. Each attempt takes a connection anew.
func (p *poolObject) transactionAsync(call sobek.FunctionCall) sobek.Value {
	state, origin := p.notInInit("transactionAsync()"), p.scriptLine()
	return p.runAsync(call, func(t transactionCall) (turn, func() (begun, error)) {
		acquire, scope := p.acquiring(state, origin), p.session.Apart()
		return turn{}, func() (begun, error) {
			conn, err := acquire()
			if err != nil {
				return begun{}, err
			}
			b := begun{c: &connObject{poolObject: p, conn: conn}, close: func() {
				p.vu.Drop(conn)
				conn.Release()
			}}
			if b.open, err = conn.Transaction(scope, t.options, t.retries); err != nil {
				b.close()
			}
			return b, err
		}
	})
}

// transactionAsync is the same on a connection: a savepoint where one is open.
func (c *connObject) transactionAsync(call sobek.FunctionCall) sobek.Value {
	return c.runAsync(call, func(t transactionCall) (turn, func() (begun, error)) {
		scope := c.session.Apart()
		return c.order.take(), func() (begun, error) {
			open, err := c.conn.Transaction(scope, t.options, t.retries)
			return begun{c: c, open: open, close: func() {}}, err
		}
	})
}

// runAsync gives the Promise of a transaction. begin prepares an attempt on the VU's
// goroutine; what it gives runs beside, in its turn.
func (p *poolObject) runAsync(call sobek.FunctionCall, begin func(transactionCall) (turn, func() (begun, error))) sobek.Value {
	t, err := p.transactionCall("transactionAsync", call)
	if err != nil {
		return promise(p.instance, turn{}, func() (any, error) { return nil, err }, nil)
	}
	compiled, err := p.rt.RunProgram(asyncTransaction)
	p.must(err)
	run, _ := sobek.AssertFunction(compiled)
	result, err := run(sobek.Undefined(),
		p.rt.ToValue(func(sobek.FunctionCall) sobek.Value {
			turn, work := begin(t)
			return promise(p.instance, turn, work, p.steps)
		}),
		p.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
			return p.again(t, c.Argument(0), int(c.Argument(1).ToInteger()))
		}),
		call.Argument(0))
	p.must(err)
	return result
}

func (p *poolObject) steps(b begun) sobek.Value {
	commit := func(sobek.FunctionCall) sobek.Value {
		scope := b.c.session.Apart()
		return b.step(func() error { return b.open.Commit(scope) })
	}
	rollback := func(sobek.FunctionCall) sobek.Value {
		return b.step(func() error { b.open.Rollback(); return nil })
	}
	end := func(sobek.FunctionCall) sobek.Value {
		b.c.order.wait() // for Promises of fn's that nobody waits for
		b.close()
		return sobek.Undefined()
	}
	return p.object(field{"conn", b.c.value()}, field{"commit", commit}, field{"rollback", rollback}, field{"close", end})
}

// step runs after all that was asked of the connection before.
func (b begun) step(work func() error) sobek.Value {
	return promise(b.c.instance, b.c.order.take(), func() (any, error) { return nil, work() }, func(any) sobek.Value { return sobek.Undefined() })
}

// again gives a function that waits for the next attempt, undefined where none
// would help.
func (p *poolObject) again(t transactionCall, thrown sobek.Value, attempt int) sobek.Value {
	if attempt >= t.retries || !mayRetry(p.textOf(thrown, "code")) {
		return sobek.Undefined()
	}
	p.session.Retried()
	return p.rt.ToValue(func(sobek.FunctionCall) sobek.Value { return p.later(transactionBackoff(attempt)) })
}
