// Package command holds the subcommands of `k6 x pgxpool`.
package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
)

// subcommands are those of `k6 x pgxpool`, each in its own file.
var subcommands = []func(*state.GlobalState) *cobra.Command{
	newMonitor,
	newPlan,
	newCompare,
	newMerge,
}

// New makes `k6 x pgxpool`, for subcommand.RegisterExtension.
func New(gs *state.GlobalState) *cobra.Command {
	root := &cobra.Command{
		Use:   "pgxpool",
		Short: "Watch, plan, compare and merge: tools for PostgreSQL connection pools",
		RunE:  refuseUnknownSubcommand,
	}
	for _, newSubcommand := range subcommands {
		root.AddCommand(newSubcommand(gs))
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return invalid(fmt.Errorf("%w; %s --help lists what is accepted", err, cmd.CommandPath()))
	})
	return root
}

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
