package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"
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

// complete is, for each subcommand, what it asks for beside a flag under test.
var complete = map[string][]string{
	"monitor": {"--url", "postgres://db.invalid/x", "--application-name", "app"},
	"measure": {"--url", "postgres://db.invalid/x"},
	"record":  {"--url", "postgres://db.invalid/x"},
	"plan":    {"--hold", "20ms"},
	"compare": {"none", "x.json", "--confirm", "--history", "x"},
	"merge":   {"x.json"},
}

// An empty value is what a script gives whose variable is not set. Each flag refuses
// it, under its own name.
func TestAnEmptyValueIsRefusedUnderItsFlagsName(t *testing.T) {
	for _, sub := range newRoot(state.NewGlobalState(t.Context()), repository).Commands() {
		sub.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			args := append(append([]string{sub.Name()}, complete[sub.Name()]...), "--"+flag.Name+"=")
			if flag.Name == "from" || flag.Name == "fleet" { // which exclude --hold
				args = []string{sub.Name(), "--" + flag.Name + "="}
			}
			err := call(t, args)
			require.Error(t, err, "%v", args)
			require.Regexp(t, "^--"+flag.Name+"(: | is empty)", err.Error(), "%v", args)
		})
	}
	require.ErrorContains(t, call(t, []string{"init", ""}), "DIR is empty; give a directory's name, or leave it out")
	require.ErrorContains(t, call(t, []string{"compare", "", ""}), `"" does not exist; give a results/summary.json`)
}

// A message about a flag has the flag as it is typed. More of plan's: TestPlanRefusesBadInput.
func TestAWrongValueIsRefusedUnderItsFlagsName(t *testing.T) {
	for message, args := range map[string]string{
		`--users: "many" is not accepted; use an integer`:                                                                                                    "plan --users many",
		`--users: "99999999999999999999" is not accepted; use a smaller number`:                                                                              "plan --users 99999999999999999999",
		`--instances × --workers: 1000000 is not accepted; use 1 to 10000`:                                                                                   "plan --workers 1000 --instances 1000",
		`--pgbouncer-pool-size: 262144 is not accepted; use 0 to 262143`:                                                                                     "plan --pgbouncer-pool-size 262144",
		`--hold: "20" has no unit; use 20ms or 20s`:                                                                                                          "plan --hold 20",
		`--think: 25h0m0s is not accepted; use 0 to 24h`:                                                                                                     "plan --think 25h",
		`--think: "-1s" is not accepted; use a duration such as 20ms or 1.5s`:                                                                                "plan --think -1s",
		`--target-wait: 10ms is not accepted; use at most the pool timeout, 0s`:                                                                              "plan --pool-timeout 0",
		`--percentile: "most" is not accepted; use a number`:                                                                                                 "plan --percentile most",
		`--hold and --fleet exclude each other: the file says it; leave --hold out`:                                                                          "plan --fleet fleet.yaml",
		`--application-name has no effect without --url; give that too, or leave`:                                                                            "plan --application-name app",
		`--last has no effect without --history; give that too, or leave it out`:                                                                             "compare none x.json --last 10",
		`--last: "all" is not accepted; use an integer`:                                                                                                      "compare none x.json --last all",
		`--force: "perhaps" is not accepted; use true or false`:                                                                                              "init --force=perhaps",
		`--pool-timeout: "-1" is not accepted; use seconds or a duration such as 5m`:                                                                         "monitor --pool-timeout -1",
		`--client: "here" is not an address; use an address such as 10.0.0.7 or a`:                                                                           "measure --client here",
		`--app-url: "here" has no http:// or https:// and host; use a URL such as`:                                                                           "monitor --app-url here",
		`--pgbouncer-url: it is not the URL of a console; use PgBouncer's`:                                                                                   "monitor --pgbouncer-url here",
		`--output: "pool.html" is not accepted: this command does not write html; use a name that ends in .json or .csv, or say with --format what to write`: "monitor --output pool.html",
		`--output: "x.xml" is not accepted: this command does not write junit; use a name that ends in .json or .md, or say`:                                 "compare none x.json --output x.xml",
		`--output: "load.csv" is not accepted: this command does not write csv; use a name that ends in .json`:                                               "measure -o load.csv",
		`--output: "all.json" is not accepted: several files are written; use the name of a directory`:                                                       "merge x.json -o all.json",
		`--output: "mix.json" is not accepted: several files are written; use the name of a directory`:                                                       "record -o mix.json",
	} {
		given := strings.Fields(args)
		required := complete[given[0]]
		if given[0] == "compare" || strings.Contains(args, "--from") || given[0] == "merge" {
			required = nil
		}
		err := call(t, append(append([]string{given[0]}, required...), given[1:]...))
		require.Error(t, err, args)
		require.True(t, strings.HasPrefix(err.Error(), message), "%s: %v", args, err)
	}
}

// Where --format is not given, the ending of the file's name says what to write.
func TestTheEndingOfAFilesNameIsItsFormat(t *testing.T) {
	for name, format := range map[string]string{
		"pool.csv": formatCSV, "pool.CSV": formatCSV, "pool.json": formatJSON, "pool.ndjson": formatJSON, "a.md/pool": formatText, "pool.txt": formatText, "": formatText,
	} {
		got, err := formatOf(name, formatText, formatJSON, formatCSV)
		require.NoError(t, err, name)
		require.Equal(t, format, got, name)
	}
}

// Each example of a help text is complete: it can be pasted.
func TestTheExamplesOfTheHelp(t *testing.T) {
	seen := 0
	for _, sub := range newRoot(state.NewGlobalState(t.Context()), repository).Commands() {
		for _, line := range strings.Split(strings.ReplaceAll(sub.Example, "\\\n", ""), "\n") {
			line, _, _ = strings.Cut(line, " && ")
			line, file, _ := strings.Cut(line, " > ")
			require.NotContains(t, file, "/", "a folder that the shell does not make: %s", line)
			words := strings.Fields(line)
			if len(words) < 3 || words[0] != "k6" || words[1] != "x" {
				continue
			}
			root := newRoot(state.NewGlobalState(t.Context()), repository)
			cmd, args, err := root.Find(words[3:])
			require.NoError(t, err, line)
			require.NoError(t, cmd.ParseFlags(args), line)
			require.NoError(t, cmd.Args(cmd, cmd.Flags().Args()), line)
			if cmd.Name() == "monitor" {
				require.True(t, cmd.Flags().Changed("application-name"), "whom to watch: %s", line)
			}
			seen++
		}
	}
	require.Greater(t, seen, 10)
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
