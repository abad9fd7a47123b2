package module

import (
	"fmt"
	"math"
	"slices"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/upstream"
)

// What the scenarios call beside the pool: of the log, the server, this process.

// warnOnce logs a text as an error, once in the process, and its number at the
// end.
func (i *instance) warnOnce(call sobek.FunctionCall) sobek.Value {
	i.test.ErrorOnce(i.stringOf(call, "warnOnce(text)"))
	return sobek.Undefined()
}

// redact gives scripts a text from outside as messages and tags may show it.
func (i *instance) redact(call sobek.FunctionCall) sobek.Value {
	return i.rt.ToValue(text.Value(i.stringOf(call, "redact(text)")))
}

// primitiveString gives a string. It asks no object what it would like to be.
func primitiveString(v sobek.Value) (string, bool) {
	if s, ok := v.(sobek.String); ok {
		return s.String(), true
	}
	return "", false
}

// stringOf is a call's only argument.
func (i *instance) stringOf(call sobek.FunctionCall, name string) string {
	given, ok := primitiveString(call.Argument(0))
	if !ok {
		i.throw(argumentsError(name, "text is "+sqlvalue.TypeName(call.Argument(0))+"; use a string"))
	}
	return given
}

// oneOf is a call's only argument, one of two strings.
func (i *instance) oneOf(call sobek.FunctionCall, name, one, other string) string {
	given, ok := primitiveString(call.Argument(0))
	if !ok || given != one && given != other {
		i.throw(argumentsError(name, fmt.Sprintf("use %q or %q", one, other)))
	}
	return given
}

// restartServer restarts the temporary PostgreSQL in PostgreSQL's mode "fast"
// or "immediate" and comes back when it accepts connections again. A server of
// the user's own is theirs to restart.
func (i *instance) restartServer(call sobek.FunctionCall) sobek.Value {
	i.notInInit("restartServer()")
	mode := i.oneOf(call, "restartServer(mode)", "fast", "immediate")
	i.must(i.test.RestartServer(i.vu.Context(), mode))
	return sobek.Undefined()
}

// startStandby starts the temporary PostgreSQL with a standby beside it, in
// setup() and before any pool is used.
func (i *instance) startStandby(call sobek.FunctionCall) sobek.Value {
	i.notInInit("startStandby()")
	attributes := i.oneOf(call, "startStandby(targetSessionAttrs)", "any", "read-write")
	i.must(i.test.StartStandby(i.vu.Context(), attributes))
	return sobek.Undefined()
}

// failOver promotes that standby and leaves the old primary as a read-only server.
func (i *instance) failOver(sobek.FunctionCall) sobek.Value {
	i.notInInit("failOver()")
	i.must(i.test.FailOver(i.vu.Context()))
	return sobek.Undefined()
}

// compactMetrics tells whether the values of Trends stay out of k6.
func (i *instance) compactMetrics(sobek.FunctionCall) sobek.Value {
	i.environment() // that it can be read
	return i.rt.ToValue(i.test.Compact())
}

// processMemory gives the memory that k6 holds, the pools included, in bytes,
// without the values of Trends.
func (i *instance) processMemory(sobek.FunctionCall) sobek.Value {
	return i.rt.ToValue(upstream.MemoryWithoutTrends())
}

// trend gives { slope, low, high } of [time, value] pairs, in values per unit of
// time.
func (i *instance) trend(call sobek.FunctionCall) sobek.Value {
	var points [][]float64
	pairs := i.rt.ExportTo(call.Argument(0), &points) == nil && len(points) >= 2
	var times, values []float64
	for _, point := range points {
		if pairs = pairs && len(point) == 2 && !slices.ContainsFunc(point, isNotFinite); pairs {
			times, values = append(times, point[0]), append(values, point[1])
		}
	}
	if !pairs {
		i.throw(argumentsError("trend(points)", "points is "+sqlvalue.TypeName(call.Argument(0))+
			"; use an array of at least two [time, value] pairs of finite numbers, in order of time"))
	}
	found := timeline.TrendOf(times, values)
	return i.object(field{"slope", found.Slope}, field{"low", found.Low}, field{"high", found.High})
}

func isNotFinite(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) }
