package workload

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// function is one of pgbench's, with the number of arguments that it takes.
type function struct {
	least, most int
	call        func(e *environment, arguments []value) (value, error)
}

func (f function) takes() string {
	switch {
	case f.most == math.MaxInt:
		return fmt.Sprintf("%d or more arguments", f.least)
	case f.least == f.most && f.least == 1:
		return "1 argument"
	case f.least == f.most:
		return fmt.Sprintf("%d arguments", f.least)
	default:
		return fmt.Sprintf("%d to %d arguments", f.least, f.most)
	}
}

func functionNames() string { return strings.Join(slices.Sorted(maps.Keys(functions)), ", ") }

// functions are those of pgbench. debug() prints in pgbench; here it gives its argument only.
var functions = map[string]function{
	"abs":                {1, 1, absolute},
	"debug":              {1, 1, func(_ *environment, a []value) (value, error) { return a[0], nil }},
	"double":             {1, 1, func(_ *environment, a []value) (value, error) { return toDouble(a[0]) }},
	"exp":                {1, 1, onDouble(math.Exp)},
	"greatest":           {1, math.MaxInt, extreme(more)},
	"hash":               {1, 2, hashed(murmur2)},
	"hash_fnv1a":         {1, 2, hashed(fnv1a)},
	"hash_murmur2":       {1, 2, hashed(murmur2)},
	"int":                {1, 1, func(_ *environment, a []value) (value, error) { return toInt(a[0]) }},
	"least":              {1, math.MaxInt, extreme(less)},
	"ln":                 {1, 1, onDouble(math.Log)},
	"mod":                {2, 2, func(_ *environment, a []value) (value, error) { return operators["%"].apply(a[0], a[1]) }},
	"permute":            {2, 3, permuted},
	"pi":                 {0, 0, func(*environment, []value) (value, error) { return math.Pi, nil }},
	"pow":                {2, 2, power},
	"power":              {2, 2, power},
	"random":             {2, 2, randomUniform},
	"random_exponential": {3, 3, randomShaped(exponential)},
	"random_gaussian":    {3, 3, randomShaped(gaussian)},
	"random_zipfian":     {3, 3, randomShaped(zipfian)},
	"sqrt":               {1, 1, onDouble(math.Sqrt)},
}

func absolute(_ *environment, a []value) (value, error) {
	if d, isDouble := a[0].(float64); isDouble {
		return math.Abs(d), nil
	}
	i, err := toInt(a[0])
	if err == nil && i < 0 {
		return subtract(0, i)
	}
	return i, err
}

func onDouble(f func(float64) float64) func(*environment, []value) (value, error) {
	return func(_ *environment, a []value) (value, error) {
		d, err := toDouble(a[0])
		return f(d), err
	}
}

func power(_ *environment, a []value) (value, error) {
	base, exponent, err := both(a[0], a[1], toDouble)
	return math.Pow(base, exponent), err
}

// extreme is the greatest value with more and the least with less: a double if any argument is one.
func extreme(direction int) func(*environment, []value) (value, error) {
	return func(_ *environment, a []value) (value, error) {
		best, anyDouble := a[0], false
		for _, v := range a {
			order, err := compare(v, best)
			if err != nil {
				return nil, err
			}
			if order == direction {
				best = v
			}
			_, isDouble := v.(float64)
			anyDouble = anyDouble || isDouble
		}
		if anyDouble {
			return toDouble(best)
		}
		return toInt(best)
	}
}

// hashed hashes an int with the seed that is given, else with :default_seed.
func hashed(hash func(i, seed uint64) uint64) func(*environment, []value) (value, error) {
	return func(e *environment, a []value) (value, error) {
		i, err := toInt(a[0])
		if err != nil {
			return nil, err
		}
		seed, err := seedOf(e, a, 1)
		return int64(hash(uint64(i), seed)), err //nolint:gosec // bits
	}
}

func seedOf(e *environment, a []value, at int) (uint64, error) {
	seed := e.variables["default_seed"]
	if len(a) > at {
		seed = a[at]
	}
	i, err := toInt(seed)
	return uint64(i), err //nolint:gosec // bits
}

// fnv1a is FNV-1a of the eight bytes, the lowest first.
func fnv1a(i, seed uint64) uint64 {
	const offset, prime = 0xcbf29ce484222325, 0x100000001b3
	hash := uint64(offset) ^ seed
	for range 8 {
		hash = (hash ^ i&0xff) * prime
		i >>= 8
	}
	return hash
}

// murmur2 is MurmurHash64A of eight bytes.
func murmur2(i, seed uint64) uint64 {
	const (
		multiplier = 0xc6a4a7935bd1e995
		shift      = 47
		length     = 8 * multiplier & math.MaxUint64 // bytes, as it enters the hash
	)
	i *= multiplier
	i ^= i >> shift
	i *= multiplier
	hash := seed ^ length
	hash = (hash ^ i) * multiplier
	hash = (hash ^ hash>>shift) * multiplier
	return hash ^ hash>>shift
}

// permuted is the place of i, modulo size, in a permutation of 0 to size-1 that the seed chooses: a Feistel network on
// the next power of four, walked on until it is inside.
func permuted(e *environment, a []value) (value, error) {
	i, size, err := both(a[0], a[1], toInt)
	if err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, errors.New("size must be greater than 0")
	}
	seed, err := seedOf(e, a, 2)
	if err != nil {
		return nil, err
	}
	half := 1
	for half < 32 && uint64(1)<<(2*half) < uint64(size) {
		half++
	}
	mask := uint64(1)<<half - 1
	place := uint64((i%size + size) % size) //nolint:gosec // from 0 to size-1
	for {
		left, right := place>>half, place&mask
		for round := range uint64(6) {
			left, right = right, left^murmur2(right, seed+round)&mask
		}
		if place = left<<half | right; place < uint64(size) {
			return int64(place), nil //nolint:gosec // below size
		}
	}
}
