package verdict

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// operators are those of k6's thresholds; the longer of two that begin alike
// comes first.
var operators = []string{"<=", "<", ">=", ">", "===", "==", "!="}

// expression is a parsed threshold expression.
type expression struct {
	method   string // a key of Metric.Values: count, rate, value, avg, "p(95)" …
	operator string
	bound    float64
}

// parseExpression reads the language of k6's thresholds.
func parseExpression(source string) (expression, error) {
	for _, operator := range operators {
		left, right, found := strings.Cut(source, operator)
		if !found {
			continue
		}
		method, err := parseMethod(strings.TrimSpace(left))
		if err != nil {
			return expression{}, fmt.Errorf("expression %q: %w", source, err)
		}
		bound, err := strconv.ParseFloat(strings.TrimSpace(right), 64)
		if err != nil {
			return expression{}, fmt.Errorf("expression %q: the bound %q is not a number", source, right)
		}
		return expression{method, operator, bound}, nil
	}
	return expression{}, fmt.Errorf(
		"expression %q has no comparison: accepted are k6's thresholds, such as rate>=0.95", source)
}

// parseMethod gives the method as a key of Metric.Values, percentiles in the
// one spelling "p(95)".
func parseMethod(method string) (string, error) {
	switch method {
	case "count", "rate", "value", "avg", "min", "med", "max":
		return method, nil
	}
	if percentile, ok := percentileOf(method); ok {
		return fmt.Sprintf("p(%g)", percentile), nil
	}
	return "", fmt.Errorf(
		"the method %q is unknown: accepted are count, rate, value, avg, min, med, max and p(0) to p(100)", method)
}

// percentileOf reads N from "p(N)".
func percentileOf(method string) (float64, bool) {
	inner, ok := strings.CutPrefix(method, "p(")
	if !ok {
		return 0, false
	}
	inner, ok = strings.CutSuffix(inner, ")")
	if !ok {
		return 0, false
	}
	percentile, err := strconv.ParseFloat(inner, 64)
	if err != nil || !(percentile >= 0 && percentile <= 100) {
		return 0, false
	}
	return percentile, true
}

// holds compares a value with the bound.
func (e expression) holds(value float64) bool {
	switch e.operator {
	case "<":
		return value < e.bound
	case "<=":
		return value <= e.bound
	case ">":
		return value > e.bound
	case ">=":
		return value >= e.bound
	case "!=":
		return value != e.bound
	default: // == and ===
		return value == e.bound
	}
}

// limit writes a bound as a column of a table shows it: "≥ 95.0 %", "none".
func limit(e expression, unit text.Unit) string {
	return e.write(unit, map[string]string{
		"<": "<", "<=": "≤", ">": ">", ">=": "≥", "!=": "≠", "==": "=", "===": "=",
	})
}

// limitInWords writes a bound as a sentence says it: "at least 95.0 %".
func limitInWords(e expression, unit text.Unit) string {
	return e.write(unit, map[string]string{
		"<": "less than", "<=": "at most", ">": "more than", ">=": "at least",
		"!=": "anything but", "==": "exactly", "===": "exactly",
	})
}

func (e expression) write(unit text.Unit, operators map[string]string) string {
	if isNone(e) {
		return "none"
	}
	return operators[e.operator] + " " + unit.Format(e.bound)
}

func isNone(e expression) bool {
	return e.bound == 0 && (e.operator == "==" || e.operator == "===")
}
