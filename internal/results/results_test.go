package results_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/results"
)

func write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}

func list(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestRunsDoNotMix(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out", "of", "runs")
	require.NoError(t, results.Begin(folder))
	require.Empty(t, list(t, folder), "trying leaves nothing")
	for _, name := range []string{"summary.json", "report.html", "tune.json", "tune.md", "mine.txt"} {
		write(t, filepath.Join(folder, name), "first")
	}
	require.NoError(t, results.Begin(folder))
	require.Equal(t, []string{"mine.txt", "previous"}, list(t, folder), "what is no run's stays")
	require.Equal(t, []string{"report.html", "summary.json", "tune.json", "tune.md"}, list(t, filepath.Join(folder, "previous")))

	require.NoError(t, results.Write(folder, results.File{Name: "summary.json", Content: []byte("second")}))
	require.NoError(t, results.Begin(folder))
	require.Equal(t, []string{"summary.json"}, list(t, filepath.Join(folder, "previous")), "one run, not two")
}

func TestFilesHaveOneMode(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, results.Write(folder,
		results.File{Name: "summary.json", Content: []byte("a")}, results.File{Name: "report.html", Content: []byte("b")}))
	for _, name := range []string{"summary.json", "report.html"} {
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o644), info.Mode())
	}
}

// A file that cannot be written leaves the others as they were.
func TestWritingIsAllOrNothing(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "summary.json"), "old")
	err := results.Write(folder, results.File{Name: "summary.json", Content: []byte("new")},
		results.File{Name: strings.Repeat("x", 300), Content: []byte("a name that no file system takes")})
	var refused *results.FolderError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"summary.json"}, list(t, folder))
	text, err := os.ReadFile(filepath.Join(folder, "summary.json")) // #nosec G304 -- the test's own
	require.NoError(t, err)
	require.Equal(t, "old", string(text))
}

func TestFoldersThatTakeNoResults(t *testing.T) {
	dir := t.TempDir()
	file, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "dangling")
	write(t, file, "")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere", "at all"), dangling))
	for folder, want := range map[string]string{
		file: "not a directory", filepath.Join(file, "below"): "not a directory", dangling: "file exists",
		"/proc/pgxpool": "no such file or directory", "postgres://app:geh3im@db/x\x1b[2J": "",
	} {
		if want == "" {
			t.Chdir(t.TempDir())
			write(t, "postgres:", "") // so that it cannot be a folder
		}
		err := results.Try(folder)
		require.Error(t, err, folder)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "the results cannot be written to ")
		require.False(t, slices.ContainsFunc([]string{"geh3im", "\x1b", "\n"}, func(s string) bool { return strings.Contains(err.Error(), s) }), "%q", err)
	}
}
