package sizing

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// parameter is one of the three of the law.
type parameter int

const (
	lambda parameter = iota
	sigma
	kappa
)

// parameters are the values of all three.
type parameters [3]float64

func (p parameters) law() Scalability {
	return Scalability{lambda: p[lambda], sigma: p[sigma], kappa: p[kappa]}
}

// derivatives of the throughput at n by λ, σ and κ.
func (p parameters) derivatives(n float64) parameters {
	divisor := 1 + p[sigma]*(n-1) + p[kappa]*n*(n-1)
	byDivisor := -p[lambda] * n / (divisor * divisor)
	return parameters{n / divisor, byDivisor * (n - 1), byDivisor * n * (n - 1)}
}

// leastSquares is the problem of fitting the free parameters to the points.
type leastSquares struct {
	points []Point
	free   []parameter
}

// linear gives starting values for the free parameters: N/X is linear in 1/λ,
// σ/λ and κ/λ. Source: Gunther (2007), section 5.2.
func (l leastSquares) linear(start parameters) parameters {
	design := mat.NewDense(len(l.points), 3, nil)
	target := mat.NewVecDense(len(l.points), nil)
	for i, p := range l.points {
		n := p.Concurrency
		design.SetRow(i, []float64{1, n - 1, n * (n - 1)})
		target.SetVec(i, n/p.Throughput)
	}
	guess := parameters{lambda: l.points[0].Throughput / l.points[0].Concurrency}
	var solution mat.VecDense
	if err := solution.SolveVec(design, target); err == nil && solution.AtVec(0) > 0 {
		scale := 1 / solution.AtVec(0)
		guess = parameters{scale, solution.AtVec(1) * scale, solution.AtVec(2) * scale}
	}
	for _, p := range l.free {
		start[p] = math.Max(guess[p], 0)
	}
	return start
}

// solve runs Levenberg–Marquardt from start.
func (l leastSquares) solve(values parameters) (parameters, error) {
	const maxSteps, maxDamping, tolerance = 1000, 1e12, 1e-14
	damping, residual := 1e-3, l.residual(values)
	for range maxSteps {
		next, err := l.step(values, damping)
		if err != nil {
			return values, err
		}
		reduced := l.residual(next)
		if !(reduced < residual) { // also for NaN: the step was too long
			if damping *= 4; damping > maxDamping {
				return values, nil // nothing improves: this is the minimum
			}
			continue
		}
		done := residual-reduced <= tolerance*residual
		values, residual, damping = next, reduced, damping/4
		if done {
			return values, nil
		}
	}
	return values, errNoFit
}

// step solves (JᵀJ + damping·diag(JᵀJ))·step = Jᵀr and takes the step.
func (l leastSquares) step(values parameters, damping float64) (parameters, error) {
	normal, gradient, scale := l.normal(values)
	for i := range l.free {
		normal.SetSym(i, i, 1+damping)
	}
	var step mat.VecDense
	var factors mat.Cholesky
	if !factors.Factorize(normal) || factors.SolveVecTo(&step, gradient) != nil {
		return values, errNoFit // singular to working precision
	}
	for i, p := range l.free {
		values[p] += step.AtVec(i) * scale[i]
	}
	return values, nil
}

// covariance is s²(JᵀJ)⁻¹ with the residual variance s², 0 for parameters that
// are not free.
func (l leastSquares) covariance(values parameters, variance float64) ([3][3]float64, error) {
	var covariance [3][3]float64
	normal, _, scale := l.normal(values)
	var factors mat.Cholesky
	var inverse mat.SymDense
	if !factors.Factorize(normal) || factors.InverseTo(&inverse) != nil {
		return covariance, errNoFit // singular to working precision
	}
	for i, p := range l.free {
		for j, q := range l.free {
			covariance[p][q] = inverse.At(i, j) * scale[i] * scale[j] * variance
		}
	}
	return covariance, nil
}

// normal gives JᵀJ and Jᵀr over the free parameters, each in units of scale, so
// that the diagonal of JᵀJ is 1: κ is a million times smaller than λ.
func (l leastSquares) normal(values parameters) (*mat.SymDense, *mat.VecDense, []float64) {
	jacobian := mat.NewDense(len(l.points), len(l.free), nil)
	residuals := mat.NewVecDense(len(l.points), nil)
	for row, point := range l.points {
		derivatives := values.derivatives(point.Concurrency)
		for column, p := range l.free {
			jacobian.Set(row, column, derivatives[p])
		}
		residuals.SetVec(row, point.Throughput-values.law().throughput(point.Concurrency))
	}
	scale := make([]float64, len(l.free))
	for column := range l.free {
		scale[column] = 1 / mat.Norm(jacobian.ColView(column), 2)
	}
	var scaled mat.Dense
	scaled.Mul(jacobian, mat.NewDiagDense(len(scale), scale))
	normal, gradient := mat.NewSymDense(len(l.free), nil), mat.NewVecDense(len(l.free), nil)
	normal.SymOuterK(1, scaled.T())
	gradient.MulVec(scaled.T(), residuals)
	return normal, gradient, scale
}

// residual is the sum of squared errors.
func (l leastSquares) residual(values parameters) float64 {
	var sum float64
	for _, p := range l.points {
		miss := p.Throughput - values.law().throughput(p.Concurrency)
		sum += miss * miss
	}
	return sum
}
