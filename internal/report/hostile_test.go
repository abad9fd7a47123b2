package report_test

import (
	"math"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const (
	secret = "s3cr3t"
	// hostile is what a text might be that came from outside.
	hostile = `"'></text></svg></style><script>window.ran=true</script><img src=x onerror=window.ran=true>` +
		" {{.}} &lt; ]]> \x00 \x1b[31m \u202eevil \xff postgres://u:" + secret + "@h/db password=" + secret +
		" averylongwordthatnowhereendsaverylongwordthatnowhereends"
)

// hostilePage has hostile text everywhere.
func hostilePage() report.Input {
	series := []report.Series{{Name: hostile, Values: []float64{1, math.NaN(), 3}, Low: []float64{0, 1, 2}, High: []float64{2, math.Inf(1), 4}}}
	in := report.Input{
		Verdict: verdict.Report{
			Verdict: hostile, Gate: hostile,
			Rows:      []verdict.Row{row(hostile, hostile, hostile, hostile, 1, hostile, hostile)},
			Diagnoses: []diagnosis.Diagnosis{{Name: hostile, Confidence: hostile, Evidence: []string{hostile}, Remedy: hostile}},
			Notes:     []string{hostile},
			Run: verdict.Run{
				Script: hostile, Target: hostile, Platform: hostile,
				Configuration: verdict.Configuration{hostile: hostile, "poolSize": hostile, "maxOverflow": hostile},
				Versions:      map[string]string{hostile: hostile},
			},
		},
		Answer: []report.Fact{{Name: hostile, Value: hostile, Detail: hostile}},
		Sections: []report.Section{{
			Title: hostile, Text: []string{hostile},
			Tables: []text.Table{{Caption: hostile, Columns: text.Words(hostile, hostile), Rows: [][]string{{hostile, "1"}, {hostile}}}},
			Charts: []report.Chart{
				{
					Title: hostile, XLabel: hostile, YLabel: hostile, X: []float64{1, 2, 3}, Series: series,
					Marks: []report.Mark{{X: 2, Label: "\x1b\u202e" + hostile}}, // the label is cut short
				},
				{Title: hostile, YLabel: hostile, Kind: report.Bars, Categories: []string{hostile, hostile, "c"}, Series: series},
				{Title: hostile},
			},
			Snippets: []report.Snippet{{Caption: hostile, Text: hostile + "\n  " + hostile}},
		}},
	}
	in.Verdict.Metrics = judged().Metrics
	var r timeline.Recorder
	r.Begin(hostile, began)
	for i := range 100 {
		at := began.Add(time.Duration(i) * 100 * time.Millisecond)
		for _, pool := range []string{hostile, hostile + "2"} {
			r.Record([]timeline.Observation{
				{Measure: timeline.Wait, At: at, Value: float64(i), Pool: pool},
				{Measure: timeline.Active, At: at, Value: float64(i), Pool: pool},
				{Measure: timeline.Error, At: at, Value: 1, Pool: pool, Key: hostile},
			})
		}
	}
	in.Timeline = r.Snapshot()
	return in
}

// bare is a run of which nothing is known.
func bare() report.Input { return report.Input{Verdict: verdict.Report{Verdict: verdict.Fail}} }

func TestNoPasswordAndNoControlCharacterComesThrough(t *testing.T) {
	failed := report.Input{Verdict: verdict.Report{Verdict: verdict.Fail, Setup: &verdict.SetupFailure{Cause: hostile, Advice: hostile}}}
	for _, page := range []report.Input{hostilePage(), failed} {
		html, err := report.HTML(page)
		require.NoError(t, err)
		require.NotContains(t, string(html), secret)
		require.NotContains(t, string(html), "<script")
		require.NotContains(t, string(html), "<img")
		for _, r := range string(html) {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				require.Failf(t, "control character", "%q", r)
			}
		}
	}
}

func TestSectionsThatCannotBeShownAreRefused(t *testing.T) {
	nan, three := math.NaN(), []float64{1, 2, 3}
	for want, section := range map[string]report.Section{
		`chart "c": series "s" has 2 values; use as many as X, 3`: {Charts: []report.Chart{
			{Title: "c", X: three, Series: []report.Series{{Name: "s", Values: []float64{1, 2}}}},
		}},
		`chart "c": series "s" has 3 values; use as many as Categories, 1`: {Charts: []report.Chart{
			{Title: "c", Kind: report.Bars, Categories: []string{"a"}, Series: []report.Series{{Name: "s", Values: three}}},
		}},
		`series "s" has 1 Low and 0 High; use none or as many as values, 3`: {Charts: []report.Chart{
			{Title: "c", X: three, Series: []report.Series{{Name: "s", Values: three, Low: []float64{1}}}},
		}},
		`X is not a row of finite numbers in ascending order`: {Charts: []report.Chart{{X: []float64{2, 1}}}},
		`X is not a row of finite numbers`:                    {Charts: []report.Chart{{X: []float64{nan}}}},
		`in ascending order, above 0 with Log`:                {Charts: []report.Chart{{X: []float64{0, 1}, Log: true}}},
		`the mark "k" is at 0; use finite numbers, above 0 with Log`: {Charts: []report.Chart{
			{X: three, Log: true, Marks: []report.Mark{{X: 0, Label: "k"}}},
		}},
		`the mark "k" is at NaN; use finite numbers`: {Charts: []report.Chart{{Marks: []report.Mark{{X: nan, Label: "k"}}}}},
		`Kind is 7; use Lines or Bars`:               {Charts: []report.Chart{{Kind: 7}}},
		`table "t": row 1 has 2 cells; use at most as many as columns, 1`: {Tables: []text.Table{
			{Caption: "t", Columns: text.Words("a"), Rows: [][]string{{"1", "2"}}},
		}},
	} {
		_, err := report.HTML(report.Input{Sections: []report.Section{section}})
		require.ErrorContains(t, err, want)
	}
}
