package module

import (
	"time"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
)

// observeResponse notes how long a request took, in milliseconds, and how it
// ended.
func (i *instance) observeResponse(call sobek.FunctionCall) sobek.Value {
	state := i.vu.State()
	if state == nil {
		i.throw(inInit("observeResponse()"))
	}
	if !sobek.IsNumber(call.Argument(0)) {
		i.throw(argumentsError("observeResponse(ms)", "ms is "+sqlvalue.TypeName(call.Argument(0))+", accepted is a number"))
	}
	i.test.Follow(i.vu)
	failed, timedOut := i.outcome(call.Argument(1))
	now, ms := time.Now(), call.Argument(0).ToFloat()
	if err := i.test.ObserveResponse(state, now, ms, failed, timedOut); err != nil {
		i.throw(argumentsError("observeResponse(ms)", err.Error()))
	}
	return sobek.Undefined()
}

// outcome reads { ok, timeout }: a request is one that succeeded unless they say
// otherwise.
func (i *instance) outcome(v sobek.Value) (failed, timedOut bool) {
	if isNothing(v) {
		return false, false
	}
	object, ok := v.(*sobek.Object)
	if !ok {
		i.throw(argumentsError("observeResponse(ms, outcome)", "outcome is "+sqlvalue.TypeName(v)+", accepted is an object: { ok, timeout }"))
	}
	if ok := object.Get("ok"); !isNothing(ok) {
		failed = !ok.ToBoolean()
	}
	if timeout := object.Get("timeout"); !isNothing(timeout) {
		timedOut = timeout.ToBoolean()
	}
	return failed, timedOut
}
