package module_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

func TestThresholdsOfTheRunbook(t *testing.T) {
	u := jstest.New(t)
	var thresholds map[string][]string
	require.NoError(t, json.Unmarshal([]byte(u.Text(`pgxpool.thresholds()`)), &thresholds))
	require.Equal(t, []string{"rate>=0.95", "rate>=0.90"}, thresholds["request_success"])
	require.Equal(t, []string{"max>0"}, thresholds["request_duration"])
	require.Contains(t, thresholds, "pgxpool_db_cpu")
	require.Equal(t, []string{"count==0"}, thresholds["results_lost"])

	clear(thresholds)
	require.NoError(t, json.Unmarshal([]byte(u.Text(`({ ...pgxpool.thresholds({ gate: 'fail', waive: ['db_cpu'] }) })`)), &thresholds))
	require.Equal(t, []string{"rate>=0.90"}, thresholds["request_success"])
	require.NotContains(t, thresholds, "pgxpool_db_cpu", "waived")

	clear(thresholds)
	require.NoError(t, json.Unmarshal([]byte(u.Text(`pgxpool.thresholds({ criteria: [{
		name: 'mine', title: 'Mine', metric: 'mine', pass: 'count>3', warning: 'count>1', unit: 'count',
		guard: { metric: 'mine', expression: 'count>0' }, advice: { warning: '', fail: '' },
	}] })`)), &thresholds))
	require.Equal(t, map[string][]string{"mine": {"count>0", "count>3", "count>1"}, "results_lost": {"count==0"}}, thresholds)
}

// verdict() judges by what thresholds() was asked for, and says where k6 was
// never told.
func TestVerdictKnowsWhatThresholdsWereAskedFor(t *testing.T) {
	u := jstest.New(t)
	t.Chdir(t.TempDir())
	require.Contains(t, u.Text(`pgxpool.verdict({ metrics: {} }).stdout`), "exits with 0: put pgxpool.thresholds() into the script's options")
	u.JS(`pgxpool.thresholds({ gate: 'fail', waive: ['db_cpu'] })`)
	said := u.Text(`pgxpool.verdict({ metrics: { request_success: { type: 'rate', values: {}, thresholds: { 'rate>=0.90': { ok: false } } } } }).stdout`)
	require.Contains(t, said, "GATE=fail does not hold: k6 exits with 99.")
	require.Contains(t, said, "waived")
	summary, err := os.ReadFile("results/summary.json")
	require.NoError(t, err)
	require.Contains(t, string(summary), `"gate": "fail"`)
}

func TestWrongUseIsAConfigError(t *testing.T) {
	u := jstest.New(t)
	t.Chdir(t.TempDir())
	for call, want := range map[string]string{
		`pgxpool.thresholds(7)`:                                   "object",
		`pgxpool.thresholds({ gates: 'pass' })`:                   "gates",
		`pgxpool.thresholds({ gate: 'maybe' })`:                   `GATE: "maybe" is not accepted; use pass (the default) or fail`,
		`pgxpool.thresholds({ waive: ['cpu'] })`:                  `WAIVE: "cpu" is not a criterion; use one of success_rate, `,
		`pgxpool.thresholds({ waive: 'cpu' })`:                    `WAIVE: "cpu"`,
		`pgxpool.thresholds({ criteria: 7 })`:                     "a list of rows",
		`pgxpool.thresholds({ criteria: [7] })`:                   "",
		`pgxpool.verdict()`:                                       "what handleSummary is given",
		`pgxpool.verdict({ metrics: {} }, { criterion: [] })`:     "criterion",
		`pgxpool.verdict({ metrics: {} }, { criteria: [] })`:      "there are no criteria",
		`pgxpool.verdict({ metrics: {} }, { criteria: [{}] })`:    "name is empty",
		`pgxpool.verdict({ metrics: {} }, { gate: 'maybe' })`:     `GATE: "maybe"`,
		`pgxpool.verdict({ metrics: {} }, { run: { users: {} }})`: "users",
	} {
		said := u.Failure(call)
		require.Contains(t, said, "ConfigError: ", call)
		require.Contains(t, said, want, call)
	}
	require.NoDirExists(t, "results")
}
