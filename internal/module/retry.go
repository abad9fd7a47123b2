package module

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// longestBackoff bounds the pause before a request is made again, as the AWS SDKs do.
const longestBackoff = 20 * time.Second

// backoff is how long to wait before something is tried again: anything up to a
// bound that doubles each time. Without the chance those who failed together
// would come back together ("full jitter": Brooker, Exponential Backoff And
// Jitter, AWS Architecture Blog, 2015).
func backoff(attempt int, first, longest time.Duration) time.Duration {
	bound := min(first<<min(attempt, 20), longest)
	return rand.N(bound + 1) // #nosec G404 -- no secret
}

func pause(d time.Duration, done <-chan struct{}) error {
	select {
	case <-time.After(d):
		return nil
	case <-done:
		return pool.ErrInterrupted
	}
}

type retryCall struct {
	*instance
	fn      sobek.Callable
	retries int
	backoff time.Duration // the first bound
	onRetry sobek.Callable
}

// retry is retry(fn, options): it makes a request again where it failed for a
// reason that may pass. It gives what the last attempt gave, or throws what that
// threw; of an async fn it gives a Promise.
func (i *instance) retry(call sobek.FunctionCall) sobek.Value {
	i.notInInit("retry()")
	r, err := i.retryCall(call)
	i.must(err)
	for attempt := 0; ; attempt++ {
		result, err := r.fn(sobek.Undefined())
		if _, isPromise := thenable(result); isPromise && err == nil {
			return r.async(result)
		}
		if !r.again(attempt, result, thrownBy(err)) {
			i.must(err)
			return result
		}
		i.must(pause(backoff(attempt, r.backoff, longestBackoff), i.vu.Context().Done()))
	}
}

// thrownBy is what a script threw, nil where it threw nothing or was interrupted.
func thrownBy(err error) sobek.Value {
	if thrown, ok := errors.AsType[*sobek.Exception](err); ok {
		return thrown.Value()
	}
	return nil
}

func (i *instance) retryCall(call sobek.FunctionCall) (retryCall, error) {
	const name = "retry(fn, options)"
	r := retryCall{instance: i, retries: 3, backoff: 100 * time.Millisecond}
	var ok bool
	if r.fn, ok = sobek.AssertFunction(call.Argument(0)); !ok {
		return r, argumentsError(name, "fn is "+sqlvalue.TypeName(call.Argument(0))+"; use a function")
	}
	err := i.readOptions(name, call.Argument(1), map[string]optionReader{
		"retries": wholeOption(&r.retries, 0, 100),
		"backoff": durationOption(&r.backoff, 0, longestBackoff, `a duration from 0 to 20 s, such as 100 (milliseconds) or "0.1s"`),
		"onRetry": func(any) string {
			if r.onRetry, ok = sobek.AssertFunction(call.Argument(1).ToObject(i.rt).Get("onRetry")); !ok {
				return "a function"
			}
			return ""
		},
	})
	return r, err
}

// again counts an attempt that failed and is to be made again.
func (r retryCall) again(attempt int, result, thrown sobek.Value) bool {
	if attempt >= r.retries {
		return false
	}
	reason := r.reasonOf(result, thrown)
	if reason == "" {
		return false
	}
	r.vu.Retried(reason)
	if r.onRetry != nil {
		_, err := r.onRetry(sobek.Undefined(), r.rt.ToValue(reason))
		r.must(err)
	}
	return true
}

// reasonOf says why a request may succeed when it is made again, "" where that
// cannot be expected: a SQLSTATE, the name of an error, or an HTTP status.
func (r retryCall) reasonOf(result, thrown sobek.Value) string {
	if code := r.textOf(thrown, "code"); mayRetry(code) {
		return code
	}
	if r.textOf(thrown, "name") == testrun.RetriedTimeout {
		return testrun.RetriedTimeout
	}
	if r.unavailable(result) {
		return testrun.RetriedUnavailable
	}
	return ""
}

// unavailable tells an answer of k6/http with status 503; only k6's Response has
// timings beside the status.
func (r retryCall) unavailable(result sobek.Value) (is bool) {
	object, ok := result.(*sobek.Object)
	if !ok {
		return false
	}
	_ = r.rt.Try(func() { // a getter may throw: no response of k6's
		_, timed := object.Get("timings").(*sobek.Object)
		status := object.Get("status")
		is = timed && sobek.IsNumber(status) && status.ToInteger() == http.StatusServiceUnavailable
	})
	return is
}

// asyncRetry goes on with a request whose first attempt gave a Promise. again tells
// whether another attempt follows, wait gives a Promise of the pause before it.
var asyncRetry = sobek.MustCompile("k6/x/pgxpool", `(async (first, fn, again, wait) => {
	for (let attempt = 0, pending = first; ; attempt++) {
		let result;
		try {
			result = await pending;
		} catch (error) {
			if (!again(attempt, error, undefined)) throw error;
			await wait(attempt);
			pending = fn();
			continue;
		}
		if (!again(attempt, undefined, result)) return result;
		await wait(attempt);
		pending = fn();
	}
})`, true)

func (r retryCall) async(first sobek.Value) sobek.Value {
	compiled, err := r.rt.RunProgram(asyncRetry)
	r.must(err)
	run, _ := sobek.AssertFunction(compiled)
	result, err := run(sobek.Undefined(), first,
		r.rt.ToValue(func(sobek.FunctionCall) sobek.Value {
			next, err := r.fn(sobek.Undefined())
			r.must(err)
			return next
		}),
		r.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
			return r.rt.ToValue(r.again(int(c.Argument(0).ToInteger()), c.Argument(2), c.Argument(1)))
		}),
		r.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
			return r.later(backoff(int(c.Argument(0).ToInteger()), r.backoff, longestBackoff))
		}))
	r.must(err)
	return result
}

// later gives a Promise that is settled after d.
func (i *instance) later(d time.Duration) sobek.Value {
	done := i.vu.Context().Done()
	return promise(i, turn{}, func() (any, error) { return nil, pause(d, done) }, func(any) sobek.Value { return sobek.Undefined() })
}
