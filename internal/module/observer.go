package module

import (
	"errors"
	"fmt"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/pool"
)

var _ pool.Observer = (*tagged)(nil)

// Acquired implements pool.Observer.
func (t *tagged) Acquired(at time.Time, wait time.Duration, err error) {
	m := t.recorder.metrics
	t.push(
		t.sample(m.acquireDuration, at, metrics.D(wait)),
		t.sample(m.acquireFailed, at, oneIf(err != nil)),
	)
	if err == nil {
		return
	}
	t.failed(at, err)
	var timeout *pool.TimeoutError
	if errors.As(err, &timeout) {
		t.push(t.sample(m.acquireTimeouts, at, 1))
	}
}

// Queried implements pool.Observer.
func (t *tagged) Queried(at time.Time, took time.Duration, err error) {
	m := t.recorder.metrics
	t.push(
		t.sample(m.queryDuration, at, metrics.D(took)),
		t.sample(m.queryFailed, at, oneIf(err != nil)),
	)
	if err != nil {
		t.failed(at, err)
	}
}

// Released implements pool.Observer.
func (t *tagged) Released(at time.Time, use time.Duration) {
	t.push(t.sample(t.recorder.metrics.useDuration, at, metrics.D(use)))
}

// Connected implements pool.Observer.
func (t *tagged) Connected(at time.Time, took time.Duration) {
	m := t.recorder.metrics
	t.push(t.sample(m.connectDuration, at, metrics.D(took)), t.sample(m.opened, at, 1))
}

// Closed implements pool.Observer.
func (t *tagged) Closed(at time.Time, reason pool.CloseReason) {
	s := t.sample(t.recorder.metrics.closed, at, 1)
	s.Tags = s.Tags.With("reason", string(reason))
	t.push(s)
}

// Leaked implements pool.Observer.
func (t *tagged) Leaked(at time.Time, origin string, held time.Duration) {
	t.push(t.sample(t.recorder.metrics.leaks, at, 1))
	t.warn(fmt.Sprintf("connection leak: the connection taken at %s was still held when the iteration ended "+
		"(%v); it is rolled back and returned: call release()", origin, held.Round(time.Millisecond)))
}

// HeldLong implements pool.Observer.
func (t *tagged) HeldLong(_ time.Time, origin string, held time.Duration) {
	t.warn(fmt.Sprintf("the connection taken at %s has been held for %v, longer than leakDetectionThreshold",
		origin, held.Round(time.Millisecond)))
}

// oneIf is a Rate's sample.
func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
