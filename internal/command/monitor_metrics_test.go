package command

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/criteria"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// The rows that a load test has too ask the same, and the advice is the diagnosis's.
func TestMonitorCriteriaAreThoseOfThresholds(t *testing.T) {
	settings := watching(t)
	of := func(file string, arguments map[string]any) map[string]verdict.Criterion {
		rows, err := settings.criteria.Rows(file, arguments)
		require.NoError(t, err)
		byName := map[string]verdict.Criterion{}
		for _, row := range rows {
			byName[row.Name] = row
		}
		return byName
	}
	loaded := of("watchedCriteria", map[string]any{"poolSize": 20, "maxOverflow": 40})
	rows, err := criteriaOf(settings.criteria, monitor.Report{Pool: monitor.Pool{Size: 20, MaxOverflow: 40}, AtLeast: 1, Hidden: 3, Seen: 1})
	require.NoError(t, err)
	var names []string
	for _, row := range rows {
		names = append(names, row.Name)
		require.Empty(t, row.Advice)
		if shared, ok := loaded[row.Name]; ok {
			require.Equal(t, shared, row)
		}
	}
	require.Equal(t, []string{"active_connections", "available_connections", "overflow_time", "lower_bound", "visible_sessions"}, names)
	require.Equal(t, "p(95)<300", rows[0].Warning, "below the pool's ceiling")
	rows, err = criteriaOf(settings.criteria, monitor.Report{Hidden: 3})
	require.NoError(t, err)
	require.Len(t, rows, 3, "where nothing was seen, what is hidden is why")
}

// watching are the settings of a watch of the application "app".
func watching(t *testing.T) monitorSettings {
	t.Helper()
	file, err := criteria.Load(os.DirFS("../.."))
	require.NoError(t, err)
	return monitorSettings{watch: monitor.Settings{Select: monitor.Selection{Application: "app"}}, criteria: file}
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
	summary, err := summarize(watching(t), tally.Report(), time.Minute)
	require.NoError(t, err)
	verdicts := map[string]verdict.Verdict{"": summary.verdict.Verdict}
	for _, row := range summary.verdict.Rows {
		verdicts[row.Name] = row.Verdict
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
	summary, err := summarize(watching(t), tally.Report(), time.Minute)
	require.NoError(t, err)
	require.Equal(t, verdict.Warning, summary.verdict.Verdict)
	require.Contains(t, summary.text(terminal{}), "Active, at least      peak 5")
}

func TestMonitorVerdictWithoutData(t *testing.T) {
	require.Equal(t, verdict.Fail, judge(t, 0)[""], "the database never answered")
}
