package module

import (
	"time"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
)

// observeRequest notes that a request begins, which observeResponse ends. It gives
// by how many milliseconds it begins late, which is more than 0 where requests
// have to arrive at a rate.
func (i *instance) observeRequest(sobek.FunctionCall) sobek.Value {
	i.notInInit("observeRequest()")
	i.test.Follow(i.vu)
	intended := i.arrival
	i.arrival = time.Time{}
	return i.rt.ToValue(float64(i.vu.BeginRequest(intended)) / float64(time.Millisecond))
}

// observeResponse notes how long a request took, in milliseconds, and how it
// ended.
func (i *instance) observeResponse(call sobek.FunctionCall) sobek.Value {
	i.notInInit("observeResponse()")
	if !sobek.IsNumber(call.Argument(0)) {
		i.throw(argumentsError("observeResponse(ms)", "ms is "+sqlvalue.TypeName(call.Argument(0))+"; use a number"))
	}
	i.test.Follow(i.vu)
	ended := i.outcome(call.Argument(1))
	if err := i.vu.EndRequest(call.Argument(0).ToFloat(), ended); err != nil {
		i.throw(argumentsError("observeResponse(ms)", err.Error()))
	}
	return sobek.Undefined()
}

// outcome reads { ok, timeout, status, code, error, body }: a request is one
// that succeeded unless they say otherwise.
func (i *instance) outcome(v sobek.Value) (o testrun.Response) {
	if isNothing(v) {
		return o
	}
	object, ok := v.(*sobek.Object)
	if !ok {
		i.throw(argumentsError("observeResponse(ms, outcome)", "outcome is "+sqlvalue.TypeName(v)+
			"; use an object: { ok, timeout, status, code, error, body }"))
	}
	field := func(name string) sobek.Value {
		if value := object.Get(name); !isNothing(value) {
			return value
		}
		return nil
	}
	if ok := field("ok"); ok != nil {
		o.Failed = !ok.ToBoolean()
	}
	if timeout := field("timeout"); timeout != nil {
		o.TimedOut = timeout.ToBoolean()
	}
	if status := field("status"); status != nil {
		o.HTTP, o.Status = true, int(status.ToInteger())
	}
	if code := field("code"); code != nil {
		o.Code = int(code.ToInteger())
	}
	if text := field("error"); text != nil {
		o.Error = text.String()
	}
	if body := field("body"); body != nil {
		o.SQLState = diagnosis.SQLState(body.String())
	}
	return o
}
