package workload

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

func constant(v value) expression {
	return func(*environment) (value, error) { return v, nil }
}

func not(operand expression) expression {
	return func(e *environment) (value, error) {
		v, err := operand(e)
		if err != nil || v == nil {
			return nil, err
		}
		b, err := toBool(v)
		return !b, err
	}
}

// is tests for null, true or false.
func is(operand expression, what value, negated bool) expression {
	return func(e *environment) (value, error) {
		v, err := operand(e)
		return (v == what) != negated, err
	}
}

type caseArm struct{ condition, result expression }

// firstOf is the result of the first arm whose condition is true.
func firstOf(arms []caseArm) expression {
	return func(e *environment) (value, error) {
		for _, arm := range arms {
			condition, err := arm.condition(e)
			if err != nil {
				return nil, err
			}
			if truth(condition) {
				return arm.result(e)
			}
		}
		return nil, nil
	}
}

// Precedences of pgbench's operators, from the loosest.
const (
	bindsOr = iota + 1
	bindsAnd
	bindsNot
	bindsIs
	bindsCompare
	bindsBits
	bindsAdd
	bindsMultiply
	bindsUnary
)

// operator is one with a left and a right side. apply is given no null; AND, OR and IS have none.
type operator struct {
	binds int
	apply func(left, right value) (value, error)
}

var operators = map[string]operator{
	"or": {binds: bindsOr}, "and": {binds: bindsAnd}, "is": {binds: bindsIs}, "isnull": {binds: bindsIs}, "notnull": {binds: bindsIs},
	"<":  {bindsCompare, compared(less)},
	"<=": {bindsCompare, compared(less, equal)},
	"=":  {bindsCompare, compared(equal)},
	"<>": {bindsCompare, compared(less, more, unordered)},
	"!=": {bindsCompare, compared(less, more, unordered)},
	">=": {bindsCompare, compared(more, equal)},
	">":  {bindsCompare, compared(more)},
	"|":  {bindsBits, bitwise(func(l, r int64) int64 { return l | r })},
	"#":  {bindsBits, bitwise(func(l, r int64) int64 { return l ^ r })},
	"&":  {bindsBits, bitwise(func(l, r int64) int64 { return l & r })},
	"<<": {bindsBits, bitwise(func(l, r int64) int64 { return l << shift(r) })},
	">>": {bindsBits, bitwise(func(l, r int64) int64 { return l >> shift(r) })},
	"+":  {bindsAdd, arithmetic(add, func(l, r float64) float64 { return l + r })},
	"-":  {bindsAdd, arithmetic(subtract, func(l, r float64) float64 { return l - r })},
	"*":  {bindsMultiply, arithmetic(multiply, func(l, r float64) float64 { return l * r })},
	"/":  {bindsMultiply, arithmetic(divide, func(l, r float64) float64 { return l / r })}, // by 0 it is infinite, as in pgbench
	"%":  {bindsMultiply, onInts(modulo)},
}

// on is the operator between two expressions; null if one of them is.
func (o operator) on(left, right expression) expression {
	return func(e *environment) (value, error) {
		l, err := left(e)
		if err != nil {
			return nil, err
		}
		if o.apply == nil {
			return logic(e, l, right, o.binds == bindsOr)
		}
		r, err := right(e)
		if err != nil || l == nil || r == nil {
			return nil, err
		}
		return o.apply(l, r)
	}
}

// logic is AND and OR as pgbench has them: the right side is not looked at where the left one decides, and null does,
// unlike in SQL.
func logic(e *environment, left value, right expression, decides bool) (value, error) {
	if left == nil {
		return nil, nil
	}
	l, err := toBool(left)
	if err != nil || l == decides {
		return decides, err
	}
	r, err := right(e)
	if err != nil || r == nil {
		return nil, err
	}
	return toBool(r)
}

// The orders of two values.
const (
	less = iota - 1
	equal
	more
	unordered // one is NaN
)

func compared(orders ...int) func(left, right value) (value, error) {
	return func(left, right value) (value, error) {
		order, err := compare(left, right)
		return slices.Contains(orders, order), err
	}
}

func compare(left, right value) (int, error) {
	if l, r, bools := bothAre[bool](left, right); bools {
		if l == r {
			return equal, nil
		}
		return more, nil // pgbench knows no order of booleans
	}
	if l, r, ints := bothAre[int64](left, right); ints {
		return cmp.Compare(l, r), nil
	}
	l, r, err := both(left, right, toDouble)
	if math.IsNaN(l) || math.IsNaN(r) {
		return unordered, err
	}
	return cmp.Compare(l, r), err
}

func bothAre[T any](left, right value) (l, r T, ok bool) {
	l, leftIs := left.(T)
	r, rightIs := right.(T)
	return l, r, leftIs && rightIs
}

func both[T any](left, right value, to func(value) (T, error)) (l, r T, err error) {
	if l, err = to(left); err == nil {
		r, err = to(right)
	}
	return l, r, err
}

func bitwise(f func(l, r int64) int64) func(left, right value) (value, error) {
	return onInts(func(l, r int64) (int64, error) { return f(l, r), nil })
}

// shift is how far the processor shifts, and so pgbench.
func shift(by int64) uint64 { return uint64(by) & 63 } //nolint:gosec // bits

func onInts(f func(l, r int64) (int64, error)) func(left, right value) (value, error) {
	return func(left, right value) (value, error) {
		l, r, err := both(left, right, toInt)
		if err != nil {
			return nil, err
		}
		return f(l, r)
	}
}

// arithmetic is on ints if both sides are, else on doubles.
func arithmetic(ints func(l, r int64) (int64, error), doubles func(l, r float64) float64) func(left, right value) (value, error) {
	return func(left, right value) (value, error) {
		if l, r, ok := bothAre[int64](left, right); ok {
			return ints(l, r)
		}
		l, r, err := both(left, right, toDouble)
		return doubles(l, r), err
	}
}

func add(l, r int64) (int64, error)      { return fitting(l+r, (l+r > l) == (r > 0)) }
func subtract(l, r int64) (int64, error) { return fitting(l-r, (l-r < l) == (r > 0)) }

func multiply(l, r int64) (int64, error) {
	return fitting(l*r, l == 0 || l*r/l == r && (l != -1 || r != math.MinInt64))
}

func divide(l, r int64) (int64, error) {
	if r == 0 {
		return 0, errZero
	}
	return fitting(l/r, l != math.MinInt64 || r != -1)
}

func modulo(l, r int64) (int64, error) {
	if r == 0 {
		return 0, errZero
	}
	return l % r, nil
}

// fitting is a result that fits, or the error that it does not.
func fitting(result int64, fits bool) (int64, error) {
	if !fits {
		return 0, errOverflow
	}
	return result, nil
}

// on is the function of expressions; null if one of them is.
func (f function) on(name string, arguments []expression) expression {
	return func(e *environment) (value, error) {
		values := make([]value, len(arguments))
		for i, argument := range arguments {
			var err error
			if values[i], err = argument(e); err != nil {
				return nil, err
			}
		}
		if slices.Contains(values, nil) {
			return nil, nil
		}
		result, err := f.call(e, values)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return result, nil
	}
}
