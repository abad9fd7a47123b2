package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
)

// wrongUsage is, for each subcommand, wrong in its arguments and in the value of
// a flag, beside what is wrong in all of them.
var wrongUsage = map[string][][]string{
	"monitor": {{"extra"}, {"--interval", "often"}, {"--duration", "5 minutes"}, {"--format", "xml"}, {}},
	"plan":    {{"extra"}, {"--hold", "20"}, {"--hold", "5ms", "--users", "many"}, {"--fleet", "missing.yaml"}, {}},
	"compare": {{}, {"one.json"}, {"1", "2", "3"}, {"missing.json", "missing.json"}, {"--tolerance", "x", "none", "x.json"}},
	"merge":   {{}, {"missing.json"}, {"--output"}},
	"init":    {{"a", "b"}, {"--force=perhaps"}},
	"measure": {{"extra"}, {"--interval", "often"}, {"--duration", "5 minutes"}, {}},
	"record":  {{"extra"}, {"--duration", "5 minutes"}, {}},
}

// Whoever calls a command from a pipeline tells a wrong call (104) from a
// verdict (99) and from a server that is away.
func TestWrongUsageHasOneExitCode(t *testing.T) {
	for _, sub := range newRoot(state.NewGlobalState(t.Context()), repository).Commands() {
		calls, ok := wrongUsage[sub.Name()]
		require.True(t, ok, "%s is not in the table of wrong usage", sub.Name())
		for _, args := range append([][]string{{"--no-such-flag"}, {"--no-such-flag=1", "x"}}, calls...) {
			err := call(t, append([]string{sub.Name()}, args...))
			var coded errext.HasExitCode
			require.ErrorAs(t, err, &coded, "%s %v", sub.Name(), args)
			require.Equal(t, exitcodes.InvalidConfig, coded.ExitCode(), "%s %v: %v", sub.Name(), args, err)
			require.NotContains(t, strings.TrimSpace(err.Error()), "\n", "%s %v", sub.Name(), args)
		}
	}
}

// call runs `k6 x pgxpool` in this process, in an empty directory and environment.
func call(t *testing.T, args []string) error {
	t.Helper()
	dir := t.TempDir()
	gs := state.NewGlobalState(t.Context())
	gs.Env, gs.Getwd = map[string]string{}, func() (string, error) { return dir, nil }
	gs.Stdout.Writer, gs.Stderr.Writer = &bytes.Buffer{}, &bytes.Buffer{}
	root := newRoot(gs, repository)
	root.SilenceErrors, root.SilenceUsage = true, true // as k6 does
	root.SetArgs(args)
	return root.Execute()
}
