//go:build unix

package main_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// grafanaDashboard is as much of Grafana's format as can be checked without it.
type grafanaDashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []grafanaPanel
}

type grafanaPanel struct {
	ID          int
	Title, Type string
	GridPos     struct{ H, W, X, Y int }
	Datasource  struct{ Type, UID string }
	Targets     []struct{ RefID, Expr, LegendFormat string }
}

func readGrafana(t *testing.T) (d grafanaDashboard) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), "deploy", "grafana", "pool.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// remoteWrite is how docs/metrics.md tells to write to Prometheus.
func remoteWrite(server *prometheus) map[string]string {
	return map[string]string{
		"K6_PROMETHEUS_RW_SERVER_URL":    server.writeURL(),
		"K6_PROMETHEUS_RW_TREND_STATS":   "avg,max,p(95),p(99),count,sum",
		"K6_PROMETHEUS_RW_PUSH_INTERVAL": "1s",
		"K6_NO_USAGE_REPORT":             "true",
	}
}

// Every query of the dashboard finds data in a real Prometheus that a real k6
// has written to.
func TestGrafanaDashboardFindsItsData(t *testing.T) {
	t.Parallel()
	server := startPrometheus(t)
	env := remoteWrite(server)
	env["DATABASE_URL"] = pgtest.Database(t)
	r := k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "-o", "experimental-prometheus-rw", "--tag", "testid=night", everything(t)},
		Env:  env,
	})
	require.Equal(t, exitThresholds, r.Code, r.Output())
	writeWatched(t, server)

	dashboard := readGrafana(t)
	// What Grafana would put in.
	variables := strings.NewReplacer("$pool", "default", "$testid", "night", "$__rate_interval", "1m")
	queries := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries++
			expression := variables.Replace(target.Expr)
			require.NotContains(t, expression, "$", panel.Title)
			if strings.Contains(expression, "k6_app_pool_") {
				expression = strings.ReplaceAll(expression, `"default"`, `"watched"`)
			}
			samples := server.query(t, expression)
			require.NotEmpty(t, samples, "%s: %s", panel.Title, expression)
			for _, sample := range samples {
				require.False(t, math.IsNaN(sample.value) || math.IsInf(sample.value, 0), "%s: %s", panel.Title, expression)
				for _, label := range labelsIn(target.LegendFormat) {
					require.NotEmpty(t, sample.labels[label], "%s: the legend's %s", panel.Title, label)
				}
			}
		}
	}
	require.Greater(t, queries, 40)
	for _, variable := range dashboard.Templating.List[1:] {
		selector, label := labelValues(t, variable.Query.(map[string]any)["query"].(string))
		require.Equal(t, variable.Name, label)
		var values []string
		for _, found := range server.query(t, "count by ("+label+") ("+selector+")") {
			values = append(values, found.labels[label])
		}
		require.ElementsMatch(t, map[string][]string{"testid": {"night"}, "pool": {"default", "watched"}}[label], values)
	}
	require.Empty(t, server.query(t, `k6_pgxpool_active{pool="nobody's"}`))
}

// writeWatched writes what a run over HTTP has: the pool of an application, here
// of one session that is not idle.
func writeWatched(t *testing.T, server *prometheus) {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer app.Close()
	database := pgtest.Database(t)
	session := pgtest.Conn(t, database)
	_, err := session.Exec(t.Context(), "SET application_name = 'watched'; BEGIN")
	require.NoError(t, err)
	env := remoteWrite(server)
	env["DATABASE_URL"], env["DB_APPLICATION_NAME"], env["BASE_URL"] = database, "watched", app.URL
	r := k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "-o", "experimental-prometheus-rw", "--tag", "testid=night", "-e", "CONCURRENT=2", "-e", "DURATION=3",
			"-e", "THINK=0.1", "-e", "INTERVAL=0", filepath.Join(k6test.Root(t), "scripts", "100users.js")},
		Env: env,
	})
	require.Contains(t, []int{0, exitThresholds}, r.Code, r.Output())
}

// labelValues are the parts of a variable's label_values(selector, label).
func labelValues(t *testing.T, query string) (selector, label string) {
	t.Helper()
	found := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(query)
	require.NotNil(t, found, query)
	return found[1], found[2]
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

func labelsIn(legend string) (labels []string) {
	for _, found := range legendLabel.FindAllStringSubmatch(legend, -1) {
		labels = append(labels, found[1])
	}
	return labels
}

// What Grafana would stumble over.
func TestGrafanaDashboardIsWellFormed(t *testing.T) {
	d := readGrafana(t)
	require.NotEmpty(t, d.UID)
	require.NotEmpty(t, d.Title)
	require.Positive(t, d.SchemaVersion)
	require.Equal(t, "datasource", d.Templating.List[0].Name)
	ids, taken := make(map[int]bool), make(map[[2]int]string)
	for _, panel := range d.Panels {
		require.False(t, ids[panel.ID], "id %d twice", panel.ID)
		ids[panel.ID] = true
		require.NotEmpty(t, panel.Title)
		g := panel.GridPos
		require.LessOrEqual(t, g.X+g.W, 24, panel.Title)
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s lies over it", panel.Title)
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			continue
		}
		require.Equal(t, "${datasource}", panel.Datasource.UID, panel.Title)
		require.NotEmpty(t, panel.Targets, panel.Title)
		refs := make(map[string]bool)
		for _, target := range panel.Targets {
			require.False(t, refs[target.RefID], "%s: refId %s twice", panel.Title, target.RefID)
			refs[target.RefID] = true
		}
	}
}
