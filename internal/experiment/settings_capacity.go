package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// readLoads reads the steps of a capacity plan: users, or arrivals per second.
func readLoads(s *settings, value any) error {
	form := fmt.Sprintf("numbers in ascending order such as \"10,20,50\", at most %g", s.largest())
	if s.rate == 0 {
		form = "integers" + strings.TrimPrefix(form, "numbers")
	}
	items, ok := texts(value)
	if !ok || len(items) > maxSteps {
		return notAccepted(value, form)
	}
	for _, item := range items {
		load, err := strconv.ParseFloat(item, 64)
		last := 0.0
		if n := len(s.loads); n > 0 {
			last = s.loads[n-1]
		}
		// !(load > last) is true for NaN.
		if err != nil || !(load > last) || load > s.largest() || (s.rate == 0 && load != math.Trunc(load)) {
			return notAccepted(item, form)
		}
		s.loads = append(s.loads, load)
	}
	return nil
}

// readFrom reads the first step of a capacity plan.
func readFrom(s *settings, value any) error {
	v, ok := asNumber(value)
	switch {
	case s.loads != nil:
		return &OptionError{value: show(value), problem: "steps says where to begin", accepted: "one of the two"}
	case !ok, v <= 0, s.rate == 0 && v != math.Trunc(v):
		return notAccepted(value, "an integer, or with rate a number of arrivals per second, above 0")
	}
	s.from = v
	return nil
}

// readWanted reads the load that somebody asks about.
func readWanted(s *settings, value any) error {
	v, ok := asNumber(value)
	if !ok || v < 0 || (s.rate == 0 && v != math.Trunc(v)) {
		return notAccepted(value, "an integer, or with rate a number of arrivals per second, of at least 0")
	}
	s.wanted = v
	return nil
}

// readCriteria reads rows of thresholds/criteria.js.
func readCriteria(s *settings, value any) error {
	const form = "a list of rows of thresholds/criteria.js"
	if _, ok := value.([]any); !ok {
		return notAccepted(value, form)
	}
	rows, err := json.Marshal(value)
	if err != nil {
		return notAccepted(value, form)
	}
	decoder := json.NewDecoder(bytes.NewReader(rows))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s.criteria); err != nil {
		return &OptionError{problem: "in a row, " + text.Undecoded(rows, err).Error(), accepted: form}
	}
	if len(s.criteria) == 0 {
		return nil // which check has a better sentence for
	}
	if _, err := verdict.Evaluate(verdict.Input{Criteria: s.criteria}); err != nil {
		return &OptionError{problem: err.Error(), accepted: form}
	}
	for _, row := range s.criteria {
		for _, metric := range []string{row.Metric, row.WarningMetric} {
			if metric != "" && !slices.Contains(judgedMetrics(), metric) && row.Unmeasured == "" {
				return &OptionError{problem: fmt.Sprintf("row %s is about %s, which no step measures", row.Name, metric),
					accepted: "rows about " + oneOf(judgedMetrics())}
			}
		}
	}
	return nil
}

func readGate(s *settings, value any) error {
	text, ok := value.(string)
	gate, err := verdict.ParseGate(text)
	if !ok || err != nil {
		return notAccepted(value, `"pass" or "fail"`)
	}
	s.gate = gate
	return nil
}

func readWaive(s *settings, value any) error {
	list, ok := value.([]any)
	if !ok {
		return notAccepted(value, "a list of names of criteria")
	}
	for _, item := range list {
		name, ok := item.(string)
		if !ok {
			return notAccepted(item, "the name of a criterion")
		}
		s.waive = append(s.waive, name)
	}
	return nil
}

func (s settings) checkWaive() error {
	names := make([]string, len(s.criteria))
	for i, row := range s.criteria {
		names[i] = row.Name
	}
	for _, name := range s.waive {
		if !slices.Contains(names, name) {
			return &OptionError{option: "waive", value: show(name), accepted: oneOf(names)}
		}
	}
	if len(names) > 0 && len(slices.Compact(slices.Sorted(slices.Values(s.waive)))) == len(names) {
		return &OptionError{option: "waive", problem: "every criterion is waived, so that no step could fail", accepted: "at least one row that is judged"}
	}
	return nil
}
