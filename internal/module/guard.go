package module

import (
	"fmt"
	"reflect"
	"runtime"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// guarded makes an exception of a Go panic in a call. Without it, what one
// script has made of an object could end the process with all its users.
func (i *instance) guarded(name string, m method) method {
	return func(c sobek.FunctionCall) sobek.Value {
		defer i.catch(name, "()")
		return m(c)
	}
}

// catch is to be deferred. Exceptions and k6's interrupts are panics too, which
// go on to the runtime.
func (i *instance) catch(call, brackets string) {
	problem := recover()
	switch problem.(type) {
	case nil:
	case runtime.Error, *reflect.ValueError:
		panic(i.errorValue(internalError(call+brackets, problem)))
	default:
		panic(problem)
	}
}

// survive is the same for what runs beside the VU's goroutine, where nobody else
// would catch anything.
func survive[T any](work func() (T, error)) (result T, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = internalError("Promise", problem)
		}
	}()
	return work()
}

// The runtime exports an array as long as its length says, which a script can
// set to 4,294,967,295 without an element, and nested values without a limit.
const (
	maxExportedLength = 1 << 20
	maxExportedDepth  = 100
)

// export gives a value of options or of a summary as Go values.
func (i *instance) export(v sobek.Value) (any, error) {
	if reason := exportable(v, maxExportedDepth); reason != "" {
		return nil, &pool.ConfigError{Source: "the options", Reason: reason, Accepted: "plain values"}
	}
	if v == nil {
		return nil, nil
	}
	return v.Export(), nil
}

func exportable(v sobek.Value, depth int) (reason string) {
	o, ok := v.(*sobek.Object)
	if !ok {
		return ""
	}
	if depth == 0 {
		return fmt.Sprintf("they are nested more than %d deep, or contain themselves", maxExportedDepth)
	}
	switch o.ExportType() {
	case reflect.TypeFor[map[string]any]():
	case reflect.TypeFor[[]any]():
		if name := sqlvalue.ClassOf(o); name != "Array" {
			return "they hold a " + name // whose export can panic
		}
		if length := o.Get("length").ToInteger(); length > maxExportedLength {
			return fmt.Sprintf("they hold an array of %d elements, the most is %d", length, maxExportedLength)
		}
	default:
		return ""
	}
	for _, key := range o.Keys() {
		if reason := exportable(o.Get(key), depth-1); reason != "" {
			return reason
		}
	}
	return ""
}

func internalError(call string, problem any) error {
	return &pool.QueryError{Err: fmt.Errorf("%s: internal error: %v; please report it", call, problem)}
}
