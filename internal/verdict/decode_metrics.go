package verdict

import (
	"encoding/json"
	"errors"
	"fmt"
)

var errNoMetrics = errors.New("there are no metrics in it: hand over what k6 gave to handleSummary")

// decodeMetrics reads the metrics out of k6's end-of-test data as it gives them
// to handleSummary, or out of its machine-readable form
// (--new-machine-readable-summary).
func decodeMetrics(data map[string]any) (map[string]Metric, error) {
	if byName, ok := data["metrics"].(map[string]any); ok {
		return decodeByName(byName)
	}
	if list, ok := field(data, "results", "metrics").([]any); ok {
		return decodeList(list)
	}
	return nil, errNoMetrics
}

// plain gives data as a map. The machine-readable form is a Go type of k6's
// own, which its JSON makes plain.
func plain(data any) (map[string]any, error) {
	if fields, ok := data.(map[string]any); ok {
		return fields, nil
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, errNoMetrics
	}
	return fields, nil
}

func decodeByName(byName map[string]any) (map[string]Metric, error) {
	metrics := make(map[string]Metric, len(byName))
	for name, value := range byName {
		metricType, ok := field(value, "type").(string)
		if !ok {
			return nil, fmt.Errorf("metric %q has no type", name)
		}
		contains, _ := field(value, "contains").(string)
		metrics[name] = Metric{
			Type:       metricType,
			Contains:   contains,
			Values:     numbers(field(value, "values")),
			Thresholds: answers(field(value, "thresholds")),
		}
	}
	return metrics, nil
}

// numbers reads the values of a metric: k6 hands over a map[string]float64, a
// script that copied the data a map[string]any.
func numbers(value any) map[string]float64 {
	if values, ok := value.(map[string]float64); ok {
		return values
	}
	fields, _ := value.(map[string]any)
	values := make(map[string]float64, len(fields))
	for name, field := range fields {
		if n, ok := number64(field); ok {
			values[name] = n
		}
	}
	return values
}

// answers reads {"rate>=0.95": {"ok": true}}.
func answers(value any) map[string]bool {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	holds := make(map[string]bool, len(fields))
	for expression, answer := range fields {
		if ok, isBool := field(answer, "ok").(bool); isBool {
			holds[expression] = ok
		}
	}
	return holds
}

// decodeList reads the machine-readable form, where every metric carries its
// name and a rate has matches and total in place of passes and fails.
func decodeList(list []any) (map[string]Metric, error) {
	byName := make(map[string]any, len(list))
	for i, value := range list {
		name, ok := field(value, "name").(string)
		if !ok {
			return nil, fmt.Errorf("metric %d has no name", i)
		}
		byName[name] = value
	}
	metrics, err := decodeByName(byName)
	if err != nil {
		return nil, err
	}
	for _, m := range metrics {
		if total, ok := m.Values["total"]; ok && m.Type == "rate" {
			m.Values["passes"], m.Values["fails"] = m.Values["matches"], total-m.Values["matches"]
		}
	}
	return metrics, nil
}
