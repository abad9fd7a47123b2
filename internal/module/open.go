package module

import (
	"strings"
	"sync/atomic"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// open is xk6-sql's way to a Pool: open(url, options), open(driver, url,
// options). A leading driver is ignored, there being only one; with it the pool is a
// handle as in xk6-sql, whose users close it together.
func (i *instance) open(call sobek.FunctionCall) sobek.Value {
	args := call.Arguments
	join := i.test.Join
	if len(args) > 1 && isDriver(args[0]) {
		args, join = args[1:], i.test.JoinHandle
	}
	shared, err := join(i.resolve(i.openOptions(args)))
	i.must(err)
	p := i.poolObjectOf(shared)
	if len(args) < len(call.Arguments) {
		p.handle = new(atomic.Bool)
	}
	return p.value()
}

// openOptions are those of open(url, options), the URL among them.
func (i *instance) openOptions(args []sobek.Value) *sobek.Object {
	if len(args) > 2 {
		i.throw(argumentsError("open(url, options)", "takes a URL and one object of options"))
	}
	options := i.object()
	if len(args) == 2 && !isNothing(args[1]) {
		given, ok := args[1].(*sobek.Object)
		if !ok || sqlvalue.ClassOf(given) != "Object" {
			i.throw(optionsError(args[1]))
		}
		for _, key := range given.Keys() {
			i.must(options.Set(key, given.Get(key)))
		}
	}
	if len(args) > 0 && !isNothing(args[0]) {
		if !isNothing(options.Get("url")) {
			i.throw(&pool.ConfigError{Option: "url", Reason: "it is given twice, as an argument and in the options", Accepted: "one of the two"})
		}
		i.must(options.Set("url", args[0]))
	}
	return options
}

// isDriver tells xk6-sql's first argument from a URL: a driver is a name or,
// in its later versions, a symbol.
func isDriver(v sobek.Value) bool {
	if _, ok := v.(*sobek.Symbol); ok {
		return true
	}
	text, ok := v.(sobek.String)
	return ok && !strings.ContainsAny(text.String(), ":/= ") && text.String() != ""
}

func isNothing(v sobek.Value) bool { return v == nil || sobek.IsUndefined(v) || sobek.IsNull(v) }
