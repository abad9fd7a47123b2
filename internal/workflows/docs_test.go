//go:build unix

package workflows

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// block is a piece of code in a document.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

func blocks(t *testing.T, document string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), "docs", document))
	require.NoError(t, err)
	var all []block
	for _, match := range fence.FindAllStringSubmatch(string(text), -1) {
		all = append(all, block{match[1], match[2]})
	}
	return all
}

func TestNightlyElsewhereTakesFiveLines(t *testing.T) {
	all := blocks(t, "nightly.md")
	require.Len(t, all, 5)
	for _, b := range all {
		require.LessOrEqual(t, strings.Count(b.text, "\n"), 5, b.text)
		require.Contains(t, b.text, "flowboard/xk6-pgxpool")
		require.Contains(t, b.text, "scripts/100users.js")
		require.Contains(t, b.text, "results/junit.xml", "the system shows what failed")
		if b.language == "yaml" {
			var parsed map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(b.text), &parsed), b.text)
		} else {
			require.Equal(t, strings.Count(b.text, "{"), strings.Count(b.text, "}"), b.text)
		}
	}
}

// entry is one of the extension registry, and the first part of xk6.yaml.
type entry struct {
	Module      string
	Description string
	Tier        string
	Imports     []string
	Subcommands []string
	Versions    []string
}

func TestRegistryEntryIsThatOfTheRecipe(t *testing.T) {
	all := blocks(t, "release.md")
	require.Len(t, all, 1)
	var entries []entry
	require.NoError(t, yaml.Unmarshal([]byte(all[0].text), &entries))
	require.Len(t, entries, 1)
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), "xk6.yaml"))
	require.NoError(t, err)
	var recipe entry
	require.NoError(t, yaml.Unmarshal(text, &recipe))

	got := entries[0]
	require.True(t, slices.ContainsFunc(got.Versions, regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString))
	require.Equal(t, "community", got.Tier)
	got.Tier, got.Versions = "", nil
	require.Equal(t, recipe, got)
}

// Each row of docs/truth.md names the test that measures it.
func TestTruthNamesTestsThatAreThere(t *testing.T) {
	root := k6test.Root(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "truth.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("`((?:internal|cmd)/\\w+)`|`(Test\\w+)`")
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if !strings.Contains(cells[max(0, len(cells)-2)], "`Test") {
			continue
		}
		rows++
		source := ""
		for _, found := range named.FindAllStringSubmatch(cells[len(cells)-2], -1) {
			if found[1] != "" {
				source = sourceOf(t, filepath.Join(root, found[1]))
				continue
			}
			require.Contains(t, source, "\nfunc "+found[2]+"(t *testing.T)", line)
		}
	}
	require.Greater(t, rows, 40)
}

// pages are the documents for people, by path below the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	root, all := k6test.Root(t), map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file) // #nosec G304 -- of the repository
			require.NoError(t, err)
			name, err := filepath.Rel(root, file)
			require.NoError(t, err)
			all[name] = string(text)
		}
	}
	return all
}

// A test that a page names by -run is there: go test passes where none matches.
func TestPagesRunTestsThatAreThere(t *testing.T) {
	command := regexp.MustCompile(`go test (\./[\w/.]+) -run (?:'([^']+)'|(\w+))`)
	checked := 0
	for name, text := range pages(t) {
		for _, found := range command.FindAllStringSubmatch(text, -1) {
			source := sourceOf(t, filepath.Join(k6test.Root(t), found[1]))
			for part := range strings.SplitSeq(strings.ReplaceAll(found[2]+found[3], `\|`, "|"), "|") {
				is := regexp.MustCompile(`(?m)^func (?:Test\w*)?` + part)
				require.True(t, is.MatchString(source), "%s: %s", name, found[0])
				checked++
			}
		}
	}
	require.Greater(t, checked, 15)
}

// README says that docs/api.md lists every call.
func TestPageOfCallsHasEveryExport(t *testing.T) {
	declared, err := os.ReadFile(filepath.Join(k6test.Root(t), "index.d.ts"))
	require.NoError(t, err)
	exports := regexp.MustCompile(`readonly (\w+): typeof (\w+);`).FindAllStringSubmatch(string(declared), -1)
	require.Greater(t, len(exports), 20)
	for _, export := range exports {
		require.Regexp(t, `[.`+"`"+` ]`+export[1]+`\(`, pages(t)["docs/api.md"], export[1])
	}
}

// sourceOf is the text of a package's tests.
func sourceOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file) // #nosec G304 -- of the repository
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

var update = flag.Bool("update", false, "write the tables of docs/output.md anew")

var fieldTables = regexp.MustCompile(`(?s)<!-- fields of (\S+) -->\n(.*?)<!-- end of fields -->`)

// The fields are said once, in the schemas; `go test ./internal/workflows -run
// Fields -update` brings them into the page.
func TestFieldsAreThoseOfTheSchemas(t *testing.T) {
	path := filepath.Join(k6test.Root(t), "docs", "output.md")
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	wanted := fieldTables.ReplaceAllStringFunc(string(page), func(found string) string {
		file := fieldTables.FindStringSubmatch(found)[1]
		return "<!-- fields of " + file + " -->\n" + tables(t, file) + "<!-- end of fields -->"
	})
	require.Greater(t, strings.Count(wanted, "\n| `"), 200)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(wanted), 0o600))
	}
	if wanted != string(page) { // both are long
		t.Error("the tables of docs/output.md are not those of the schemas: run this test with -update")
	}
}

func tables(t *testing.T, file string) string {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join(k6test.Root(t), filepath.FromSlash(file)))
	require.NoError(t, err)
	var b strings.Builder
	if fields := schemaFields(t, schema, ""); len(fields) > 0 {
		b.WriteString("\n" + table(t, file, fields) + "\n")
	}
	for _, name := range definitions(t, schema) {
		b.WriteString("**" + name + "**: " + description(t, schema, name) + "\n\n")
		b.WriteString(table(t, file+" "+name, schemaFields(t, schema, name)) + "\n")
	}
	return b.String()
}

// table asks of every field a meaning, and of every number its unit.
func table(t *testing.T, where string, fields []schemaField) string {
	t.Helper()
	for _, f := range fields {
		if !strings.HasSuffix(f.path, "*") { // what a map holds is said of the map
			require.NotEmpty(t, f.meaning+f.unit, "%s: %s", where, f.path)
		}
		if strings.HasPrefix(f.kind, "integer") || strings.HasPrefix(f.kind, "number") {
			require.NotEmpty(t, f.unit, "%s: %s", where, f.path)
		}
	}
	return markdown(fields)
}
