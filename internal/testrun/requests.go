package testrun

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// requests are the users', as scripts observe them. Before the thresholds are
// judged they give k6 what is known only at the end.
type requests struct {
	state atomic.Pointer[lib.State] // of the first VU that observed something
}

// ResponseError is a response time that is none.
type ResponseError struct{ Milliseconds float64 }

func (e *ResponseError) Error() string {
	return fmt.Sprintf("response time is %v: accepted are milliseconds of at least 0", e.Milliseconds)
}

// ObserveResponse notes how long a request took, in milliseconds, and how it
// ended. state is the calling VU's. Anything but a finite number of at least 0 is
// a [ResponseError].
func (t *Run) ObserveResponse(state *lib.State, at time.Time, ms float64, ended Response) error {
	if !(ms >= 0) || math.IsInf(ms, 0) {
		return &ResponseError{ms}
	}
	t.requests.state.CompareAndSwap(nil, state)
	t.recording.response(at, ms, ended.Failed, ended.TimedOut)
	t.responses.add(ms, ended)
	return nil
}

// push gives k6 the gauges of the whole run.
func (r *requests) push(t *Run) {
	state := r.state.Load()
	if state == nil {
		return // no script has observed anything
	}
	recorded := t.recording.timeline.Snapshot()
	if drift, err := timeline.DriftOf(recorded.Responses()); err != nil {
		t.facts.setMissing("response_drift", err.Error())
	} else {
		t.pushGauge(state, t.metrics.responseDrift, drift.Ratio)
	}
	if stall, ok := timeline.LongestStall(recorded.Ended(), time.Time{}); ok {
		t.pushGauge(state, t.metrics.longestStall, stall.Ratio())
	}
}

func (t *Run) pushGauge(state *lib.State, metric *metrics.Metric, value float64) {
	t.pushNow(state, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: metric, Tags: t.runTags(state)}, Time: time.Now(), Value: value,
	})
}

func (t *Run) pushNow(state *lib.State, s metrics.Sample) {
	state.Samples <- metrics.Samples{s}
}
