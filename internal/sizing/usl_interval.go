package sizing

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// ScalabilityFit is the law fitted to measurements. It is immutable.
type ScalabilityFit struct {
	Scalability
	freedom    int           // points beyond the fitted parameters
	falls      bool          // throughput was measured to fall beyond the peak
	covariance [3][3]float64 // 0 for parameters that were not fitted
}

// Interval is a confidence interval.
type Interval struct {
	Low, High float64
}

func newScalabilityFit(problem leastSquares, values parameters) (*ScalabilityFit, error) {
	freedom := len(problem.points) - len(problem.free)
	covariance, err := problem.covariance(values, problem.residual(values)/float64(freedom))
	if err != nil {
		return nil, err
	}
	law := values.law()
	return &ScalabilityFit{Scalability: law, freedom: freedom, falls: falls(problem.points, law.Peak()), covariance: covariance}, nil
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

// stdError is the standard error of a parameter, the root on the diagonal of
// s²(JᵀJ)⁻¹; 0 for one that was fixed or held at its bound. Source: G. A. F. Seber
// and C. J. Wild, Nonlinear Regression (1989), section 2.1.
func (f *ScalabilityFit) stdError(p parameter) float64 { return math.Sqrt(f.covariance[p][p]) }

// student is Student's t of a two-sided interval at 95 %.
func (f *ScalabilityFit) student() float64 {
	const upper = 0.975
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(f.freedom)}.Quantile(upper)
}

// PeakInterval is the 95 % confidence interval of the peak, from 1 on.
//
// It is made on the peak's logarithm by the delta method, d ln N* =
// -dσ/(2(1-σ)) - dκ/(2κ); where there is no peak both ends are infinite. Its upper
// end is infinite where the interval of κ reaches 0, or throughput was not
// measured to fall beyond the peak: then a server that merely saturates, and has
// none, is as likely. Source: Seber and Wild, as above.
func (f *ScalabilityFit) PeakInterval() Interval {
	t := f.student()
	peak, factor := f.Peak(), math.Exp(t*f.logPeakStdError())
	high := peak * factor
	if f.sigma < 1 && (!f.falls || f.kappa-t*f.stdError(kappa) <= 0) {
		high = math.Inf(1)
	}
	return Interval{Low: math.Max(1, peak/factor), High: high}
}

// logPeakStdError is the standard error of ln N*, 0 where there is no peak.
func (f *ScalabilityFit) logPeakStdError() float64 {
	if f.kappa == 0 || f.sigma >= 1 {
		return 0
	}
	bySigma, byKappa := -1/(2*(1-f.sigma)), -1/(2*f.kappa)
	variance := bySigma*bySigma*f.covariance[sigma][sigma] +
		2*bySigma*byKappa*f.covariance[sigma][kappa] +
		byKappa*byKappa*f.covariance[kappa][kappa]
	return math.Sqrt(math.Max(0, variance))
}
