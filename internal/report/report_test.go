package report_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
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
	require.Contains(t, page, "<dd>10\u202f000<small>", "no line is broken within a number")
	for _, text := range []string{
		`<header class="fail">`, `<p class="verdict">FAIL</p>`, "<h1>100users</h1>",
		"100 users · 2 min · 23 November 2026, 12:00 UTC", "GATE=pass does not hold: k6 exits with 99.",
		"52.6 %, WARNING needs at least 90.0 %", "Raise DB_POOL_SIZE or make the queries shorter.",
		"≥ 95.0 %", "1.33×", "no value", "FAIL, waived", "pool exhausted",
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
	in.Verdict.Rows[0].Measured = value(0.94996)
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

// day is a run of 24 hours on 20 pools.
var day = sync.OnceValue(func() report.Input {
	var r timeline.Recorder
	for i := range 3000 {
		for pool := range 20 {
			at, name := began.Add(time.Duration(i)*24*time.Hour/3000), fmt.Sprintf("tenant-%02d", pool)
			r.Record([]timeline.Observation{
				{Measure: timeline.Active, At: at, Value: float64(i % 17), Pool: name},
				{Measure: timeline.Wait, At: at, Value: float64(i % 97), Pool: name},
				{Measure: timeline.Query, At: at, Value: float64(i%31) / 3, Pool: name},
				{Measure: timeline.Request, At: at, Value: float64(i % 301)},
			})
		}
	}
	return report.Input{Verdict: judged(), Timeline: r.Snapshot()}
})

func TestADayOfManyPoolsStaysSmall(t *testing.T) {
	page := render(t, day())
	require.Less(t, len(page), 1_500_000)
	require.Contains(t, page, "The 8 busiest of 20 pools are drawn; not among them: tenant-08,")
	require.Contains(t, page, "time since the start (h:min:s)")
	require.NotContains(t, page, "poolSize 5", "with several pools it is not known whose size it is")
}

// An experiment's answer stands in the header, in the place of values of all its
// steps together, which are folded away.
func TestAnExperimentsAnswerComesFirst(t *testing.T) {
	in := sample()
	in.Answer = []report.Fact{{Name: "Recommended pool", Value: "27+0 <b>", Detail: "95 % interval 20 to 32 connections"}}
	page := render(t, in)
	header, _, _ := strings.Cut(page, "<h2>")
	require.Contains(t, header, "<dd>27&#43;0 &lt;b&gt;<small>95 % interval 20 to 32 connections</small></dd>")
	require.NotContains(t, header, "Peak in use")
	require.Contains(t, page, `<details class="steps">`)
	in.Sections, in.Answer = nil, nil
	page = render(t, in)
	require.Contains(t, page, "<dt>Peak in use</dt>")
	require.NotContains(t, page, `<details class="steps">`)
}

// Values can be read off under the mouse, without a script.
func TestValuesAreUnderTheMouse(t *testing.T) {
	section := report.Section{Title: "s", Charts: []report.Chart{
		{Title: "Curve", X: []float64{1, 10}, Log: true, Limits: []report.Limit{{Name: "most", Value: 500}},
			Series: []report.Series{{Name: "p95 <x>", Values: []float64{1234, 12}, Low: []float64{1000, 10}, High: []float64{1500, 14}}}},
		{Title: "Bars", Kind: report.Bars, Categories: []string{"before"}, Series: []report.Series{{Name: "served", Values: []float64{98.6}}}},
	}}
	page := render(t, report.Input{Verdict: judged(), Sections: []report.Section{section}})
	require.Contains(t, page, "<title>1\np95 &lt;x&gt; 1234 (1000–1500)</title></rect>")
	require.Contains(t, page, "<title>10\np95 &lt;x&gt; 12 (10–14)</title></rect>")
	require.Contains(t, page, "<title>before\nserved 98.6</title></rect>")
	require.Contains(t, page, ">98.6</text>", "a bar has its value")
	require.Equal(t, 1, strings.Count(page, "<title>before"), "once, in the wide picture")
}

// A backend that is terminated says 57P01, as a server does that shuts down.
func TestATerminatedSessionIsNoRestart(t *testing.T) {
	var r timeline.Recorder
	for second := range 60 {
		r.Record([]timeline.Observation{{Measure: timeline.Request, At: began.Add(time.Duration(second) * time.Second), Value: 5}})
	}
	r.Record([]timeline.Observation{{Measure: timeline.Error, At: began.Add(40 * time.Second), Value: 1, Key: "57P01", Pool: "default"}})
	page := render(t, report.Input{Verdict: judged(), Timeline: r.Snapshot()})
	require.Contains(t, page, "session ended by the server at 0:40")
	require.NotContains(t, page, "server restarted")
}

// Numbered pools come in their order, and one that is hardly used is not drawn.
func TestPoolsAreDrawnInOrder(t *testing.T) {
	var r timeline.Recorder
	checkouts := map[string]int{"pool-10": 300, "pool-2": 100, "pool-1": 200, "admin": 14}
	for name, count := range checkouts {
		for range count {
			r.Record([]timeline.Observation{{Measure: timeline.Wait, At: began, Value: 1, Pool: name}})
		}
	}
	page := render(t, report.Input{Verdict: judged(), Timeline: r.Snapshot()})
	require.Regexp(t, `(?s)Wait for a connection, pool pool-1&ensp;.*pool pool-2&ensp;.*pool pool-10&ensp;`, page)
	require.Contains(t, page, "Hardly used and not drawn: pool admin.")
	require.NotContains(t, page, "Wait for a connection, pool admin")
}

// The moments that one looks for are marked where no phases are.
func TestTheFirstTimeoutIsMarked(t *testing.T) {
	var r timeline.Recorder
	for second := range 60 {
		at := began.Add(time.Duration(second) * time.Second)
		r.Record([]timeline.Observation{{Measure: timeline.Request, At: at, Value: 5}})
		if second == 30 {
			r.Record([]timeline.Observation{
				{Measure: timeline.RequestTimeout, At: at, Value: 1},
				{Measure: timeline.Closed, At: at.Add(5 * time.Second), Value: 2, Key: "lost", Pool: "default"},
				{Measure: timeline.Error, At: at.Add(10 * time.Second), Value: 1, Key: "57P01", Pool: "default"},
				{Measure: timeline.Closed, At: at.Add(10 * time.Second), Value: 2, Key: "lost", Pool: "default"},
				{Measure: timeline.Error, At: at.Add(20 * time.Second), Value: 1, Key: "57P03", Pool: "default"},
				{Measure: timeline.Error, At: at.Add(21 * time.Second), Value: 1, Key: "57P03", Pool: "default"},
				{Measure: timeline.Error, At: at.Add(22 * time.Second), Value: 1, Key: "25006", Pool: "default"},
			})
		}
	}
	page := render(t, report.Input{Verdict: judged(), Timeline: r.Snapshot()})
	require.Contains(t, page, "first timeout at 0:30")
	require.Contains(t, page, "connections lost at 0:35")
	require.Contains(t, page, "server restarted at 0:40; server restarted at 0:50; first write refused at 0:52")
	require.Contains(t, page, "Each point covers 1 s.", "not 250 ms, in which every other timeout of 500 ms would be missing")
}

// An experiment of one step, a step without a value, and a count that is 0 throughout,
// which has no logarithm.
func TestChartsOfOneValueAndOfNone(t *testing.T) {
	section := report.Section{Title: "s", Charts: []report.Chart{
		{Title: "One step", X: []float64{10}, Series: []report.Series{{Name: "p95", Values: []float64{12}}, {Name: "p99", Values: []float64{math.NaN()}}}},
		{Title: "Zero", X: []float64{1, 100}, Log: true, Series: []report.Series{{Name: "failures", Values: []float64{0, 0}}}},
	}}
	page := render(t, report.Input{Verdict: judged(), Sections: []report.Section{section}})
	require.Contains(t, page, `aria-label="One step; p95 from 12 to 12"`)
	require.Contains(t, page, "p99, no values</li>")
	require.Contains(t, page, `aria-label="Zero; failures from 0 to 0"`)
	dot := regexp.MustCompile(`<circle cx="([0-9]+)" cy="([0-9]+)" r="3" class="dot s[01]`)
	var places [][]string
	for _, found := range dot.FindAllStringSubmatch(page, -1) {
		places = append(places, found[1:])
	}
	require.Len(t, places, 2*(1+2), "in each format the step's, and two")
	require.Equal(t, places[2][1], places[3][1], "on the axis")
	require.Contains(t, page, ">0.2</text>", "which is from 0 to 1, as without logarithms")
	require.NotEqual(t, places[2][0], places[3][0])
}

// Phases are marked where they begin, unless that is after all that was observed, and
// as long as they can be told apart.
func TestPhasesAreMarked(t *testing.T) {
	page := func(phases int) string {
		var r timeline.Recorder
		for second := range 60 {
			at := began.Add(time.Duration(second) * time.Second)
			if second < phases {
				r.Begin(fmt.Sprintf("step %d.", second+1), at)
			}
			r.Record([]timeline.Observation{{Measure: timeline.Request, At: at, Value: 5}})
		}
		r.Begin("late", began.Add(time.Hour))
		return render(t, report.Input{Verdict: judged(), Timeline: r.Snapshot()})
	}
	marks := func(page string) int { return strings.Count(page, `class="mark stroke"`) }
	one := marks(page(1))
	require.Positive(t, one)
	require.Equal(t, 23*one, marks(page(23)))
	many := page(24)
	require.Zero(t, marks(many))
	for _, text := range []string{"<td>step 1.</td>", "<td>step 24.</td>", `<td>late</td><td class="right">1:00:00</td><td class="right">–</td>`} {
		require.Contains(t, many, text, "the table has them all")
	}
}

// Of one moment there is no rate; and what failed at first and succeeded when it was
// made again, is no failure.
func TestAShortRunWithRetries(t *testing.T) {
	var r timeline.Recorder
	for range 9 {
		r.Record([]timeline.Observation{
			{Measure: timeline.Request, At: began, Value: 5},
			{Measure: timeline.RequestTimeout, At: began, Value: 1},
			{Measure: timeline.RequestRetry, At: began, Value: 2, Key: "57014"},
		})
	}
	page := render(t, report.Input{Verdict: judged(), Timeline: r.Snapshot()})
	require.Contains(t, page, "The run is too short for a rate.")
	require.Contains(t, page, "Failures; requests timed out from 9 to 9; retries from 18 to 18")
	require.NotContains(t, page, "requests failed")
	r.Record([]timeline.Observation{{Measure: timeline.RequestFailed, At: began, Value: 4}})
	page = render(t, report.Input{Verdict: judged(), Timeline: r.Snapshot()})
	require.Contains(t, page, "requests timed out from 9 to 9; requests failed from 4 to 4; retries from 18 to 18")
}

func TestAWorkloadsStatementsStandOnThePage(t *testing.T) {
	in := report.Input{Verdict: judged()}
	require.NotContains(t, render(t, in), "<h2>Statements</h2>")
	in.Verdict.Statements = []verdict.Statement{
		{Name: "list.sql:3", Calls: 1200, Failed: 7, Mean: 4.5, P95: 12.25, HoldShare: 0.625}, {Name: "list.sql:9"},
	}
	page := render(t, in)
	require.Contains(t, page, "<h2>Statements</h2>")
	require.NotContains(t, page, "<caption>Statements", "once is enough")
	require.Contains(t, page, strings.Join([]string{"<td>list.sql:3", "1200", "7", "4.5 ms", "12 ms", "62.5 %</td>"}, `</td><td class="right">`))
	require.Contains(t, page, strings.Join([]string{"<td>list.sql:9", "0", "0", "–", "–", "0.0 %</td>"}, `</td><td class="right">`), "never called")
}
