package experiment

import "math"

const driftMetric = "response_drift"

// drifted tells whether the step's drift is more than chance makes of two
// samples of the same responses: with so few of them as a short step has, the
// p95 of two thirds of it may well differ by half. It is told at 99 %, since a
// search has many steps and one that fails by chance ends it in the wrong
// place. Without a drift it is true: why there is none is the criterion's
// business.
//
// The standard error of a sample's p95 is √(0.95·0.05/n)/f, where f is the
// density there, here that between p90 and p99.
//
// Source: H. A. David and H. N. Nagaraja, Order Statistics (3rd ed. 2003),
// section 10.2: the asymptotic distribution of a quantile.
func (m Measurement) drifted() bool {
	const (
		quantile = 1 - 0.95
		between  = 0.99 - 0.90
		z        = 2.326 // of the normal distribution at 99 %, one-sided
	)
	if m.Drift == nil || m.Requests == 0 || m.Request.P95 <= 0 {
		return true
	}
	third := float64(m.Requests) / 3
	width := max(0, m.Request.P99-m.Request.P90) / between // 1/f
	share := math.Sqrt(quantile*(1-quantile)/third) * width / m.Request.P95
	return math.Log(*m.Drift) > z*math.Sqrt2*share
}
