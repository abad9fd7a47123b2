package testrun

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
)

// documented is a row of the tables in docs/metrics.md.
type documented struct{ kind, unit, tags, meaning, conventions string }

var metricRow = regexp.MustCompile("^\\| `(\\w+)` \\|(.*)\\|$")

func documentedMetrics(t *testing.T) (rows map[string]documented, page string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	rows = make(map[string]documented)
	for line := range strings.Lines(string(text)) {
		found := metricRow.FindStringSubmatch(strings.TrimSpace(line))
		if found == nil {
			continue
		}
		cells := strings.Split(found[2], "|")
		require.Len(t, cells, 5, line)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		require.NotContains(t, rows, found[1], "twice")
		rows[found[1]] = documented{cells[0], cells[1], cells[2], cells[3], cells[4]}
	}
	return rows, string(text)
}

// scripts is the text of all scenarios and of what they share.
func scripts(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"../../scripts/*.js", "../../scripts/lib/*.js"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			all.Write(text)
		}
	}
	return all.String()
}

// existing are the metrics that the module registers and the scripts make,
// without k6's own, the experiments' and the gauges made of Trends.
func existing(t *testing.T) map[string]*metrics.Metric {
	t.Helper()
	registry := metrics.NewRegistry()
	gauges := registerMetrics(registry).compact
	kinds := map[string]metrics.MetricType{"Counter": metrics.Counter, "Gauge": metrics.Gauge, "Rate": metrics.Rate, "Trend": metrics.Trend}
	made := regexp.MustCompile(`new (Counter|Gauge|Rate|Trend)\('(\w+)'(, true)?\)`).FindAllStringSubmatch(scripts(t), -1)
	require.Greater(t, len(made), 4, "those of request.js, and of single scenarios")
	for _, m := range made {
		contains := metrics.Default
		if m[3] != "" {
			contains = metrics.Time
		}
		_, err := registry.NewMetric(m[2], kinds[m[1]], contains)
		require.NoError(t, err)
	}
	all := make(map[string]*metrics.Metric)
	for _, metric := range registry.All() {
		all[metric.Name] = metric
	}
	delete(all, metrics.DroppedIterationsName)
	for _, made := range gauges {
		for _, gauge := range made {
			delete(all, gauge.Name)
		}
	}
	for _, name := range experiment.MetricNames() {
		delete(all, name)
	}
	return all
}

// docs/metrics.md names every metric there is, and no other.
func TestMetricsPageNamesEveryMetric(t *testing.T) {
	rows, page := documentedMetrics(t)
	all := existing(t)
	for name, metric := range all {
		row, ok := rows[name]
		require.True(t, ok, "%s is not in docs/metrics.md", name)
		require.Equal(t, strings.ToLower(row.kind), metric.Type.String(), name)
		require.Equal(t, metric.Contains == metrics.Time, row.unit == "ms", "%s: k6 keeps times in milliseconds", name)
		require.NotEmpty(t, row.meaning, name)
		if strings.Contains(name, "pool_") {
			require.Contains(t, row.tags, "`pool`", name)
		}
	}
	for name := range rows {
		require.Contains(t, all, name, "docs/metrics.md names a metric that there is not")
	}
	for _, name := range experiment.MetricNames() {
		family := regexp.MustCompile(`^(experiment|before_after|capacity|tune)_`).FindString(name)
		require.NotEmpty(t, family, "%s has a family that docs/metrics.md does not name", name)
		require.Contains(t, page, "`"+family+"…`")
	}
}

// What the semantic conventions have for connection pools is mapped, and under
// their names.
func TestMetricsPageMapsTheSemanticConventions(t *testing.T) {
	_, page := documentedMetrics(t)
	for _, name := range []string{"count", "idle.max", "idle.min", "max", "pending_requests", "timeouts", "create_time", "wait_time", "use_time"} {
		require.Contains(t, page, "`db.client.connection."+name+"`")
	}
}
