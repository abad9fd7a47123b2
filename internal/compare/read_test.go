package compare

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// schema1 is what a real run wrote when the schema was 1. It is never made
// anew: files like it lie in the histories of pipelines.
const schema1 = "testdata/schema1.json"

func TestSchema1StaysReadable(t *testing.T) {
	run, err := ReadSummary(schema1)
	require.NoError(t, err)
	require.Equal(t, 10, run.Run.Users)
	require.Equal(t, run.Run.ConfigurationHash(), run.ConfigurationHash, "an old file's hash can be told anew")
	report := compared(t, Input{Baseline: &run, Result: run})
	require.Equal(t, Same, report.Answer, report.Text())
	require.Len(t, report.Rows, len(metrics), "it holds every metric that there is")
	require.InDelta(t, 5.8305, *report.row(t, "response_p95").Result, 0.0001)
	require.InDelta(t, 1, *report.row(t, "success_rate").Result, 0)
	require.Equal(t, Unknown, compared(t, Input{Baseline: &run, Result: night(0, usual)}).Answer)
}

func TestFieldsOfLaterReleasesAreNoObstacle(t *testing.T) {
	text, err := os.ReadFile(schema1)
	require.NoError(t, err)
	var later map[string]any
	require.NoError(t, json.Unmarshal(text, &later))
	later["sketches"] = map[string]any{"request_duration": map[string]any{"accuracy": 0.01}}
	later["levels"] = []any{1, 2, 3}
	later["run"].(map[string]any)["runner"] = "1/4"
	later["overview"].(map[string]any)["diagnosis"] = "none"
	later["metrics"].(map[string]any)["request_duration"].(map[string]any)["sketch"] = "AAE="
	text, err = json.Marshal(later)
	require.NoError(t, err)
	result, err := ReadSummary(write(t, t.TempDir(), "summary.json", string(text)))
	require.NoError(t, err)
	baseline, err := ReadSummary(schema1)
	require.NoError(t, err)
	require.Equal(t, Same, compared(t, Input{Baseline: &baseline, Result: result}).Answer)
}

func TestBadFilesAreNamedInOneLine(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		``:               "is not a results/summary.json: it is empty",
		`{`:              "is not a results/summary.json: unexpected end of JSON input",
		`PASS`:           "is not a results/summary.json: invalid character 'P' looking for beginning of value",
		"\n":             "is not a results/summary.json: it is empty",
		`{}`:             "is not a results/summary.json: it has no schema",
		`{"schema": -1}`: "is not a results/summary.json: its schema is -1",
		`{"schema": 1}`:  "is not a results/summary.json: it has no verdict",
		`{"schema": 1, "verdict": "YES\u001b"}`: `is not a results/summary.json: its verdict is "YES\x1b"; ` +
			"use PASS, WARNING or FAIL",
		`{"schema": 1, "run": {"users": "9"}}`:                     "is not a results/summary.json: run.users is a string; use an integer",
		`{"schema": 1, "run": {"configuration": {"poolSize": 9}}}`: "is not a results/summary.json: run.configuration is a number; use a string",
		`{"schema": 99}`: "has schema 99, this pgxpool reads up to 1; use a newer one",
		`[1]`:            "is not a results/summary.json: it is a JSON array, not an object",
	} {
		name := write(t, dir, "summary.json", text)
		_, err := ReadSummary(name)
		require.EqualError(t, err, name+" "+want)
	}
	_, err := ReadSummary(filepath.Join(dir, "missing.json"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, err, filepath.Join(dir, "missing.json")+" does not exist; give a results/summary.json")
	_, err = ReadSummary(dir)
	require.EqualError(t, err, dir+" cannot be read: is a directory")
}

func TestHistoryIsReadAtAnyDepth(t *testing.T) {
	dir := t.TempDir()
	old, err := os.ReadFile(schema1)
	require.NoError(t, err)
	write(t, dir, "2026-11-01.json", string(old))
	write(t, dir, "2026-11-02/summary.json", string(old))
	write(t, dir, "2026-11-02/summary.md", "# PASS")
	write(t, dir, "2026-11-02/before-after.json", `{"before": {}}`)
	write(t, dir, "2026-11-03/summary.json", `{"schema": 7}`)
	runs, notes, err := ReadHistory(dir)
	require.NoError(t, err)
	require.Len(t, runs, 2)
	require.Equal(t, verdict.SchemaVersion, runs[0].Schema)
	require.Equal(t, []string{
		"History: " + filepath.Join(dir, "2026-11-02/before-after.json") + " is not a results/summary.json: it has no schema.",
		"History: " + filepath.Join(dir, "2026-11-03/summary.json") + " has schema 7, this pgxpool reads up to 1; use a newer one.",
	}, notes)
}

func TestHistoryWithoutRunsIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, _, err := ReadHistory(dir)
	require.EqualError(t, err, dir+" has no summary.json of an earlier run")
	name := write(t, dir, "a.json", "{")
	_, _, err = ReadHistory(dir)
	require.EqualError(t, err, dir+" has no summary.json of an earlier run: "+
		name+" is not a results/summary.json: unexpected end of JSON input")
	_, _, err = ReadHistory(filepath.Join(dir, "none"))
	require.EqualError(t, err, filepath.Join(dir, "none")+
		" does not exist; give a directory with summary.json files of earlier runs")
}

// What others left below the directory neither hangs nor floods the report.
func TestHistoryWithStrangers(t *testing.T) {
	dir := t.TempDir()
	old, err := os.ReadFile(schema1)
	require.NoError(t, err)
	write(t, dir, "summary.json", string(old))
	for i := range 40 {
		write(t, dir, fmt.Sprintf("%d/tune.json", i), `{"rounds": []}`)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "directory.json"), 0o700))
	link := filepath.Join(t.TempDir(), "history")
	require.NoError(t, os.Symlink(dir, link))
	for _, name := range []string{dir, link, link + "/"} {
		runs, notes, err := ReadHistory(name)
		require.NoError(t, err, name)
		require.Len(t, runs, 1)
		require.Len(t, notes, 4)
		require.Equal(t, "History: 37 more .json files are not results/summary.json.", notes[3])
	}
	_, _, err = ReadHistory(filepath.Join(dir, "summary.json"))
	require.ErrorContains(t, err, "summary.json cannot be read: not a directory")
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
