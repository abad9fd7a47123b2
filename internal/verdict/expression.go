package verdict

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// operator is one of k6's thresholds.
type operator struct {
	text string
	// sign is how a column of a table shows it, words is how a sentence says it.
	sign, words string
	holds       func(value, bound float64) bool
}

func equal(value, bound float64) bool { return value == bound }

// operators have the longer of two that begin alike first.
var operators = []operator{
	{"<=", "≤", "at most", func(value, bound float64) bool { return value <= bound }},
	{"<", "<", "less than", func(value, bound float64) bool { return value < bound }},
	{">=", "≥", "at least", func(value, bound float64) bool { return value >= bound }},
	{">", ">", "more than", func(value, bound float64) bool { return value > bound }},
	{"===", "=", "exactly", equal},
	{"==", "=", "exactly", equal},
	{"!=", "≠", "anything but", func(value, bound float64) bool { return value != bound }},
}

// expression is a parsed threshold expression.
type expression struct {
	operator
	method string // a key of Metric.Values: count, rate, value, avg, "p(95)" …
	bound  float64
}

// parseExpression reads the language of k6's thresholds.
func parseExpression(source string) (expression, error) {
	for _, operator := range operators {
		left, right, found := strings.Cut(source, operator.text)
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
		return expression{operator, method, bound}, nil
	}
	return expression{}, fmt.Errorf(
		"expression %q has no comparison; use k6's thresholds, such as rate>=0.95", source)
}

// parseMethod gives the method as a key of Metric.Values, percentiles in the
// one spelling "p(95)".
func parseMethod(method string) (string, error) {
	switch method {
	case "count", "rate", "value", "avg", "min", "med", "max":
		return method, nil
	}
	inner, opened := strings.CutPrefix(method, "p(")
	inner, closed := strings.CutSuffix(inner, ")")
	percentile, err := strconv.ParseFloat(inner, 64)
	if !opened || !closed || err != nil || !(percentile >= 0 && percentile <= 100) {
		return "", fmt.Errorf(
			"the method %q is unknown; use count, rate, value, avg, min, med, max or p(0) to p(100)", method)
	}
	return fmt.Sprintf("p(%g)", percentile), nil
}

// holds compares a value with the bound.
func (e expression) holds(value float64) bool { return e.operator.holds(value, e.bound) }

// limit writes the bound after a sign or words: "≥ 95.0 %", "at least 95.0 %", "none".
func (e expression) limit(operator string, unit text.Unit) string {
	if e.bound == 0 && e.words == "exactly" {
		return "none"
	}
	return operator + " " + unit.Format(e.bound)
}
