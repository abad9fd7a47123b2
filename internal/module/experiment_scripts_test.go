//go:build unix

package module

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// inspected are the thresholds of an experiment's script with these settings,
// or what it refuses them with.
func inspected(t *testing.T, script string, settings ...string) (thresholds map[string][]string, refusal string) {
	t.Helper()
	args := []string{"inspect", filepath.Join(k6test.Root(t), "scripts", script)}
	for _, setting := range settings {
		args = append(args, "-e", setting)
	}
	run := k6test.K6(t, k6test.Run{Args: args})
	if run.Code != 0 {
		return nil, run.Output()
	}
	var options struct {
		Thresholds map[string][]string `json:"thresholds"`
	}
	require.NoError(t, json.Unmarshal([]byte(run.Stdout), &options))
	return options.Thresholds, ""
}

// Arrivals that a recommended configuration drops are judged, where there are
// arrivals.
func TestTheScriptsJudgeDroppedArrivals(t *testing.T) {
	t.Parallel()
	for script, metric := range map[string]string{"tune.js": "tune_dropped", "before-after.js": "before_after_dropped"} {
		open, _ := inspected(t, script, "RATE=60")
		require.Equal(t, []string{"value==0"}, open[metric])
		require.Equal(t, []string{"value<0.01"}, open[metric+"_share"])
		closed, _ := inspected(t, script)
		require.NotEmpty(t, closed)
		require.NotContains(t, closed, metric)
	}
}

// PASS and FAIL are what the confidence interval is sure of.
func TestBeforeAfterJudgesTheInterval(t *testing.T) {
	t.Parallel()
	asked, refusal := inspected(t, "before-after.js")
	require.Empty(t, refusal)
	require.Equal(t, []string{"value>0", "value<=1.1"}, asked["before_after_p95_ratio_high"])
	require.Equal(t, []string{"value<=1.1"}, asked["before_after_p95_ratio_low"])
	require.Equal(t, []string{"value>0"}, asked["before_after_p95_ratio"])
}

// An application's pool is not the scripts' to change.
func TestOnlyCapacityGoesOverHTTP(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"before-after.js", "tune.js"} {
		_, refusal := inspected(t, script, "BASE_URL=http://127.0.0.1:1")
		require.Contains(t, refusal, "BASE_URL is set, and "+strings.TrimSuffix(script, ".js")+" changes")
	}
	asked, refusal := inspected(t, "capacity.js", "BASE_URL=http://127.0.0.1:1")
	require.NotEmpty(t, asked, refusal)
}

// A search cannot find more than the largest load it tries.
func TestCapacityWantsNoMoreThanItTries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings []string
		wanted   string
	}{
		{nil, "value>=100"},
		{[]string{"CONCURRENT=50"}, "value>=50"},
		{[]string{"STEPS=5,20"}, "value>=20"},
		{[]string{"WANTED=30", "STEPS=5,40"}, "value>=30"},
	} {
		asked, refusal := inspected(t, "capacity.js", c.settings...)
		require.Contains(t, asked["capacity_low"], c.wanted, refusal)
	}
	asked, _ := inspected(t, "capacity.js", "RATE=70")
	require.Contains(t, asked["capacity_low"], "value>=70")

	_, refusal := inspected(t, "capacity.js", "WANTED=200", "CONCURRENT=50")
	require.Contains(t, refusal, `WANTED: \"200\" is not accepted; use a number from 0 to 50`)
	_, refusal = inspected(t, "capacity.js", "STEP_WAIVE=cpu")
	require.Contains(t, refusal, "STEP_WAIVE: ")
}
