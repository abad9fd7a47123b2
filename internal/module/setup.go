package module

import (
	"errors"
	"reflect"
	"strings"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// setup runs a script's setup(). It tries the folder of the results before, and
// remembers an error for the verdict, whoever threw it.
func (i *instance) setup(call sobek.FunctionCall) sobek.Value {
	fn, ok := sobek.AssertFunction(call.Argument(0))
	if !ok {
		i.throw(argumentsError("setup(fn)", "fn is "+sqlvalue.TypeName(call.Argument(0))+"; use a function"))
	}
	i.notInInit("setup()")
	i.test.Judged()
	i.must(i.test.Ready(i.vu))
	value, err := fn(sobek.Undefined())
	if err != nil {
		i.failSetup(err)
		i.throw(err)
	}
	if p, ok := promiseOf(value); ok {
		return i.settleSetup(value.ToObject(i.rt), p)
	}
	i.test.SetupEnded()
	return value
}

// promiseOf exports a Promise, and nothing that would be as large as it claims.
func promiseOf(v sobek.Value) (*sobek.Promise, bool) {
	object, ok := v.(*sobek.Object)
	if !ok || object.ExportType() != reflect.TypeFor[*sobek.Promise]() {
		return nil, false
	}
	p, ok := object.Export().(*sobek.Promise)
	return p, ok
}

func (i *instance) settleSetup(promise *sobek.Object, p *sobek.Promise) sobek.Value {
	then, ok := sobek.AssertFunction(promise.Get("then"))
	if !ok {
		return promise
	}
	ended := func(v sobek.Value) sobek.Value { i.test.SetupEnded(); return v }
	failed := func(sobek.Value) sobek.Value {
		i.rejectSetup(p.Result())
		panic(p.Result())
	}
	value, err := then(promise, i.rt.ToValue(ended), i.rt.ToValue(failed))
	i.must(err)
	return value
}

func (i *instance) failSetup(err error) {
	if _, interrupted := errors.AsType[*sobek.InterruptedError](err); interrupted {
		i.test.SetupFailed(&verdict.SetupFailure{
			Cause: "it took longer than k6's setupTimeout, or the test was stopped", Stopped: true,
		})
	} else if thrown := thrownBy(err); thrown != nil {
		i.rejectSetup(thrown)
	}
}

func (i *instance) rejectSetup(reason sobek.Value) {
	if saw := i.setupSaw.thrown; saw != nil && saw.SameAs(reason) {
		i.adviseSetup()
		return // noteSetup has explained it better
	}
	said := reason
	if object, ok := reason.(*sobek.Object); ok && object.Get("message") != nil {
		said = object.Get("message")
	}
	i.test.SetupFailed(&verdict.SetupFailure{Cause: text.Line(said.String())})
}

// setupError is an error of ours, as a script's setup() was given it.
type setupError struct {
	thrown  *sobek.Object
	message string
	why     *verdict.SetupFailure
}

// adviseSetup adds to an error of ours what the script has appended to its
// message behind a semicolon: what to do about it.
func (i *instance) adviseSetup() {
	saw := i.setupSaw
	if advice, appended := strings.CutPrefix(i.textOf(saw.thrown, "message"), saw.message+"; "); appended {
		i.test.SetupFailed(&verdict.SetupFailure{Cause: saw.why.Cause, Advice: text.Line(advice)})
	}
}

func (i *instance) noteSetup(err error, thrown *sobek.Object) {
	if i.test.InSetup() {
		i.setupSaw = setupError{thrown, i.textOf(thrown, "message"), i.test.ExplainSetup(err)}
		i.test.SetupFailed(i.setupSaw.why)
	}
}
