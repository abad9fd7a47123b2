package sizing

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Scalability is the Universal Scalability Law: the throughput at concurrency
// N is λN / (1 + σ(N-1) + κN(N-1)). With a pool, N is the number of
// connections in use.
//
// Source: N. J. Gunther, "A Simple Capacity Model of Massively Parallel
// Transaction Systems", CMG 1993; Guerrilla Capacity Planning (2007),
// chapters 4 to 6. The form with λ: B. Schwartz, Practical Scalability
// Analysis with the Universal Scalability Law (2015).
type Scalability struct {
	lambda float64 // λ, throughput at concurrency 1, per second
	sigma  float64 // σ, contention: the share of work done one at a time
	kappa  float64 // κ, coherency: the cost of every pair's exchange
}

// throughput is the throughput at a concurrency of n, per second.
func (s Scalability) throughput(n float64) float64 {
	return s.lambda * n / (1 + s.sigma*(n-1) + s.kappa*n*(n-1))
}

// Peak is the concurrency at which throughput is highest, √((1-σ)/κ); beyond
// it more concurrency makes the system slower. It is infinite where κ is 0 and
// 1 where contention alone rules out any gain.
func (s Scalability) Peak() float64 {
	switch {
	case s.sigma >= 1:
		return 1
	case s.kappa == 0:
		return math.Inf(1)
	}
	return math.Max(1, math.Sqrt((1-s.sigma)/s.kappa))
}

// Point is one measurement: the throughput (per second) at a concurrency.
// Several points may have the same concurrency.
type Point struct {
	Concurrency float64 // 1 or more
	Throughput  float64 // above 0
}

// minPoints is one more than the parameters, without which there would be no
// error to estimate.
const minPoints = 4

// errNoFit reports measurements to which the law could not be fitted, because
// no parameters describe them better than others.
var errNoFit = errors.New("the Universal Scalability Law does not fit these points: " +
	"measure at more, and more widely spaced, concurrencies")

// FitScalability fits the law to at least four points at three or more
// concurrencies by nonlinear least squares (Levenberg–Marquardt). σ and κ are
// kept at 0 or above: a negative one means that the measurements grow faster
// than linear, which is a matter of the measurement (a cold cache at the first
// point) and would move the peak.
//
// Source: Gunther (2007), chapter 5; K. Levenberg, Quarterly of Applied
// Mathematics 2 (1944); D. W. Marquardt, SIAM Journal 11 (1963).
func FitScalability(points []Point) (*ScalabilityFit, error) {
	if err := checkPoints(points); err != nil {
		return nil, err
	}
	return fitWithin(points, []parameter{lambda, sigma, kappa}, parameters{})
}

func checkPoints(points []Point) error {
	distinct := map[float64]bool{}
	for i, p := range points {
		if !(p.Concurrency >= 1) || math.IsInf(p.Concurrency, 1) {
			return &InputError{fmt.Sprintf("concurrency of point %d", i+1), p.Concurrency, "a finite number, 1 or more"}
		}
		if err := checkPositive(fmt.Sprintf("throughput of point %d", i+1), p.Throughput); err != nil {
			return err
		}
		distinct[p.Concurrency] = true
	}
	if len(points) < minPoints || len(distinct) < minPoints-1 {
		return &InputError{"points", fmt.Sprintf("%d at %d concurrencies", len(points), len(distinct)),
			fmt.Sprintf("at least %d at %d different concurrencies", minPoints, minPoints-1)}
	}
	return nil
}

// fitWithin fits the free parameters and holds the others at start. Where σ or
// κ comes out negative it fits again with the more negative one held at 0.
func fitWithin(points []Point, free []parameter, start parameters) (*ScalabilityFit, error) {
	for {
		problem := leastSquares{points, free}
		values, err := problem.solve(problem.linear(start))
		if err != nil {
			return nil, err
		}
		worst := lambda // which cannot come out negative
		for _, p := range free {
			if values[p] < math.Min(0, values[worst]) {
				worst = p
			}
		}
		if worst == lambda {
			return newScalabilityFit(problem, values)
		}
		free = slices.DeleteFunc(slices.Clone(free), func(p parameter) bool { return p == worst })
		start[worst] = 0
	}
}
