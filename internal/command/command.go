// Package command holds the subcommands of `k6 x pgxpool`.
package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// New makes `k6 x pgxpool`, for subcommand.RegisterExtension. files are the
// repository's: `init` writes them, `monitor` takes the criteria from them.
func New(files fs.FS) func(gs *state.GlobalState) *cobra.Command {
	return func(gs *state.GlobalState) *cobra.Command { return newRoot(gs, files) }
}

func newRoot(gs *state.GlobalState, files fs.FS) *cobra.Command {
	root := &cobra.Command{
		Use:   "pgxpool",
		Short: "Watch, measure, record, plan, compare, merge and init: tools for PostgreSQL connection pools",
		RunE:  shown(refuseUnknownSubcommand),
	}
	for _, sub := range []*cobra.Command{
		newInit(gs, files), newMonitor(gs, files), newMeasure(gs), newRecord(gs), newPlan(gs), newCompare(gs), newMerge(gs),
	} {
		sub.RunE, sub.Args = shown(sub.RunE), shown(sub.Args)
		root.AddCommand(sub)
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return show(invalid(flagError(cmd, err)))
	})
	return root
}

// shown makes what a command says of its arguments fit to be shown: a URL given
// for another flag may hold a password, a server's answer may move the cursor.
func shown[F ~func(*cobra.Command, []string) error](run F) F {
	return func(cmd *cobra.Command, args []string) error { return show(run(cmd, args)) }
}

func show(err error) error {
	if err == nil {
		return nil
	}
	return &shownError{err}
}

type shownError struct{ err error }

func (e *shownError) Error() string { return text.Line(e.err.Error()) }

func (e *shownError) Unwrap() error { return e.err }

// refuseUnknownSubcommand shows the help where no subcommand is asked for.
func refuseUnknownSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	return invalid(fmt.Errorf("there is no subcommand %q; use one of %s", args[0], strings.Join(names, ", ")))
}

// invalid gives an error about flags or environment k6's exit code for it.
func invalid(err error) error {
	return errext.WithExitCodeIfNone(err, exitcodes.InvalidConfig)
}

// badValue is pflag's text for a value that the flag's type does not take: the
// value, the flag and what Set said.
var badValue = regexp.MustCompile(`(?s)^invalid argument (".*") for "(?:-\w, )?--([\w-]+)" flag: (.*)$`)

// flagError says of a flag's value what is accepted, as the commands' own checks do.
func flagError(cmd *cobra.Command, err error) error {
	m := badValue.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%w; %s --help lists what is accepted", err, cmd.CommandPath())
	}
	value, flag, said := m[1], m[2], m[3]
	accepted := map[string]string{"int": "an integer", "float64": "a number", "bool": "true or false"}[cmd.Flags().Lookup(flag).Value.Type()]
	switch {
	case accepted == "": // a type of ours, which says it
		return fmt.Errorf("--%s: %s", flag, said)
	case strings.HasSuffix(said, strconv.ErrRange.Error()):
		accepted = "a smaller number"
	}
	return fmt.Errorf("--%s: %s is not accepted; use %s", flag, value, accepted)
}

// noArguments refuses what is neither a flag nor a flag's value.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return invalid(fmt.Errorf("%q is not a flag; %s --help lists what is accepted", args[0], cmd.CommandPath()))
}

// oneOf refuses a flag's value that is not among the accepted ones.
func oneOf(flag, value string, accepted ...string) error {
	if slices.Contains(accepted, value) {
		return nil
	}
	last := len(accepted) - 1
	return fmt.Errorf("--%s: %q is not accepted; use %s or %s", flag, value, strings.Join(accepted[:last], ", "), accepted[last])
}

// notEmpty refuses an empty value, which a script gives whose variable is not set.
func notEmpty(changed func(flag string) bool, flag string, values []string, wanted string) error {
	if changed(flag) && (len(values) == 0 || slices.Contains(values, "")) {
		return fmt.Errorf("--%s is empty; give %s, or leave it out", flag, wanted)
	}
	return nil
}

// needs refuses a flag that has no effect without another one.
func needs(changed func(flag string) bool, flag, other string, given bool) error {
	if changed(flag) && !given {
		return fmt.Errorf("--%s has no effect without --%s; give that too, or leave it out", flag, other)
	}
	return nil
}

const aFile = "a file's name"

// endings are formats by the ending of a file's name. Other endings, such as
// .txt, fit every format.
var endings = map[string]string{
	".csv": formatCSV, ".json": formatJSON, ".jsonl": formatJSON, ".ndjson": formatJSON, ".md": formatMarkdown,
	".html": "html", ".htm": "html", ".xml": formatJUnit, ".yaml": "yaml", ".yml": "yaml",
}

// formatOf is the format that the name of a command's file asks for, the first
// accepted one where it asks for none.
func formatOf(name string, accepted ...string) (string, error) {
	format, known := endings[strings.ToLower(filepath.Ext(name))]
	if !known {
		return accepted[0], nil
	}
	if slices.Contains(accepted, format) {
		return format, nil
	}
	var fitting []string
	for _, ending := range []string{".json", ".csv", ".md"} {
		if slices.Contains(accepted, endings[ending]) {
			fitting = append(fitting, ending)
		}
	}
	use := "a name that ends in " + strings.Join(fitting, " or ")
	if len(fitting) > 1 {
		use += ", or say with --format what to write"
	}
	return "", fmt.Errorf("--output: %s is not accepted: this command does not write %s; use %s", text.Quote(name), format, use)
}

// folderName refuses the name of a file where a command writes several.
func folderName(name, path string) error {
	if _, known := endings[strings.ToLower(filepath.Ext(name))]; !known {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	return fmt.Errorf("--output: %s is not accepted: several files are written; use the name of a directory", text.Quote(name))
}

// environment finds the variables that a subcommand reads, in the process and
// in .env; nil leaves the choice to who looks them up.
func environment(gs *state.GlobalState, variables map[string]bool) (config.Lookup, error) {
	dir, err := gs.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	process := func(name string) (string, bool) {
		value, ok := gs.Env[name]
		return value, ok
	}
	lookup, err := config.Environment(nil, process, dir)
	if err != nil {
		return nil, err
	}
	return func(name string) (string, bool) {
		if variables != nil && !variables[name] {
			return "", false
		}
		return lookup(name)
	}, nil
}

// namingFlag puts the flag into an error about the option that it gave.
// options are pool's options by flag.
func namingFlag(err error, options map[string]string) error {
	var refused *pool.ConfigError
	if !errors.As(err, &refused) || refused.Source != config.SourceOption {
		return err
	}
	for flag, option := range options {
		if option == refused.Option {
			named := *refused
			named.Option, named.Source = "", "--"+flag
			return &named
		}
	}
	return err
}
