package pgxpool_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/ext"
	"gopkg.in/yaml.v3"

	_ "github.com/flowboard/xk6-pgxpool"
)

const k6Module = "go.k6.io/k6/v2"

// recipe is xk6.yaml.
type recipe struct {
	Module      string   `yaml:"module"`
	Description string   `yaml:"description"`
	Imports     []string `yaml:"imports"`
	Subcommands []string `yaml:"subcommands"`
	Build       struct {
		K6      string `yaml:"k6"`
		Xk6     string `yaml:"xk6"`
		Go      string `yaml:"go"`
		Command string `yaml:"command"`
	} `yaml:"build"`
}

// goMod is what `go mod edit -json` tells of go.mod.
type goMod struct {
	Module  struct{ Path string }
	Go      string
	Require []struct{ Path, Version string }
	Replace []any
}

func readRecipe(t *testing.T) recipe {
	t.Helper()
	file, err := os.Open("xk6.yaml")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var r recipe
	require.NoError(t, decoder.Decode(&r))
	return r
}

func readGoMod(t *testing.T) goMod {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	require.NoError(t, err)
	var m goMod
	require.NoError(t, json.Unmarshal(out, &m))
	return m
}

// registered lists what this module registers with k6 as one type of extension.
func registered(kind ext.ExtensionType, module string) []string {
	var names []string
	for _, e := range ext.GetAll() {
		if e.Type == kind && strings.HasPrefix(e.Path, module) {
			names = append(names, e.Name)
		}
	}
	return names
}

func TestRecipeAgreesWithGoMod(t *testing.T) {
	t.Parallel()
	r, m := readRecipe(t), readGoMod(t)

	require.Equal(t, m.Module.Path, r.Module)
	require.Equal(t, m.Go, r.Build.Go)
	require.Contains(t, r.Build.Command, "--with "+m.Module.Path+"=.")

	versions := map[string]string{}
	for _, dependency := range m.Require {
		versions[dependency.Path] = dependency.Version
	}
	require.Equal(t, k6Module+"@"+versions[k6Module], r.Build.K6)
}

// A replace directive counts only in the main module: a build by xk6 would
// silently go without it.
func TestGoModReplacesNothing(t *testing.T) {
	t.Parallel()
	require.Empty(t, readGoMod(t).Replace)
}

func TestRecipeAgreesWithWhatIsRegistered(t *testing.T) {
	t.Parallel()
	r := readRecipe(t)

	require.NotEmpty(t, r.Description)
	require.Equal(t, registered(ext.JSExtension, r.Module), r.Imports)
	require.Equal(t, registered(ext.SubcommandExtension, r.Module), r.Subcommands)
}

func TestDeclarationsNameTheRegisteredModule(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("index.d.ts")
	require.NoError(t, err)
	var declared []string
	for _, match := range regexp.MustCompile(`(?m)^declare module '(.+)' \{$`).FindAllSubmatch(text, -1) {
		declared = append(declared, string(match[1]))
	}
	require.Equal(t, readRecipe(t).Imports, declared)
}
