package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The limits that pgbench has for the parameters of its distributions.
const (
	leastGaussian = 2
	leastZipfian  = 1.001
	mostZipfian   = 1000
)

// bounds are the first of the two arguments, and how many ints there are up to the second.
func bounds(a []value) (low int64, count uint64, err error) {
	low, high, err := both(a[0], a[1], toInt)
	if err != nil {
		return 0, 0, err
	}
	if low > high {
		return 0, 0, fmt.Errorf("the range from %d to %d is empty", low, high)
	}
	if count = uint64(high-low) + 1; high-low < 0 || int64(count) < 0 { //nolint:gosec // overflow is what is looked for
		return 0, 0, fmt.Errorf("the range from %d to %d is too large", low, high)
	}
	return low, count, nil
}

func randomUniform(e *environment, a []value) (value, error) {
	low, count, err := bounds(a)
	if err != nil {
		return nil, err
	}
	return low + int64(e.random.Uint64N(count)), nil //nolint:gosec // not more than high
}

// randomShaped gives an int by a distribution, whose parameter is the third argument.
func randomShaped(
	shape func(r *rand.Rand, count uint64, parameter float64) (uint64, error),
) func(*environment, []value) (value, error) {
	return func(e *environment, a []value) (value, error) {
		low, count, err := bounds(a)
		if err != nil {
			return nil, err
		}
		parameter, err := toDouble(a[2])
		if err != nil {
			return nil, err
		}
		n, err := shape(e.random, count, parameter)
		return low + int64(n), err //nolint:gosec // below count
	}
}

// gaussian is a normal distribution around the middle, cut at parameter standard deviations on both sides.
func gaussian(r *rand.Rand, count uint64, parameter float64) (uint64, error) {
	if !(parameter >= leastGaussian) {
		return 0, fmt.Errorf("the parameter is %v; accepted: at least %v", parameter, float64(leastGaussian))
	}
	for {
		if deviation := r.NormFloat64(); deviation >= -parameter && deviation < parameter {
			return portion(count, (deviation+parameter)/(2*parameter)), nil
		}
	}
}

// exponential falls from the first int to the last by exp(-parameter).
func exponential(r *rand.Rand, count uint64, parameter float64) (uint64, error) {
	if !(parameter > 0) {
		return 0, fmt.Errorf("the parameter is %v; accepted: more than 0", parameter)
	}
	cut := math.Exp(-parameter)
	uniform := 1 - r.Float64() // never 0
	return portion(count, -math.Log(cut+(1-cut)*uniform)/parameter), nil
}

// portion is the int at a part from 0 to 1 of count.
func portion(count uint64, part float64) uint64 {
	return min(uint64(float64(count)*part), count-1)
}

// zipfian takes the n-th int with a probability in proportion to n^-s, by rejection (Devroye, Non-Uniform Random
// Variate Generation, 1986, X.6.1).
func zipfian(r *rand.Rand, count uint64, s float64) (uint64, error) {
	if !(s >= leastZipfian && s <= mostZipfian) {
		return 0, fmt.Errorf("the parameter is %v; accepted: %v to %v", s, leastZipfian, float64(mostZipfian))
	}
	b := math.Pow(2, s-1)
	for {
		x := math.Floor(math.Pow(1-r.Float64(), -1/(s-1)))
		t := math.Pow(1+1/x, s-1)
		if r.Float64()*x*(t-1)/(b-1) <= t/b && x <= float64(count) {
			return uint64(x) - 1, nil
		}
	}
}
