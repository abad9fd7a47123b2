package compare

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func someReport(t *testing.T) Report {
	t.Helper()
	runs := nights(rand.New(rand.NewPCG(22, 23)), 20, 0.04)
	baseline, result := runs[0], night(30, measured{p95: 150, success: 0.97, rps: 150})
	result.Run.Versions = map[string]string{"k6": "v2|3*0"}
	delete(result.Metrics, "pgxpool_use_duration")
	return compared(t, Input{Baseline: &baseline, Result: result, History: runs})
}

func TestTextForPeople(t *testing.T) {
	text := someReport(t).Text()
	require.Regexp(t, `(?m)^Metric +Baseline +Result +Change +Allowed +From run to run +Answer$`, text)
	require.Regexp(t, `(?m)^Success rate +100\.0 % +97\.0 % +-3\.0 points +±0\.5 points +100\.0 % ± 0\.0 points +worse$`, text)
	require.Regexp(t, `(?m)^Response, p95 +\S+ ms +150 ms +\+\S+ ms \(\+\S+ %\) +±\S+ ms +\S+ ms ± \S+ ms +worse$`, text)
	require.Regexp(t, `(?m)^Connection in use, p95 .* – +– .* unknown$`, text)
	require.Contains(t, text, "unknown use_p95: the result did not measure it.\n")
	require.Contains(t, text, "History   20 runs of the same configuration on the same machine\n")
	require.Contains(t, text, "\nworse: success_rate -3.0 points since the night of 2026-03-31 (1 run); ")
}

func TestMarkdownIsOneTable(t *testing.T) {
	text := someReport(t).Markdown()
	require.True(t, strings.HasPrefix(text, "# Compared with the baseline: worse\n"))
	columns := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") {
			columns++
			require.Equal(t, len(someReport(t).table().Columns)+1, strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"), line)
		}
	}
	require.Equal(t, 2+len(someReport(t).Rows), columns)
	require.Contains(t, text, `v2\|3\*0`, "what came from outside is no markup")
	require.Contains(t, text, "**worse: ")
}

func TestJSONForPrograms(t *testing.T) {
	report := someReport(t)
	text, err := report.JSON()
	require.NoError(t, err)
	var got struct {
		Schema  int
		Answer  string
		Runs    int
		Metrics []struct {
			Name, Better, Unit, Answer string
			Baseline, Result, Change   *float64
			Noise                      *struct{ Runs int }
			Chance                     *float64
			Since                      *time.Time
		} `json:"figures"`
		Notes []string
	}
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, 1, got.Schema)
	require.Equal(t, "worse", got.Answer)
	require.Equal(t, 20, got.Runs)
	require.Len(t, got.Metrics, len(report.Rows))
	for i, row := range report.Rows {
		f := got.Metrics[i]
		require.Equal(t, row.Name, f.Name)
		require.Equal(t, string(row.Answer), f.Answer)
		require.Equal(t, row.Change, f.Change)
		require.Equal(t, row.Result, f.Result)
	}
	require.Equal(t, 21, got.Metrics[0].Noise.Runs)

	text, err = compared(t, Input{Result: verdict.Summary{}}).JSON()
	require.NoError(t, err)
	require.Contains(t, string(text), `"figures": []`)
	require.Contains(t, string(text), `"baseline": null`)
}

func TestEveryMetricHasItsRow(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range metrics {
		require.Regexp(t, `^[a-z0-9_]+$`, f.Name)
		require.False(t, seen[f.Name], f.Name)
		seen[f.Name] = true
		require.NotEmpty(t, f.Title)
		require.Contains(t, []direction{higher, lower}, f.Better)
		require.Contains(t, []text.Unit{text.Milliseconds, text.PerSecond, text.Ratio, text.Share, text.Percent}, f.Unit)
		require.Positive(t, f.Tolerance)
	}
	require.Len(t, Metrics(), len(metrics))
}

// A summary may come from somebody else's runner: nothing in it moves the
// cursor, colors the terminal, starts a line or is markup.
func TestHostileTextStaysText(t *testing.T) {
	const hostile = "v2\x1b[2J\a\n# PASS\r\u202e<script>`*|"
	baseline, result := night(1, usual), night(2, usual)
	result.Run.Script, result.Run.Platform = hostile, hostile
	result.Run.Versions = map[string]string{hostile: hostile}
	report := compared(t, Input{Baseline: &baseline, Result: result})
	report.Notes = append(report.Notes, hostile)
	require.NotContains(t, report.Summary(), "\n")
	for _, text := range []string{report.Text(), report.Markdown(), report.Summary()} {
		for _, character := range []string{"\x1b", "\a", "\r", "\u202e", "\n# PASS"} {
			require.NotContains(t, text, character)
		}
	}
	require.NotContains(t, report.Markdown(), "<script>")
	text, err := report.JSON()
	require.NoError(t, err)
	require.NotContains(t, string(text), "\x1b")
	require.NotContains(t, string(text), "\n# PASS")
}
