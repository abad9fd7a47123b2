package command

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// The rows that a load test has too ask the same.
func TestMonitorCriteriaAreThoseOfThresholds(t *testing.T) {
	file, err := os.ReadFile("../../thresholds/criteria.js")
	require.NoError(t, err)
	for _, c := range monitorCriteria(monitor.Report{Pool: monitor.Pool{Size: 20, MaxOverflow: 40}, AtLeast: 1}) {
		if c.Name == "available_connections" {
			continue // the monitor's own
		}
		for _, text := range []string{c.Name, c.Title, c.Pass} {
			require.Contains(t, string(file), "'"+text+"'", c.Name)
		}
		require.Empty(t, c.Advice, "advice is the diagnosis's alone")
		if c.Name != "active_connections" {
			require.Contains(t, string(file), "'"+c.Warning+"'")
		} else {
			require.Equal(t, "p(95)<300", c.Warning, "the ceiling of watchedCriteria")
		}
	}
}

// judge watches a pool of 20 + 40 with so many active, one after the other.
func judge(t *testing.T, hidden int, active ...int) map[string]verdict.Verdict {
	t.Helper()
	var tally monitor.Tally
	for i, n := range active {
		sample := sampleOf(n, time.Duration(i)*time.Second)
		sample.Database.Open, sample.Database.Hidden = n+hidden+1, hidden
		tally.Add(sample)
	}
	settings := monitorSettings{watch: monitor.Settings{Select: monitor.Selection{Application: "app"}}}
	summary, err := summarize(settings, tally.Report(), time.Minute)
	require.NoError(t, err)
	verdicts := map[string]verdict.Verdict{"": summary.verdict.Verdict}
	for _, row := range summary.verdict.Rows {
		verdicts[row.Criterion.Name] = row.Verdict
	}
	return verdicts
}

func TestMonitorVerdicts(t *testing.T) {
	twenty := func(active, times int) []int { // so many times, else 10
		all := make([]int, 20)
		for i := range all {
			all[i] = 10
			if i < times {
				all[i] = active
			}
		}
		return all
	}
	for name, tt := range map[string]struct {
		active                       []int
		activeOnes, available, spill verdict.Verdict
	}{
		"idle":                             {twenty(0, 20), verdict.Pass, verdict.Pass, verdict.Pass},
		"just below 80 %":                  {twenty(15, 20), verdict.Pass, verdict.Pass, verdict.Pass},
		"80 %":                             {twenty(16, 20), verdict.Warning, verdict.Pass, verdict.Pass},
		"one rare peak":                    {twenty(30, 1), verdict.Pass, verdict.Warning, verdict.Pass},
		"a tenth of the time":              {twenty(30, 2), verdict.Warning, verdict.Warning, verdict.Warning},
		"30 % of the time":                 {twenty(30, 6), verdict.Warning, verdict.Fail, verdict.Fail},
		"the base size used up":            {twenty(20, 6), verdict.Warning, verdict.Fail, verdict.Pass},
		"every connection all of the time": {twenty(60, 20), verdict.Fail, verdict.Fail, verdict.Fail},
	} {
		got := judge(t, 0, tt.active...)
		require.Equal(t, tt.activeOnes, got["active_connections"], name)
		require.Equal(t, tt.available, got["available_connections"], name)
		require.Equal(t, tt.spill, got["overflow_time"], name)
	}
}

// What could not be seen is not known, and no data is never a pass.
func TestMonitorVerdictWithHiddenSessions(t *testing.T) {
	got := judge(t, 3, 5, 5, 5)
	require.Equal(t, verdict.Fail, got["active_connections"])
	require.Equal(t, verdict.Fail, got[""])
}

// A lower bound is no PASS, however low.
func TestMonitorVerdictOfALowerBound(t *testing.T) {
	var tally monitor.Tally
	for i := range 5 {
		sample := sampleOf(0, time.Duration(i)*time.Second)
		sample.Database.Open = 25 // of which 20 may be idle
		tally.Add(sample)
	}
	settings := monitorSettings{watch: monitor.Settings{Select: monitor.Selection{Application: "app"}}}
	summary, err := summarize(settings, tally.Report(), time.Minute)
	require.NoError(t, err)
	require.Equal(t, verdict.Warning, summary.verdict.Verdict)
	require.Contains(t, summary.text(terminal{}), "Active, at least      peak 5")
}

func TestMonitorVerdictWithoutData(t *testing.T) {
	require.Equal(t, verdict.Fail, judge(t, 0)[""], "the database never answered")
}
