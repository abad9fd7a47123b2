package sizing

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Point is one measurement: the throughput (per second) at a concurrency.
// Several points may have the same concurrency.
type Point struct {
	Concurrency float64 // 1 or more
	Throughput  float64 // above 0
}

// minPoints is one more than the parameters, without which there would be no
// error to estimate.
const minPoints = 4

// ErrNoFit reports measurements to which the law could not be fitted, because
// no parameters describe them better than others.
var ErrNoFit = errors.New("the Universal Scalability Law does not fit these points: " +
	"measure at more, and more widely spaced, concurrencies")

// FitScalability fits the law to at least four points at three or more
// concurrencies by nonlinear least squares (Levenberg–Marquardt). σ and κ are
// kept at 0 or above: a negative one means that the measurements grow faster
// than linear, which is a matter of the measurement (a cold cache at the first
// point) and would move the peak. A parameter held at its bound is named by
// [ScalabilityFit.Bounded].
//
// Source: Gunther (2007), chapter 5; K. Levenberg, Quarterly of Applied
// Mathematics 2 (1944); D. W. Marquardt, SIAM Journal 11 (1963).
func FitScalability(points []Point) (*ScalabilityFit, error) {
	if err := checkPoints(points); err != nil {
		return nil, err
	}
	return fitWithin(points, []parameter{lambda, sigma, kappa}, parameters{})
}

// FitNormalized is [FitScalability] with λ fixed at the throughput measured at
// concurrency 1, the mean of several: the relative capacity of Gunther (2007).
// It gives the first point a weight that it deserves only if measured well.
func FitNormalized(points []Point) (*ScalabilityFit, error) {
	if err := checkPoints(points); err != nil {
		return nil, err
	}
	var sum, count float64
	for _, p := range points {
		if p.Concurrency == 1 {
			sum, count = sum+p.Throughput, count+1
		}
	}
	if count == 0 {
		return nil, &InputError{"points", "without one at concurrency 1", "at least one at concurrency 1"}
	}
	return fitWithin(points, []parameter{sigma, kappa}, parameters{lambda: sum / count})
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
	var bounded []string
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
			return newScalabilityFit(problem, values, bounded)
		}
		bounded = append(bounded, worst.String())
		free = slices.DeleteFunc(slices.Clone(free), func(p parameter) bool { return p == worst })
		start[worst] = 0
	}
}
