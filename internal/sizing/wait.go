package sizing

import (
	"math"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// WaitProbability is the share of checkouts that wait at all.
func (s *Closed) WaitProbability() float64 {
	if s.loop.PoolTimeout == 0 {
		return 0
	}
	return s.exceeding(0)
}

// waitExceeds is the share of checkouts that wait longer than t, timed-out ones
// included. No wait exceeds the pool timeout.
func (s *Closed) waitExceeds(t time.Duration) float64 {
	if t >= s.loop.PoolTimeout {
		return 0
	}
	return s.exceeding(t)
}

// Timeouts is the share of checkouts that hit the pool timeout.
func (s *Closed) Timeouts() float64 {
	if s.loop.PoolTimeout == NoTimeout {
		return 0
	}
	return s.exceeding(s.loop.PoolTimeout)
}

// WaitPercentile is the wait that percentile percent of the checkouts do not
// exceed, to the microsecond. percentile is above 0 and below 100. Where more
// checkouts than the rest time out it is the pool timeout.
func (s *Closed) WaitPercentile(percentile float64) (time.Duration, error) {
	if err := checkPercentile(percentile); err != nil {
		return 0, err
	}
	share := 1 - percentile/100
	if s.WaitProbability() <= share {
		return 0, nil
	}
	if s.Timeouts() > share {
		return s.loop.PoolTimeout, nil
	}
	low, high := time.Duration(0), time.Millisecond
	for s.waitExceeds(high) > share {
		low, high = high, 2*high
	}
	for high-low > time.Microsecond {
		middle := low + (high-low)/2
		if s.waitExceeds(middle) > share {
			low = middle
		} else {
			high = middle
		}
	}
	return high, nil
}

// exceeding is the share of checkouts that wait longer than t <= PoolTimeout,
// where one that times out waits longer than the timeout.
//
// Given i waiting, the wait of the first of them has the density of i
// services, and connections come free at the rate m/S. Source: Brandt and
// Brandt (1999), see [ClosedLoop.Solve]; without a timeout it is the
// distribution in Gross and Harris, section 2.7.
func (s *Closed) exceeding(t time.Duration) float64 {
	rate := float64(s.loop.Connections) / s.loop.Hold.Seconds()
	passed, timeout := rate*t.Seconds(), rate*secondsOf(s.loop.PoolTimeout)
	least := math.Log(s.attempts/rate) - 60 // e^-60 of the checkouts is nothing
	var exceeding float64
	for i := 1; i < len(s.queues); i++ {
		if weight := s.queues[i]; weight > least {
			exceeding += math.Exp(weight + logBetween(i, passed, timeout))
		}
	}
	return math.Min(exceeding*rate/s.attempts, 1)
}

// logAtMost is the logarithm of the probability that k services of mean 1, one
// after the other, take no longer than x: the regularized lower incomplete
// gamma function P(k, x). P itself vanishes where many wait for a short time.
//
// Source of the series for k > x: M. Abramowitz and I. A. Stegun, Handbook of
// Mathematical Functions (1964), 6.5.29.
func logAtMost(k int, x float64) float64 {
	a := float64(k)
	switch {
	case k == 0 || math.IsInf(x, 1):
		return 0
	case x == 0:
		return math.Inf(-1)
	case a <= x:
		return math.Log(mathext.GammaIncReg(a, x))
	}
	sum, term := 1.0, 1.0
	for n := 1.0; term > 1e-17*sum; n++ {
		term *= x / (a + n)
		sum += term
	}
	gamma, _ := math.Lgamma(a + 1)
	return a*math.Log(x) - x - gamma + math.Log(sum)
}

// moreThan is the probability that k services of mean 1 take longer than x.
func moreThan(k int, x float64) float64 {
	if k == 0 || math.IsInf(x, 1) {
		return 0
	}
	return mathext.GammaIncRegComp(float64(k), x)
}

// logBetween is log(P(k-1, timeout) - P(k, passed)) for passed <= timeout. The
// difference is taken between the smaller of P and 1 - P, which keeps its
// leading digits.
func logBetween(k int, passed, timeout float64) float64 {
	if longer := moreThan(k, passed); longer < 0.5 {
		return math.Log(math.Max(0, longer-moreThan(k-1, timeout)))
	}
	within, already := logAtMost(k-1, timeout), logAtMost(k, passed)
	if already >= within {
		return math.Inf(-1)
	}
	return within + math.Log1p(-math.Exp(already-within))
}
