package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// merged is what is known of runners that were judged as one: no timeline, and
// a recording that was made of theirs.
func merged(t *testing.T) report.Input {
	t.Helper()
	run := exhaustion(2 * time.Minute)
	run.Phases = nil // those are an experiment's
	judged, err := verdict.Evaluate(verdict.Input{
		Criteria: []verdict.Criterion{{
			Name: "success_rate", Title: "Success rate", Metric: "request_success", Pass: "rate>=0.95", Warning: "rate>=0.90",
			Guard: verdict.Condition{Metric: "request_duration", Expression: "max>0"}, Unit: "share",
			Advice: verdict.Advice{Warning: "w", Fail: "f"},
		}},
		Timeline: run,
	})
	require.NoError(t, err)
	judged.Run = verdict.Run{Script: "100users", Configuration: verdict.Configuration{"poolSize": "5", "maxOverflow": "10"}}
	return report.Input{Verdict: judged}
}

func TestARecordingShowsThePoolsLevels(t *testing.T) {
	in := merged(t)
	page := render(t, in)
	for _, text := range []string{
		"<figcaption>Connections", ">active, most<", ">waiting<", ">open<", "poolSize 5", "Time counts from the first observation, 12:00:00 UTC.",
		"PoolTimeoutError", "each runner&#39;s own report",
	} {
		require.Contains(t, page, text)
	}
	for _, wrong := range []string{"No pool was used", "No request was measured", "No checkout was seen", "NaN"} {
		require.NotContains(t, page, wrong)
	}
	// The most there were at a time is the ceiling that the run hit.
	require.Regexp(t, `(?s)active, most.*<td class="right">15</td>`, page)
	require.Less(t, len(page), 300_000)

	in.Verdict.Run.Target = "http://127.0.0.1:8000/api/issues"
	page = render(t, in)
	require.NotContains(t, page, ">waiting<", "inside an application nobody sees it")
	require.Contains(t, page, ">open<")
}

// As in a single run's report.
func TestRecordedPoolsThatAreHardlyUsedAreNotDrawn(t *testing.T) {
	in := merged(t)
	r := in.Verdict.Recording
	var other timeline.Recorder
	other.Record([]timeline.Observation{{Measure: timeline.Wait, At: r.Start, Value: 1, Pool: "admin"}})
	for name, pool := range other.Snapshot().Whole().Pools {
		r.Totals.Pools[name] = pool
	}
	r.Levels["admin"] = []timeline.Level{{At: 1, Samples: 1, Active: 1, ActiveMax: 1, Total: 1}}
	page := render(t, in)
	require.Contains(t, page, "Hardly used and not drawn: pool admin.")
	require.NotContains(t, page, "Connections, pool admin")
}

// With a timeline nothing of the recording is needed.
func TestATimelineComesBeforeTheRecording(t *testing.T) {
	in := merged(t)
	in.Timeline = exhaustion(2 * time.Minute)
	page := render(t, in)
	require.NotContains(t, page, "active, most")
	require.Contains(t, page, "Throughput")
}

func TestARecordingWithoutLevelsHasNoChart(t *testing.T) {
	in := merged(t)
	in.Verdict.Recording.Levels = nil
	require.NotContains(t, render(t, in), "<figure")
}

// More windows than a chart has points are summed up: means by their mean, the
// most by the most. Where no runner sampled, there is a gap.
func TestRecordedLevelsAreSummedUp(t *testing.T) {
	in := merged(t)
	r := in.Verdict.Recording
	r.Window = 1
	var levels []timeline.Level
	for i := range 200 {
		if i < 100 || i > 120 {
			levels = append(levels, timeline.Level{
				At: float64(i), Samples: 1, Active: float64(1 + i%2), ActiveMax: float64(3 + 4*(i%2)), Total: 9,
			})
		}
	}
	r.Levels = map[string][]timeline.Level{"default": levels}
	page := render(t, in)
	require.Contains(t, page, "Each point covers 2 s.")
	require.Regexp(t, `<td class="right">1.5</td><td class="right">7</td>`, page)
	require.NotRegexp(t, `<td class="right">3</td>`, page)
	require.NotContains(t, page, "NaN")
}
