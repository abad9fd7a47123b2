// Package command holds the subcommands of `k6 x pgxpool`.
package command

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
		return show(invalid(fmt.Errorf("%w; %s --help lists what is accepted", err, cmd.CommandPath())))
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
	return invalid(fmt.Errorf("there is no subcommand %q: accepted are %s", args[0], strings.Join(names, ", ")))
}

// invalid gives an error about flags or environment k6's exit code for it.
func invalid(err error) error {
	return errext.WithExitCodeIfNone(err, exitcodes.InvalidConfig)
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

// notEmpty refuses an empty name of a file or directory.
func notEmpty(changed func(flag string) bool, flag, value, kind string) error {
	if changed(flag) && value == "" {
		return fmt.Errorf("--%s is empty; give a %s's name, or leave it out", flag, kind)
	}
	return nil
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
