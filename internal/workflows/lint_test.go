//go:build unix

package workflows

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhysd/actionlint"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

func lint(t *testing.T, files ...string) []*actionlint.Error {
	t.Helper()
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	require.NoError(t, err)
	faults, err := linter.LintFiles(files, nil)
	require.NoError(t, err)
	return faults
}

func TestWorkflowsAreSound(t *testing.T) {
	for _, name := range workflowFiles(t) {
		for _, fault := range lint(t, filepath.Join(k6test.Root(t), ".github", "workflows", name)) {
			t.Error(fault)
		}
	}
}

// What the linter is there for: an input that does not exist and a text from
// outside in a shell.
func TestTheLinterSeesFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
on: pull_request
jobs:
  bad:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v6
        with: { branch: main }
      - run: echo ${{ github.event.pull_request.title }}
`), 0o600))
	require.GreaterOrEqual(t, len(lint(t, file)), 2)
}
