package command

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flowboard/xk6-pgxpool/internal/compare"
)

const formatMarkdown = "markdown"

// compareFlags are the flags of `compare` as they were given.
type compareFlags struct {
	history        string
	last           int
	tolerances     []string
	only           []string
	format, output string
	confirm        confirmFlags
	changed        func(flag string) bool
}

func (f *compareFlags) register(set *pflag.FlagSet) {
	set.SortFlags = false
	set.StringVar(&f.history, "history", "", "directory with summary.json files of earlier runs, at any depth")
	set.IntVar(&f.last, "last", compare.DefaultLast, "how many comparable runs of the history count, besides those around the baseline")
	set.StringSliceVar(&f.tolerances, "tolerance", nil,
		"percent that may change, such as 15, or for one metric, such as response_p95=20 (10; shares 0.5 to 5 points)")
	set.StringSliceVar(&f.only, "only", nil, "metrics to compare (all): "+strings.Join(compare.Metrics(), ", "))
	set.StringVar(&f.format, "format", formatText, "text, markdown or json; without it the ending of --output decides")
	set.StringVar(&f.output, "output", "", "file for the format; the text still goes to standard output")
	f.confirm.register(set)
}

func (f *compareFlags) check() (err error) {
	if !f.changed("format") {
		if f.format, err = formatOf(f.output, formatText, formatMarkdown, formatJSON); err != nil {
			return err
		}
	}
	if err := cmp.Or(
		oneOf("format", f.format, formatText, formatMarkdown, formatJSON),
		notEmpty(f.changed, "output", []string{f.output}, aFile),
		notEmpty(f.changed, "history", []string{f.history}, "a directory's name"),
		notEmpty(f.changed, "tolerance", f.tolerances, "a percentage"),
		notEmpty(f.changed, "only", f.only, "a metric's name"),
		needs(f.changed, "last", "history", f.changed("history")),
	); err != nil {
		return err
	}
	if f.last < compare.MinNights {
		return fmt.Errorf("--last: %d is not accepted; use %d or more: with fewer runs the noise is not known",
			f.last, compare.MinNights)
	}
	return f.confirm.check(f.changed)
}

// arguments are the two files, and with --confirm the script.
func (f *compareFlags) arguments(_ *cobra.Command, args []string) error {
	const files = 2
	switch {
	case len(args) == files:
		return nil
	case f.confirm.wanted && len(args) == files+1:
		f.confirm.script = args[files]
		return nil
	case f.confirm.wanted:
		return invalid(fmt.Errorf("compare --confirm takes two files and the script that made the second, got %d", len(args)))
	}
	return invalid(fmt.Errorf("compare takes two files, got %d: give a baseline's summary.json and a result's", len(args)))
}
