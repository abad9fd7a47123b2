package experiment

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Every result fits the terminal, and the report accepts its sections.
func TestResultsCanBeShown(t *testing.T) {
	for name, options := range every {
		t.Run(name, func(t *testing.T) {
			s := office
			s.size, s.overflow, s.cpuPerCheckout = 10, 5, 0.2
			plan := planOf(t, options)
			require.NoError(t, plan.Prepare(laptop))
			all := run(t, plan, s, nil)
			for n := range len(all) + 1 {
				result := plan.Result(all[:n])
				for _, width := range []int{0, 60, 80, 120} {
					for line := range strings.Lines(result.Terminal(width)) {
						if width > 0 && !strings.Contains(line, "pool_max_conns") {
							require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), max(width, 60), line)
						}
					}
				}
				require.NotContains(t, result.Terminal(80), "NaN")
				require.NotContains(t, result.Markdown(), "NaN")
				require.NotContains(t, result.Markdown(), "Inf")
				judged, err := verdict.Evaluate(verdict.Input{Criteria: []verdict.Criterion{{
					Name: "a", Title: "A", Metric: "a", Pass: "count==0", Warning: "count==0",
					Guard: verdict.Condition{Metric: "a", Expression: "count>0"}, Unit: text.Count}}})
				require.NoError(t, err)
				_, err = report.HTML(report.Input{Verdict: judged, Sections: result.Sections})
				require.NoError(t, err)
			}
		})
	}
}

// A table that is too wide goes on below, with its first column again.
func TestTablesInANarrowTerminal(t *testing.T) {
	plan := planOf(t, every["tune"])
	require.NoError(t, plan.Prepare(laptop))
	result := plan.Result(run(t, plan, office, nil))
	require.Equal(t, 1, strings.Count(result.Terminal(150), "\n  Pool "))
	require.Greater(t, strings.Count(result.Terminal(60), "\n  Pool "), 1)
	for _, column := range []string{"p95", "Served", "Timeouts", "As good"} {
		require.Contains(t, result.Terminal(60), column)
	}
}
