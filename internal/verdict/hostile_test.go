package verdict_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// hostile is the title of an issue as somebody might file it.
const hostile = "<script>alert(1)</script> | a\nb `c` **d** ]]> \x00 \x1b[31mred\x1b]0;title\x07 \u202eevil \xff &amp; \"q\" [x](javascript:y) #1 \\| ~~s~~"

func hostileReport(t *testing.T) verdict.Report {
	t.Helper()
	rows := loadScript(t).rows("poolCriteria")
	for i := range rows {
		rows[i].Name += hostile
		rows[i].Title = hostile
		rows[i].Advice = verdict.Advice{Warning: hostile, Fail: hostile}
		rows[i].Note = hostile
		if i%2 == 0 {
			rows[i].Unmeasured = hostile
		}
	}
	report, err := verdict.Evaluate(verdict.Input{
		Criteria: rows,
		Missing:  map[string]string{"request_timeouts": hostile, "pgxpool_db_cpu": hostile, "pgxpool_in_overflow": hostile},
		Waived:   []string{rows[1].Name},
		Notes:    []string{hostile},
		Run: verdict.Run{
			Script: hostile, Target: hostile, Platform: hostile,
			Configuration: verdict.Configuration{hostile: hostile, "poolSize": hostile, "maxOverflow": "1"},
			Versions:      map[string]string{hostile: hostile},
		},
		Timeline: hostilePools(),
		Metrics:  map[string]verdict.Metric{hostile: {Type: "trend", Values: map[string]float64{hostile: 1}}},
	})
	require.NoError(t, err)
	return report
}

// hostilePools are two, so that a diagnosis has to name the one.
func hostilePools() timeline.Snapshot {
	var recorder timeline.Recorder
	for _, name := range []string{hostile, hostile + "2"} {
		recorder.Record([]timeline.Observation{
			{Measure: timeline.AcquireTimeout, At: began, Value: 1, Pool: name},
			{Measure: timeline.Closed, At: began, Value: 1, Pool: name, Key: "lost"},
			{Measure: timeline.Error, At: began, Value: 1, Pool: name, Key: hostile},
		})
	}
	return recorder.Snapshot()
}

func requirePrintable(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			require.Failf(t, "control character", "%q in %q", r, text)
		}
	}
}

func TestHostileTextInTheTerminal(t *testing.T) {
	requirePrintable(t, hostileReport(t).Terminal(false, 80))
}

func TestHostileTextInMarkdown(t *testing.T) {
	report := hostileReport(t)
	text := report.Markdown()
	requirePrintable(t, text)
	require.NotContains(t, text, "<")
	// What is left without escaped characters is our own markup.
	own := regexp.MustCompile(`\\[[:punct:]]`).ReplaceAllString(text, "")
	for line := range strings.Lines(own) {
		if strings.HasPrefix(line, "|") {
			require.Contains(t, []int{3, 5}, strings.Count(line, "|"), "cells of %q", line)
		}
	}
	for _, markup := range []string{"`", "~", "[", "]", "!", "_", `\`} {
		require.NotContains(t, own, markup)
	}
	require.Len(t, report.Diagnoses, 2)
	require.Equal(t, 2*(len(report.Rows)+1+2), strings.Count(own, "**"), "bold verdicts of the rows and of the run, and diagnoses")
}

func TestHostileTextInJUnit(t *testing.T) {
	report := hostileReport(t)
	text, err := report.JUnit()
	require.NoError(t, err)
	requirePrintable(t, string(text))
	decoder := xml.NewDecoder(strings.NewReader(string(text)))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if element, ok := token.(xml.StartElement); ok {
			require.NotEqual(t, "script", element.Name.Local)
		}
	}
	require.Len(t, parseJUnit(t, report).Suites[0].Cases, len(report.Rows))
}

func TestHostileTextInJSON(t *testing.T) {
	text, err := hostileReport(t).JSON()
	require.NoError(t, err)
	require.True(t, json.Valid(text))
	requirePrintable(t, strings.ReplaceAll(string(text), "\u202e", ""))
	_, err = verdict.ParseSummary(text)
	require.NoError(t, err)
}

func TestNoPasswordInAnyReport(t *testing.T) {
	const secret = "hunter2"
	leak := "postgres://app:" + secret + "@db:5432/x failed; password=" + secret + " PASSWORD='" + secret + "'"
	rows := loadScript(t).rows("poolCriteria")
	rows[0].Unmeasured, rows[0].Note = leak, leak
	report, err := verdict.Evaluate(verdict.Input{
		Criteria:   rows,
		Unmeasured: map[string]string{"pgxpool_db_cpu": leak},
		Missing:    map[string]string{"response_drift": leak},
		Notes:      []string{leak},
		Run: verdict.Run{
			Script: leak, Target: "http://me:" + secret + "@app:8080/api",
			Configuration: verdict.Configuration{"url": leak},
			Versions:      map[string]string{"postgresql": leak},
		},
	})
	require.NoError(t, err)
	json, err := report.JSON()
	require.NoError(t, err)
	junit, err := report.JUnit()
	require.NoError(t, err)
	for name, text := range map[string]string{
		"terminal": report.Terminal(false, 80), "markdown": report.Markdown(), "json": string(json), "junit": string(junit),
	} {
		require.NotContains(t, text, secret, name)
	}
	require.Equal(t, "http://***@app:8080/api", report.Run.Target)
}
