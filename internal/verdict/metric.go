package verdict

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Metric is one metric at the end of the test, as k6 hands it to
// handleSummary.
type Metric struct {
	// Type is k6's: counter, gauge, rate or trend.
	Type string `json:"type"`
	// Contains is k6's: default, time (milliseconds) or data (bytes).
	Contains string `json:"contains,omitempty"`
	// Values are by name: count, rate, value, avg, "p(95)" …
	Values map[string]float64 `json:"values"`
	// Thresholds holds k6's own answers by expression, true where it holds.
	Thresholds map[string]bool `json:"thresholds,omitempty"`
}

// value looks a method of an expression up, whatever the spelling of its
// percentile: "p(95)" and "p(95.0)" are the same value.
func (m Metric) value(method string) (float64, bool) {
	if value, ok := m.Values[method]; ok {
		return value, !math.IsNaN(value)
	}
	for name, value := range m.Values {
		if spelling, err := parseMethod(name); err == nil && spelling == method {
			return value, !math.IsNaN(value)
		}
	}
	return 0, false
}

// emptyRate tells whether m is a rate of nothing: it has no value, not 0.
func (m Metric) emptyRate() bool {
	return m.Type == "rate" && m.Values["passes"] == 0 && m.Values["fails"] == 0
}

// answer is what the data say about a condition.
type answer int

const (
	no answer = iota
	yes
	unknown // the value is not among the data
	empty   // a rate of nothing
)

// ask answers a condition as k6's thresholds do: a metric without samples is
// 0, except that a rate without samples has no value. Where the value was left
// out of the data (--summary-trend-stats) but k6 has judged the same
// expression, k6's answer counts. The condition has been validated.
func ask(metrics map[string]Metric, c Condition) answer {
	e := c.parsed()
	m, observed := metrics[c.Metric]
	switch {
	case !observed && e.method == "rate", observed && m.emptyRate():
		return empty
	case !observed:
		return answerOf(e.holds(0))
	}
	if value, ok := m.value(e.method); ok {
		return answerOf(e.holds(value))
	}
	if holds, judged := m.Thresholds[c.Expression]; judged {
		return answerOf(holds)
	}
	return unknown
}

func answerOf(holds bool) answer {
	if holds {
		return yes
	}
	return no
}

// MetricsTable has every metric with its values, as k6's own summary has them.
func (r Report) MetricsTable() text.Table {
	t := text.Table{Columns: text.Words("Metric", "Values")}
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		m := r.Metrics[name]
		var values []string
		for _, statistic := range slices.Sorted(maps.Keys(m.Values)) {
			values = append(values, statistic+"="+m.written(statistic))
		}
		t.Rows = append(t.Rows, []string{name, strings.Join(values, " ")})
	}
	return t
}

// written is one value in its unit; how often something was has none.
func (m Metric) written(statistic string) string {
	value := m.Values[statistic]
	switch {
	case m.Contains == "time" && statistic != "count":
		return strings.ReplaceAll(text.Millis(value), " ", "")
	case statistic == "rate" && m.Type == "rate":
		return strings.ReplaceAll(text.Share.Format(value), " ", "")
	default:
		return text.Number(value)
	}
}
