package module

import (
	"errors"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// driftRecorder computes `response_drift` from what scripts observe, and gives
// it to k6 before the thresholds are judged.
type driftRecorder struct {
	drift verdict.Drift
	state onceState
}

// observeResponse notes how long a request took, in milliseconds, and how it
// ended.
func (i *instance) observeResponse(call sobek.FunctionCall) sobek.Value {
	state := i.vu.State()
	if state == nil {
		i.throw(inInit("observeResponse()"))
	}
	i.test.drift.state.set(state)
	i.test.follow(i.vu)
	if !sobek.IsNumber(call.Argument(0)) {
		i.throw(argumentsError("observeResponse(ms)", "ms is "+sqlvalue.TypeName(call.Argument(0))+", accepted is a number"))
	}
	now, ms := time.Now(), call.Argument(0).ToFloat()
	if err := i.test.drift.drift.Add(now, ms); err != nil {
		i.throw(argumentsError("observeResponse(ms)", err.Error()))
	}
	failed, timedOut := i.outcome(call.Argument(1))
	i.test.recording.response(now, ms, failed, timedOut)
	i.test.observeStep(now, ms)
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

func (d *driftRecorder) push(t *testRun) {
	state := d.state.get()
	if state == nil {
		return // no script has observed anything
	}
	ratio, err := d.drift.Value()
	var missing *verdict.DriftError
	switch {
	case errors.As(err, &missing):
		t.facts.setMissing("response_drift", err.Error())
		return
	case err != nil:
		t.logger.WithError(err).Warn("computing response_drift")
		t.facts.setMissing("response_drift", err.Error())
		return
	}
	t.pushNow(state, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: t.metrics.responseDrift, Tags: t.runTags(state)},
		Time:       time.Now(), Value: ratio,
	})
}

func (t *testRun) pushNow(state *lib.State, s metrics.Sample) {
	state.Samples <- metrics.Samples{s}
}
