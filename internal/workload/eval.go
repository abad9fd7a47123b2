package workload

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// environment is what an expression sees: the variables, and the source of random numbers.
type environment struct {
	variables map[string]value
	random    *rand.Rand
}

func (c *constant) eval(*environment) (value, error) { return c.value, nil }

func (r *reference) eval(e *environment) (value, error) {
	v, ok := e.variables[r.name]
	if !ok { // it is set in an arm of an \if that did not run
		return value{}, fmt.Errorf("variable :%s is not set", r.name)
	}
	return v, nil
}

func (u *unary) eval(e *environment) (value, error) {
	v, err := u.operand.eval(e)
	if err != nil || v.kind == kindNull {
		return value{}, err
	}
	switch u.operator {
	case "not":
		b, err := v.toBool()
		return boolValue(!b), err
	case "~":
		i, err := v.toInt()
		return intValue(^i), err
	case "-":
		return arithmetic("-", intValue(0), v)
	default:
		return arithmetic("+", intValue(0), v)
	}
}

func (b *binary) eval(e *environment) (value, error) {
	left, err := b.left.eval(e)
	if err != nil {
		return value{}, err
	}
	if b.operator == "and" || b.operator == "or" {
		return b.logic(e, left)
	}
	right, err := b.right.eval(e)
	if err != nil || left.kind == kindNull || right.kind == kindNull {
		return value{}, err
	}
	switch precedences[b.operator] {
	case bindsCompare:
		return compared(b.operator, left, right)
	case bindsBits:
		return bitwise(b.operator, left, right)
	default:
		return arithmetic(b.operator, left, right)
	}
}

// logic is AND and OR as pgbench has them: the right side is not looked at where the left one decides, and null does,
// unlike in SQL.
func (b *binary) logic(e *environment, left value) (value, error) {
	if left.kind == kindNull {
		return value{}, nil
	}
	decides := b.operator == "or"
	l, err := left.toBool()
	if err != nil || l == decides {
		return boolValue(decides), err
	}
	right, err := b.right.eval(e)
	if err != nil || right.kind == kindNull {
		return value{}, err
	}
	r, err := right.toBool()
	return boolValue(r), err
}

func compared(operator string, left, right value) (value, error) {
	order, err := compare(left, right)
	if err != nil {
		return value{}, err
	}
	if left.isNaN() || right.isNaN() { // it is neither less, equal nor more
		return boolValue(operator == "<>" || operator == "!="), nil
	}
	return boolValue(map[string]bool{
		"<": order < 0, "<=": order <= 0, "=": order == 0, "<>": order != 0, "!=": order != 0, ">=": order >= 0, ">": order > 0,
	}[operator]), nil
}

func compare(left, right value) (int, error) {
	if left.kind == kindBool && right.kind == kindBool {
		if left.bool == right.bool {
			return 0, nil
		}
		return 1, nil // pgbench knows no order of booleans
	}
	if left.kind == kindInt && right.kind == kindInt {
		return sign(left.int < right.int, left.int > right.int), nil
	}
	l, r, err := both(left, right, value.toDouble)
	return sign(l < r, l > r), err
}

func sign(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	default:
		return 0
	}
}

func bitwise(operator string, left, right value) (value, error) {
	l, r, err := both(left, right, value.toInt)
	if err != nil {
		return value{}, err
	}
	shift := uint64(r) & 63 //nolint:gosec // as the processor shifts, and so pgbench
	switch operator {
	case "&":
		return intValue(l & r), nil
	case "|":
		return intValue(l | r), nil
	case "#":
		return intValue(l ^ r), nil
	case "<<":
		return intValue(l << shift), nil
	default:
		return intValue(l >> shift), nil
	}
}

func both[T any](left, right value, to func(value) (T, error)) (l, r T, err error) {
	if l, err = to(left); err == nil {
		r, err = to(right)
	}
	return l, r, err
}

// arithmetic is on ints if both sides are, else on doubles.
func arithmetic(operator string, left, right value) (value, error) {
	if left.kind == kindInt && right.kind == kindInt || operator == "%" {
		return integers(operator, left, right)
	}
	l, r, err := both(left, right, value.toDouble)
	if err != nil {
		return value{}, err
	}
	switch operator {
	case "+":
		return doubleValue(l + r), nil
	case "-":
		return doubleValue(l - r), nil
	case "*":
		return doubleValue(l * r), nil
	}
	return doubleValue(l / r), nil // by 0 it is infinite, as in pgbench
}

func integers(operator string, left, right value) (value, error) {
	l, r, err := both(left, right, value.toInt)
	if err != nil {
		return value{}, err
	}
	switch operator {
	case "+":
		sum := l + r
		return checked(sum, (sum > l) == (r > 0))
	case "-":
		difference := l - r
		return checked(difference, (difference < l) == (r > 0))
	case "*":
		return multiplied(l, r)
	default:
		return divided(operator, l, r)
	}
}

// checked is a result that fits, or the error that it does not.
func checked(result int64, fits bool) (value, error) {
	if !fits {
		return value{}, errOverflow
	}
	return intValue(result), nil
}

func divided(operator string, l, r int64) (value, error) {
	switch {
	case r == 0:
		return value{}, errZero
	case operator == "%":
		return intValue(l % r), nil
	default:
		return checked(l/r, l != math.MinInt64 || r != -1)
	}
}

func multiplied(l, r int64) (value, error) {
	high, low := bits.Mul64(magnitude(l), magnitude(r))
	negative := (l < 0) != (r < 0)
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	return checked(l*r, high == 0 && low <= limit)
}

func magnitude(i int64) uint64 {
	if i < 0 {
		return -uint64(i) //nolint:gosec // two's complement: the smallest int has a magnitude too
	}
	return uint64(i)
}

func (i *isTest) eval(e *environment) (value, error) {
	v, err := i.operand.eval(e)
	if err != nil {
		return value{}, err
	}
	return boolValue((v == i.what) != i.not), nil
}

func (c *caseOf) eval(e *environment) (value, error) {
	for _, arm := range c.arms {
		condition, err := arm.condition.eval(e)
		if err != nil {
			return value{}, err
		}
		if condition.truth() {
			return arm.result.eval(e)
		}
	}
	if c.otherwise == nil {
		return value{}, nil
	}
	return c.otherwise.eval(e)
}

func (c *funcCall) eval(e *environment) (value, error) {
	arguments, null := make([]value, len(c.arguments)), false
	for i, argument := range c.arguments {
		v, err := argument.eval(e)
		if err != nil {
			return value{}, err
		}
		null = null || v.kind == kindNull
		arguments[i] = v
	}
	if null {
		return value{}, nil
	}
	result, err := c.function.call(e, arguments)
	if err != nil {
		return value{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return result, nil
}
