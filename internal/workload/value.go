package workload

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// value is what a variable holds, as in pgbench: nil for null, a bool, an int64 or a float64 (a double).
type value any

func kindOf(v value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int64:
		return "int"
	default:
		return "double"
	}
}

// argument is what the pool is given: nil for null, else text, whose type the server knows.
func argument(v value) any {
	switch v := v.(type) {
	case nil:
		return nil
	case float64:
		if math.IsInf(v, 0) {
			return map[bool]string{true: "Infinity", false: "-Infinity"}[v > 0]
		}
		const precision = 15 // of pgbench
		return strconv.FormatFloat(v, 'g', precision, 64)
	default:
		return fmt.Sprint(v)
	}
}

// toInt rounds a double to the nearest integer, half to even, as pgbench does.
func toInt(v value) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case float64:
		rounded := math.RoundToEven(v)
		if math.IsNaN(rounded) || rounded < math.MinInt64 || rounded >= -math.MinInt64 {
			return 0, fmt.Errorf("%v does not fit an int", argument(v))
		}
		return int64(rounded), nil
	default:
		return 0, fmt.Errorf("a %s is not an int", kindOf(v))
	}
}

func toDouble(v value) (float64, error) {
	switch v := v.(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	default:
		return 0, fmt.Errorf("a %s is not a double", kindOf(v))
	}
}

// truth is what \if and CASE ask: an integer or double is true unless it is 0, null is not.
func truth(v value) bool { return v != nil && v != false && v != int64(0) && v != 0.0 }

// toBool is what AND, OR and NOT take.
func toBool(v value) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("a %s is not a boolean", kindOf(v))
	}
	return b, nil
}

var (
	errOverflow = errors.New("the result does not fit an int of 64 bits")
	errZero     = errors.New("division by zero")
)
