package module

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// runnerOptions gives k6's options of one runner; sequence may be empty.
func runnerOptions(t testing.TB, segment, sequence string) lib.Options {
	t.Helper()
	var options lib.Options
	var err error
	options.ExecutionSegment, err = lib.NewExecutionSegmentFromString(segment)
	require.NoError(t, err)
	if sequence != "" {
		parsed, err := lib.NewExecutionSegmentSequenceFromString(sequence)
		require.NoError(t, err)
		options.ExecutionSegmentSequence = &parsed
	}
	return options
}

// segments are those of a sequence, in k6's notation.
func segments(t testing.TB, sequence string) (all []string) {
	t.Helper()
	parsed, err := lib.NewExecutionSegmentSequenceFromString(sequence)
	require.NoError(t, err)
	for _, segment := range parsed {
		all = append(all, segment.String())
	}
	return all
}

func TestSharesAddUp(t *testing.T) {
	for _, sequence := range []string{"0,1/2,1", "0,1/3,2/3,1", "0,1/4,1/2,3/4,1", "0,1/2,3/4,1", "0,1/10,1", "0,1/7,2/7,3/7,4/7,5/7,6/7,1"} {
		for _, told := range []string{sequence, ""} {
			for size := range 70 {
				sum, largest, smallest := 0, 0, size
				for _, segment := range segments(t, sequence) {
					own := shareOf(&lib.State{Options: runnerOptions(t, segment, told)}).of(size)
					require.GreaterOrEqual(t, own, 0)
					sum, largest, smallest = sum+own, max(largest, own), min(smallest, own)
				}
				require.Equal(t, size, sum, "%d in %s, told %q", size, sequence, told)
				if sequence == "0,1/4,1/2,3/4,1" {
					require.LessOrEqual(t, largest-smallest, 1, "%d in %s, told %q", size, sequence, told)
				}
			}
		}
	}
}

func TestSharesByHand(t *testing.T) {
	for _, test := range []struct {
		sequence       string
		size, overflow int
		want           string
	}{
		{"0,1/4,1/2,3/4,1", 20, 40, "5+10 5+10 5+10 5+10"},
		{"0,1/3,2/3,1", 20, 40, "7+14 7+13 6+13"},
		{"0,1/4,1/2,3/4,1", 7, 2, "2+1 2+1 2+0 1+0"},
		{"0,1/2,3/4,1", 5, 0, "3+0 1+0 1+0"},
		{"0,1", 5, 3, "5+3"},
	} {
		got := ""
		for _, segment := range segments(t, test.sequence) {
			c := shareOf(&lib.State{Options: runnerOptions(t, segment, test.sequence)}).
				config(pool.Config{PoolSize: test.size, MaxOverflow: test.overflow})
			got += fmt.Sprintf(" %d+%d", c.PoolSize, c.MaxOverflow)
		}
		require.Equal(t, " "+test.want, got, test.sequence)
	}
}

// segmented is a user on one of several runners.
func segmented(t testing.TB, options, segment, sequence string) *user {
	u := running(t, options)
	u.VU.StateField.Options = runnerOptions(t, segment, sequence)
	return u
}

func TestARunnerOpensItsShare(t *testing.T) {
	for _, sequence := range []string{"0,1/4,1/2,3/4,1", ""} {
		u := segmented(t, `{ poolSize: 8, maxOverflow: 4, poolTimeout: 0 }`, "1/4:1/2", sequence)
		require.Equal(t, `[2,1,2]`, u.text(`[pool.stat().size, pool.stat().maxOverflow, pool.stat().available]`), "before the first use")
		u.js(`const held = [pool.acquire(), pool.acquire(), pool.acquire()]`)
		require.Regexp(t, `^PoolTimeoutError: .*\(size=2, maxOverflow=1, overflow=1, active=3,`, u.failure(`pool.acquire()`))
		require.Equal(t, `[2,1,3,3,1]`, u.text(`(({ size, maxOverflow, active, total, overflow }) =>
			[size, maxOverflow, active, total, overflow])(pool.stat())`))
		require.Equal(t, 3, u.backends())
		u.js(`held.forEach((conn) => conn.release())`)
	}
}

// Utilization is of the runner's own base size.
func TestUtilizationIsOfTheShare(t *testing.T) {
	u := segmented(t, `{ poolSize: 8, maxOverflow: 0, sampleInterval: 10 }`, "0:1/4", "0,1/4,1/2,3/4,1")
	u.js(`const conn = pool.acquire(); pool.query('SELECT pg_sleep(0.2)')`)
	highest := 0.0
	for _, sample := range u.ended().of("pgxpool_utilization") {
		highest = max(highest, sample.Value)
	}
	require.Equal(t, 100.0, highest, "2 of this runner's 2")
}

