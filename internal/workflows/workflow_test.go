//go:build unix

package workflows

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// workflow is the part of a workflow file that the tests look at.
type workflow struct {
	On struct {
		Dispatch struct {
			Inputs map[string]struct{ Default string }
		} `yaml:"workflow_dispatch"`
	}
	Defaults struct{ Run struct{ Shell string } }
	Jobs     map[string]job
}

type job struct {
	Env   map[string]string
	Steps []step
}

type step struct {
	Name  string
	Uses  string
	If    string
	Shell string
	Run   string
	With  map[string]string
	Env   map[string]string
}

func readWorkflow(t *testing.T, name string) workflow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k6test.Root(t), ".github", "workflows", name))
	require.NoError(t, err)
	var w workflow
	require.NoError(t, yaml.Unmarshal(text, &w))
	return w
}

func (j job) step(t *testing.T, name string) step {
	t.Helper()
	i := slices.IndexFunc(j.Steps, func(s step) bool { return s.Name == name })
	require.NotEqual(t, -1, i, "there is no step %q", name)
	return j.Steps[i]
}

// runner runs steps as GitHub's does, one after the other in one directory.
type runner struct {
	dir     string
	shell   string            // of steps that name none
	env     map[string]string // of the job, expressions and all
	given   map[string]string // what expressions stand for
	process map[string]string // of the machine
}

// expression is `${{ … }}`.
var expression = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)

// resolve puts in what expressions stand for. One that the test knows nothing
// of fails it.
func (r runner) resolve(t *testing.T, text string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(found string) string {
		value, known := r.given[expression.FindStringSubmatch(found)[1]]
		require.True(t, known, "%s has no value in this test", found)
		return value
	})
}

var hashFiles = regexp.MustCompile(`^hashFiles\('(.+)'\) != ''$`)

// applies answers a condition made of what our workflows use.
func (r runner) applies(t *testing.T, condition string) bool {
	t.Helper()
	if condition == "" {
		return true
	}
	whole := expression.FindStringSubmatch(condition)
	require.NotNil(t, whole, condition)
	for _, part := range strings.Split(whole[1], " && ") {
		if part == "!cancelled()" {
			continue
		}
		files := hashFiles.FindStringSubmatch(part)
		require.NotNil(t, files, "%s is not known to this test", part)
		found, err := filepath.Glob(filepath.Join(r.dir, files[1]))
		require.NoError(t, err)
		if len(found) == 0 {
			return false
		}
	}
	return true
}

// ran is what became of a step.
type ran struct {
	skipped bool
	code    int
	output  string
}

func (r runner) run(t *testing.T, s step) ran {
	t.Helper()
	if !r.applies(t, s.If) {
		return ran{skipped: true}
	}
	file := filepath.Join(t.TempDir(), "step")
	require.NoError(t, os.WriteFile(file, []byte(r.resolve(t, s.Run)), 0o600))
	shell := s.Shell
	if shell == "" {
		shell = r.shell
	}
	// GitHub's own words for `shell: bash`.
	if shell == "bash" {
		shell = "bash --noprofile --norc -eo pipefail {0}"
	}
	words := strings.Fields(strings.ReplaceAll(shell, "{0}", file))
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Dir = r.dir
	all := maps.Clone(r.process)
	for _, env := range []map[string]string{r.env, s.Env} {
		for name, value := range env {
			all[name] = r.resolve(t, value)
		}
	}
	for name, value := range all {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	output, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return ran{code: cmd.ProcessState.ExitCode(), output: string(output)}
}
