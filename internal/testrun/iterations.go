package testrun

import (
	"strings"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/upstream"
)

// CountIterations makes a request of each of the VU's iterations: it succeeds
// unless it throws. A script that observes its requests itself counts them
// itself. It is called in the init context.
func (u *VU) CountIterations() {
	var began time.Time
	stop := upstream.OnIterations(u.Events(), func() { began = time.Now() }, func(err error, cutOff bool) {
		if !cutOff && !u.run.requests.byScript.Load() && u.State() != nil {
			u.countIteration(time.Now(), began, err)
		}
	})
	if stop != nil {
		u.run.OnEnd(stop, nil)
	}
}

func (u *VU) countIteration(now, began time.Time, err error) {
	took := now.Sub(began)
	timedOut := err != nil && strings.Contains(err.Error(), "PoolTimeoutError")
	u.observe(now, metrics.D(took), Response{Failed: err != nil, TimedOut: timedOut})
	state, m := u.State(), u.run.metrics
	tags := state.Tags.GetCurrentValues().Tags
	sample := func(metric *metrics.Metric, value float64) metrics.Sample {
		return metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: now, Value: value}
	}
	u.buffer.add(state.Samples, sample(m.requestSuccess, oneIf(err == nil)),
		sample(m.requestTimeouts, oneIf(timedOut)), sample(m.requestTimedOut, oneIf(timedOut)))
	if !u.run.Compact(u.run.lookup) {
		u.buffer.add(state.Samples, sample(m.requestDuration, metrics.D(took)))
	}
}
