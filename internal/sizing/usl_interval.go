package sizing

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// ScalabilityFit is the law fitted to measurements. It is immutable.
type ScalabilityFit struct {
	Scalability
	// Bounded names the parameters ("sigma", "kappa") held at 0 because the
	// best fit would have been negative.
	Bounded []string
	// ResidualStdError is the standard deviation of the measurements about
	// the curve, per second.
	ResidualStdError float64
	// DegreesOfFreedom is the number of points beyond the fitted parameters.
	DegreesOfFreedom int

	falls      bool          // throughput was measured to fall beyond the peak
	covariance [3][3]float64 // 0 for parameters that were not fitted
}

// Interval is a confidence interval.
type Interval struct {
	Low, High float64
}

// Intervals are confidence intervals of the parameters and of the peak.
type Intervals struct {
	Lambda, Sigma, Kappa, Peak Interval
}

func newScalabilityFit(problem leastSquares, values parameters, bounded []string) (*ScalabilityFit, error) {
	freedom := len(problem.points) - len(problem.free)
	variance := problem.residual(values) / float64(freedom)
	covariance, err := problem.covariance(values, variance)
	if err != nil {
		return nil, err
	}
	return &ScalabilityFit{
		Scalability:      values.law(),
		Bounded:          bounded,
		ResidualStdError: math.Sqrt(variance),
		DegreesOfFreedom: freedom,
		falls:            falls(problem.points, values.law().Peak()),
		covariance:       covariance,
	}, nil
}

// falls tells whether the points beyond a peak get lower, by Student's t on the
// slope of their regression (one-sided 97.5 %). The law bends down wherever
// throughput stops growing; only these points say that it falls.
func falls(points []Point, peak float64) bool {
	const surely = 0.975
	var at, throughput []float64
	for _, p := range points {
		if p.Concurrency >= peak {
			at, throughput = append(at, p.Concurrency), append(throughput, p.Throughput)
		}
	}
	freedom := float64(len(at) - 2)
	if freedom < 1 {
		return false
	}
	intercept, slope := stat.LinearRegression(at, throughput, nil, false)
	var residual, squares float64
	mean := stat.Mean(at, nil)
	for i := range at {
		miss := throughput[i] - intercept - slope*at[i]
		residual, squares = residual+miss*miss, squares+(at[i]-mean)*(at[i]-mean)
	}
	stdError := math.Sqrt(residual / freedom / squares) // NaN where all are at one concurrency
	return slope < -distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Quantile(surely)*stdError
}

// stdErrors are the standard errors of the parameters, the roots of the
// diagonal of s²(JᵀJ)⁻¹; 0 for a parameter that was fixed or held at its
// bound. Source: G. A. F. Seber and C. J. Wild, Nonlinear Regression (1989),
// section 2.1.
func (f *ScalabilityFit) stdErrors() Scalability {
	return parameters{
		math.Sqrt(f.covariance[lambda][lambda]),
		math.Sqrt(f.covariance[sigma][sigma]),
		math.Sqrt(f.covariance[kappa][kappa]),
	}.law()
}

// Intervals gives two-sided confidence intervals by Student's t; level is above
// 0 and below 1, for instance 0.95. No parameter goes below 0, no peak below 1.
//
// That of the peak is made on its logarithm by the delta method, d ln N* =
// -dσ/(2(1-σ)) - dκ/(2κ); where there is no peak both ends are infinite. Its upper
// end is infinite where the interval of κ reaches 0, or throughput was not
// measured to fall beyond the peak: then a server that merely saturates, and has
// none, is as likely. Source: Seber and Wild, as above.
func (f *ScalabilityFit) Intervals(level float64) (Intervals, error) {
	if !(level > 0 && level < 1) {
		return Intervals{}, &inputError{"confidence level", level, "a number above 0 and below 1"}
	}
	student := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(f.DegreesOfFreedom)}
	t, stdErrors := student.Quantile((1+level)/2), f.stdErrors()
	around := func(value, stdError float64) Interval {
		return Interval{Low: math.Max(0, value-t*stdError), High: value + t*stdError}
	}
	peak, factor := f.Peak(), math.Exp(t*f.logPeakStdError())
	high := peak * factor
	if f.Sigma < 1 && (!f.falls || f.Kappa-t*stdErrors.Kappa <= 0) {
		high = math.Inf(1)
	}
	return Intervals{
		Lambda: around(f.Lambda, stdErrors.Lambda),
		Sigma:  around(f.Sigma, stdErrors.Sigma),
		Kappa:  around(f.Kappa, stdErrors.Kappa),
		Peak:   Interval{Low: math.Max(1, peak/factor), High: high},
	}, nil
}

// logPeakStdError is the standard error of ln N*, 0 where there is no peak.
func (f *ScalabilityFit) logPeakStdError() float64 {
	if f.Kappa == 0 || f.Sigma >= 1 {
		return 0
	}
	bySigma, byKappa := -1/(2*(1-f.Sigma)), -1/(2*f.Kappa)
	variance := bySigma*bySigma*f.covariance[sigma][sigma] +
		2*bySigma*byKappa*f.covariance[sigma][kappa] +
		byKappa*byKappa*f.covariance[kappa][kappa]
	return math.Sqrt(math.Max(0, variance))
}