// setup() and teardown() run in no scenario and have the same share.
func TestSetupHasTheSameShare(t *testing.T) {
	u := segmented(t, `{ poolSize: 4, maxOverflow: 0, poolTimeout: 0 }`, "0:1/4", "0,1/4,1/2,3/4,1")
	u.VU.CtxField = t.Context()
	u.js(`const conn = pool.acquire()`)
	require.Contains(t, u.failure(`pool.acquire()`), "PoolTimeoutError: ")
	u.js(`conn.release()`)
}

// Every runner refuses it, also those who would get a place.
func TestMoreRunnersThanPlaces(t *testing.T) {
	const sequence = "0,1/4,1/2,3/4,1"
	for _, segment := range segments(t, sequence) {
		u := segmented(t, `{ poolSize: 2, maxOverflow: 40 }`, segment, sequence)
		message := u.failure(`pool.query('SELECT 1')`)
		require.Equal(t, "ConfigError: option poolSize: 2 is not accepted: the runners share it, this one as execution segment "+
			segment+", and each needs one connection at least; use at least 4, or fewer runners", message)
		require.Zero(t, u.backends())
		require.Equal(t, message, u.failure(`pool.acquire()`), "the same answer for everybody")
	}
	u := segmented(t, `{ poolSize: 2 }`, "0:1/4", "")
	require.NotContains(t, u.failure(`pool.query('SELECT 1'); throw new Error('it may')`), "ConfigError")
	u = segmented(t, `{ poolSize: 2 }`, "1/4:1/2", "")
	require.Contains(t, u.failure(`pool.query('SELECT 1')`), "ConfigError: option poolSize: 2 ")
	u = segmented(t, `{ poolSize: 4 }`, "1/4:1/2", sequence)
	u.js(`pool.query('SELECT 1')`)
}

// The report says what was configured, what this runner had of it, and that
// its figures are its own.
func TestTheReportSaysWhoseShareItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	u := segmented(t, `{ poolSize: 7, maxOverflow: 2 }`, "3/4:1", "0,1/4,1/2,3/4,1")
	u.js(`pool.query('SELECT 1')`)
	summary := reported(u)
	require.Equal(t, map[string]string{
		"executionSegment": "3/4:1", "executionSegmentSequence": "0,1/4,1/2,3/4,1",
		"poolSize": "1", "maxOverflow": "0", "configuredPoolSize": "7", "configuredMaxOverflow": "2",
	}, summary.Run.only("executionSegment", "executionSegmentSequence", "poolSize", "maxOverflow",
		"configuredPoolSize", "configuredMaxOverflow"))
	require.Contains(t, summary.Notes, "One runner of several (execution segment 3/4:1): it had 1+0 of the 7+2 connections "+
		"configured for pool default; its levels, utilization and verdict are of its own share.")

	own := share{segment: u.VU.StateField.Options.ExecutionSegment}
	require.Equal(t, []string{"One runner of several (execution segment 3/4:1): its users and requests are its own share; " +
		"an application's pool is the whole one, which every runner watches."}, own.notes(nil), "over HTTP")

	u = running(t, `{ poolSize: 7, maxOverflow: 2 }`)
	summary = reported(u)
	require.Empty(t, summary.Notes)
	require.Equal(t, map[string]string{"poolSize": "7", "maxOverflow": "2"},
		summary.Run.only("poolSize", "maxOverflow", "executionSegment", "configuredPoolSize"))
}

type reportedRun struct{ Configuration map[string]string }

// only picks the options named, where they are there.
func (r reportedRun) only(names ...string) map[string]string {
	picked := make(map[string]string)
	for _, name := range names {
		if value, ok := r.Configuration[name]; ok {
			picked[name] = value
		}
	}
	return picked
}

type reportedSummary struct {
	Run   reportedRun
	Notes []string
}

// reported is summary.json as handleSummary gets it.
func reported(u *user) (s reportedSummary) {
	u.t.Helper()
	text := u.js(`pgxpool.verdict({ metrics: {} }, { run: { script: 'x' }, criteria: [{
		name: 'success_rate', title: 'Success rate', metric: 'request_success', pass: 'rate>=0.95', warning: 'rate>=0.90',
		guard: { metric: 'request_duration', expression: 'max>0' }, unit: 'share', advice: { warning: 'w', fail: 'f' },
	}] })['results/summary.json']`).String()
	require.NoError(u.t, json.Unmarshal([]byte(text), &s))
	return s
}
