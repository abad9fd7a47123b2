package testrun

import (
	"errors"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// driftRecorder computes `response_drift` from what scripts observe, and gives
// it to k6 before the thresholds are judged.
type driftRecorder struct {
	drift verdict.Drift
	state atomic.Pointer[lib.State] // of the first VU that observed something
}

// ObserveResponse notes how long a request took, in milliseconds, and how it
// ended. state is the calling VU's.
func (t *Run) ObserveResponse(state *lib.State, at time.Time, ms float64, failed, timedOut bool) error {
	t.drift.state.CompareAndSwap(nil, state)
	if err := t.drift.drift.Add(at, ms); err != nil {
		return err
	}
	t.recording.response(at, ms, failed, timedOut)
	return nil
}

func (d *driftRecorder) push(t *Run) {
	state := d.state.Load()
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

func (t *Run) pushNow(state *lib.State, s metrics.Sample) {
	state.Samples <- metrics.Samples{s}
}
