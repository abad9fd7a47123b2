package verdict

import (
	"maps"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

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
