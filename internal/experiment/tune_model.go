package experiment

import (
	"errors"
	"math"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// prediction is what the queueing model makes of one pool of a sweep.
type prediction struct {
	hold     float64 // measured: the model's input, in milliseconds
	measured float64 // mean wait, in milliseconds
	wait     float64 // the model's, +Inf where it has no steady state
	overload bool    // an open loop brings more than the pool can serve
}

// model predicts the wait of one pool from what that pool was measured to hold
// a connection for; ok is false where that is not known.
func (p *tune) model(c candidate) (prediction, bool) {
	hold, known := c.meanLevel(ofPool(func(p *PoolFigures) float64 { return p.Use }))
	wait, _ := c.meanLevel(waitMean)
	if !known || !(hold > 0) {
		return prediction{}, false
	}
	q := prediction{hold: hold, measured: wait}
	mean, err := p.modelWait(ofMillis(hold), c.connections())
	var overload *sizing.OverloadError
	switch {
	case errors.As(err, &overload):
		q.wait, q.overload = math.Inf(1), true
	case err != nil:
		return prediction{}, false // beyond the model's range, such as a hold of days
	default:
		q.wait = inMillis(mean)
	}
	return q, true
}

func (p *tune) modelWait(hold time.Duration, connections int) (time.Duration, error) {
	if p.rate > 0 {
		open, err := sizing.OpenLoop{Rate: p.rate, Hold: hold, Connections: connections}.Solve()
		if err != nil {
			return 0, err
		}
		return open.MeanWait(), nil
	}
	closed, err := p.closedLoop(hold, connections).Solve()
	if err != nil {
		return 0, err
	}
	return closed.MeanWait(), nil
}

func (p *tune) closedLoop(hold time.Duration, connections int) sizing.ClosedLoop {
	return sizing.ClosedLoop{
		Users: p.users, Think: p.think, Hold: hold, Pools: 1, Connections: connections, PoolTimeout: p.pool.timeout(),
	}
}

// modelSize is the smallest pool for which the model expects waits of at most
// so much at the 95th percentile; ok is false where it has no answer.
func (p *tune) modelSize(hold, wait float64) (connections int, ok bool) {
	const percentile = 95
	target := sizing.WaitTarget{Wait: min(ofMillis(wait), p.pool.timeout()), Percentile: percentile}
	var err error
	if p.rate > 0 {
		connections, err = sizing.OpenLoop{Rate: p.rate, Hold: ofMillis(hold)}.SmallestConnections(target)
	} else {
		connections, err = p.closedLoop(ofMillis(hold), 1).SmallestConnections(target)
	}
	return connections, err == nil
}

// scalability fits the law to every step: requests served over the mean number
// of connections in use, which by Little is the throughput times the hold. most
// is the largest of these numbers.
func (w sweep) scalability() (fit *sizing.ScalabilityFit, most float64, err error) {
	var points []sizing.Point
	for _, c := range w.all {
		for _, m := range c.rounds {
			if m.Pool == nil {
				continue
			}
			inUse := m.Throughput * m.Pool.Use / 1000
			if inUse >= 1 && m.served() > 0 {
				points = append(points, sizing.Point{Concurrency: inUse, Throughput: m.served()})
				most = max(most, inUse)
			}
		}
	}
	fit, err = sizing.FitScalability(points)
	return fit, most, err
}

func ofMillis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
func inMillis(d time.Duration) float64  { return float64(d) / float64(time.Millisecond) }
