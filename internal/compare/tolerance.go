package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Tolerances say which change is the smallest that matters. The zero value is
// each figure's own.
//
// For a time, a rate per second and a ratio a tolerance is in percent of the
// smaller of the two values: with 10, 100 ms may become 110 ms and 110 ms may
// become 100 ms. For shares and percentages it is in percentage points.
type Tolerances struct {
	general *float64 // for every figure that is not a share or a percentage
	named   map[string]float64
}

// ToleranceError is a tolerance that cannot be used.
type ToleranceError struct{ Value, Problem string }

func (e *ToleranceError) Error() string {
	return fmt.Sprintf("%q is not accepted; %s", e.Value, e.Problem)
}

// ParseTolerances reads texts such as "15" or "15%", which is for every figure
// but shares and percentages, and "success_rate=1", which is for one figure. A
// later one wins.
func ParseTolerances(texts []string) (Tolerances, error) {
	t := Tolerances{named: map[string]float64{}}
	for _, text := range texts {
		name, number, named := strings.Cut(text, "=")
		if !named {
			number = text
		}
		value, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(number), "%"), 64)
		if err != nil || !(value >= 0) || math.IsInf(value, 0) {
			return Tolerances{}, &ToleranceError{text,
				"use a number of percent of at least 0, such as 10 or response_p95=20"}
		}
		if !named {
			t.general = &value
			continue
		}
		if err := checkFigure(name); err != nil {
			return Tolerances{}, &ToleranceError{text, err.Error()}
		}
		t.named[name] = value
	}
	return t, nil
}

// of is the tolerance of a figure, in percent or percentage points.
func (t Tolerances) of(f Figure) float64 {
	if value, ok := t.named[f.Name]; ok {
		return value
	}
	if t.general != nil && f.Unit.relative() {
		return *t.general
	}
	return f.Tolerance
}

// tolerated is the largest change between two values that does not matter, in
// the figure's unit. It does not depend on which of them is the baseline.
func (f Figure) tolerated(a, b float64) float64 {
	switch f.Unit {
	case Share:
		return max(f.Tolerance/100, f.Least)
	case Percent:
		return max(f.Tolerance, f.Least)
	default:
		return max(f.Tolerance/100*min(math.Abs(a), math.Abs(b)), f.Least)
	}
}

func checkFigure(name string) error {
	if !slices.Contains(Figures(), name) {
		return fmt.Errorf("there is no figure %q, accepted are %s", name, strings.Join(Figures(), ", "))
	}
	return nil
}
