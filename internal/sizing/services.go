package sizing

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// logAtMost is the logarithm of the probability that k services of mean 1, one
// after the other, take no longer than x: the regularised lower incomplete
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
