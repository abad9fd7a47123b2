//go:build unix

package workflows

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

const ownModule = "github.com/flowboard/xk6-pgxpool"

// A package without a rule could import anything.
func TestEveryPackageHasItsBoundary(t *testing.T) {
	root := k6test.Root(t)
	text, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	require.NoError(t, err)
	var linter struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string
						Deny  []struct{ Pkg string }
						Allow []string
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &linter))
	entries, err := os.ReadDir(filepath.Join(root, "internal"))
	require.NoError(t, err)
	packages := []string{"pool"}
	for _, entry := range entries {
		// typecheck and workflows hold tests alone.
		if name := entry.Name(); !strings.HasSuffix(name, "test") && name != "typecheck" && name != "workflows" {
			packages = append(packages, "internal/"+name)
		}
	}
	for _, name := range packages {
		rule, known := linter.Linters.Settings.Depguard.Rules[filepath.Base(name)]
		require.True(t, known, "%s has no rule in .golangci.yml: say what it may know", name)
		require.Contains(t, rule.Files, "${config-path}/"+name+"/**")
		require.True(t, slices.ContainsFunc(rule.Deny, func(d struct{ Pkg string }) bool {
			return strings.HasPrefix(d.Pkg, ownModule)
		}), name)
		for _, allowed := range rule.Allow {
			require.DirExists(t, filepath.Join(root, strings.TrimPrefix(allowed, ownModule)), "%s may know a package that there is not", name)
		}
	}
}

// The map in CONTRIBUTING.md leads to files.
func TestTheMapLeadsToFiles(t *testing.T) {
	root := k6test.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "| question | file |\n| --- | --- |\n")
	require.True(t, found)
	rows := 0
	for line := range strings.Lines(rest) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			break
		}
		for _, file := range strings.Split(cells[2], ",") {
			require.FileExists(t, filepath.Join(root, strings.Trim(strings.TrimSpace(file), "`")))
		}
		rows++
	}
	require.GreaterOrEqual(t, rows, 10)
}

// What is no public interface is below internal/, and no package is a heap of files.
func TestPackagesAreFewOutsideAndSmall(t *testing.T) {
	root := k6test.Root(t)
	files := map[string]int{} // not tests, by directory
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".")) && path != root {
			return filepath.SkipDir
		}
		if err == nil && filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
			directory, err := filepath.Rel(root, filepath.Dir(path))
			require.NoError(t, err)
			files[filepath.ToSlash(directory)]++
		}
		return err
	}))
	require.Contains(t, files, "internal/module")
	for directory, count := range files {
		require.LessOrEqual(t, count, 25, "files of %s that are no tests", directory)
		top, _, _ := strings.Cut(directory, "/")
		require.Contains(t, []string{".", "pool", "cmd", "bench", "examples", "internal"}, top)
	}
}
