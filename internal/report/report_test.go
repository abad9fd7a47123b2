package report_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func render(t *testing.T, in report.Input) string {
	t.Helper()
	html, err := report.HTML(in)
	require.NoError(t, err)
	return string(html)
}

func TestTheVerdictStandsOnThePage(t *testing.T) {
	page := render(t, sample())
	for _, text := range []string{
		`<header class="fail">`, `<p class="verdict">FAIL</p>`, "<h1>100users</h1>",
		"100 users · 2 min · 23 November 2026, 12:00 UTC", "GATE=pass does not hold: k6 exits with 99.",
		"52.6 %, WARNING needs at least 90.0 %", "Raise DB_POOL_SIZE or make the queries shorter.",
		"≥ 95.0 %", "1.33×", "no figure", "FAIL, waived", "pool exhausted",
		"maxOverflow", "PoolTimeoutError", "The first run also fills the tables.",
	} {
		require.Contains(t, page, text)
	}
	in := sample()
	for v, class := range map[verdict.Verdict]string{verdict.Pass: "pass", verdict.Warning: "warning"} {
		in.Verdict.Verdict, in.Verdict.GateHolds = v, true
		page = render(t, in)
		require.Contains(t, page, fmt.Sprintf(`<header class="%s">`, class))
		require.Contains(t, page, "GATE=pass holds.")
	}
}

// The report words a criterion as the other reports do.
func TestCriteriaReadAsInTheOtherReports(t *testing.T) {
	in := sample()
	in.Verdict.Rows[0].Measured = figure(0.94996)
	page, markdown := render(t, in), in.Verdict.Markdown()
	cell := regexp.MustCompile(`<td data-label="[^"]*">([^<]*)</td>`)
	cells := cell.FindAllStringSubmatch(page, -1)
	require.Len(t, cells, 2*len(in.Verdict.Rows))
	for _, c := range cells {
		text := strings.NewReplacer("&lt;", "<", "&#43;", "+").Replace(c[1])
		require.Contains(t, markdown, " "+strings.ReplaceAll(text, "<", "&lt;")+" |")
	}
}

// A pool that only prepared what the phases are about is no part of the picture.
func TestAPoolThatOnlyPreparedIsNotDrawn(t *testing.T) {
	page := func(phase bool) string {
		var r timeline.Recorder
		record := func(pool string, at time.Duration) {
			r.Record([]timeline.Observation{{Measure: timeline.Wait, Pool: pool, At: began.Add(at), Value: 1}})
		}
		record("seeding", 0)
		record("settled", 3*time.Second)
		if phase {
			r.Begin("step", began.Add(2*time.Second))
		}
		record("settled", 4*time.Second)
		record("late", 5*time.Second)
		return render(t, report.Input{Timeline: r.Snapshot()})
	}
	require.Contains(t, page(true), "pool settled")
	require.Contains(t, page(true), "pool late")
	require.NotContains(t, page(true), "pool seeding")
	require.Contains(t, page(false), "pool seeding")
}

func TestALongRunOfManyPoolsStaysSmall(t *testing.T) {
	var r timeline.Recorder
	for i := range 3000 {
		for pool := range 20 {
			at, name := began.Add(time.Duration(i)*time.Second), fmt.Sprintf("tenant-%02d", pool)
			r.Record([]timeline.Observation{
				{Measure: timeline.Active, At: at, Value: float64(i % 17), Pool: name},
				{Measure: timeline.Wait, At: at, Value: float64(i % 97), Pool: name},
				{Measure: timeline.Query, At: at, Value: float64(i%31) / 3, Pool: name},
				{Measure: timeline.Request, At: at, Value: float64(i % 301)},
			})
		}
	}
	page := render(t, report.Input{Verdict: judged(), Timeline: r.Snapshot()})
	require.Less(t, len(page), 1_500_000)
	require.Contains(t, page, "The 8 busiest of 20 pools are drawn; not among them: tenant-08,")
	require.NotContains(t, page, "poolSize 5", "with several pools it is not known whose size it is")
}
