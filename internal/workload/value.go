package workload

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

type kind int

const (
	kindNull kind = iota
	kindBool
	kindInt
	kindDouble
)

func (k kind) String() string { return [...]string{"null", "boolean", "int", "double"}[k] }

// value is what a variable holds: null, a boolean, a 64-bit integer or a double, as in pgbench.
type value struct {
	kind   kind
	bool   bool
	int    int64
	double float64
}

func boolValue(b bool) value      { return value{kind: kindBool, bool: b} }
func intValue(i int64) value      { return value{kind: kindInt, int: i} }
func doubleValue(d float64) value { return value{kind: kindDouble, double: d} }

// String is the text that goes to the server.
func (v value) String() string {
	switch v.kind {
	case kindBool:
		return strconv.FormatBool(v.bool)
	case kindInt:
		return strconv.FormatInt(v.int, 10)
	case kindDouble:
		if math.IsInf(v.double, 0) {
			return map[bool]string{true: "Infinity", false: "-Infinity"}[v.double > 0]
		}
		const precision = 15 // of pgbench
		return strconv.FormatFloat(v.double, 'g', precision, 64)
	default:
		return ""
	}
}

// argument is what the pool is given: nil for null, else text, whose type the server knows.
func (v value) argument() any {
	if v.kind == kindNull {
		return nil
	}
	return v.String()
}

// toInt rounds a double to the nearest integer, half to even, as pgbench does.
func (v value) toInt() (int64, error) {
	switch v.kind {
	case kindInt:
		return v.int, nil
	case kindDouble:
		rounded := math.RoundToEven(v.double)
		if math.IsNaN(rounded) || rounded < math.MinInt64 || rounded >= -math.MinInt64 {
			return 0, fmt.Errorf("%v does not fit an int", v)
		}
		return int64(rounded), nil
	default:
		return 0, fmt.Errorf("a %v is not an int", v.kind)
	}
}

func (v value) toDouble() (float64, error) {
	switch v.kind {
	case kindInt:
		return float64(v.int), nil
	case kindDouble:
		return v.double, nil
	default:
		return 0, fmt.Errorf("a %v is not a double", v.kind)
	}
}

func (v value) isNaN() bool { return v.kind == kindDouble && math.IsNaN(v.double) }

// truth is what \if and CASE ask: an integer or double is true unless it is 0, null is not.
func (v value) truth() bool {
	switch v.kind {
	case kindBool:
		return v.bool
	case kindInt:
		return v.int != 0
	case kindDouble:
		return v.double != 0
	default:
		return false
	}
}

// toBool is what AND, OR and NOT take.
func (v value) toBool() (bool, error) {
	if v.kind != kindBool {
		return false, fmt.Errorf("a %v is not a boolean", v.kind)
	}
	return v.bool, nil
}

var errOverflow = errors.New("the result does not fit an int of 64 bits")

var errZero = errors.New("division by zero")
