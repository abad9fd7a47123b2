package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/compare"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const compareLong = `Tell whether a run is better or worse than an earlier one.

Both are results/summary.json. Each metric is better, same, worse or unknown. A
change counts when it is larger than the tolerance, which is the smallest change
that matters to you.

With --history it must also be more than noise: change points divide the nights
into segments, the segment of the result is compared with the one around the
baseline (medians, Student's t, Benjamini–Hochberg over all metrics), and the night
on which a change began is named. With fewer than 6 runs the noise is not known,
and a change is unknown. A regression stays worse until it is fixed, or a new
baseline accepts it. Without --history only the tolerance decides.

What cannot be compared is unknown: no baseline, another configuration (script,
users, target, options), another machine (cores, platform), another duration, a
metric that one of the two runs did not measure.

A tolerance is in percent of the smaller value; for shares such as success_rate
and for db_cpu it is in percentage points, and only by name.

On the first night write none in place of BASELINE.json.

--confirm runs the test again before it says worse: the script that made the
result (scripts/NAME.js, or the one given after the files), with this binary, the
result's settings and this command's environment, and at most 3 times; two that
agree decide. What is worse stays so where the median of the reruns is worse by
more than the tolerance, and is the same where it is not. Reruns that fail clear
nothing. They tell a disturbance that has passed, and not a machine that is slower
tonight: for that give a k6 of the time of the baseline (--confirm-baseline), whose
reruns take turns with these (baseline, result, result, baseline).

Exit codes: 0 better or same, 2 worse, 3 unknown, 104 wrong arguments or files.
Worse beats unknown.`

const compareExample = `  # against one earlier run
  k6 x pgxpool compare baseline.json results/summary.json

  # against what is usual, as a report for a pull request
  k6 x pgxpool compare baseline.json results/summary.json --history history \
    --tolerance 15 --tolerance success_rate=0.1 --format markdown --output results/compare.md

  # and run again what is worse before it goes red
  k6 x pgxpool compare baseline.json results/summary.json --history history --confirm`

// The exit codes of compare, beside 0 and invalid's.
const (
	exitCompareWorse   exitcodes.ExitCode = 2
	exitCompareUnknown exitcodes.ExitCode = 3
)

// newCompare makes `k6 x pgxpool compare`.
func newCompare(gs *state.GlobalState) *cobra.Command {
	flags := &compareFlags{}
	cmd := &cobra.Command{
		Use:     "compare BASELINE.json RESULTS.json [SCRIPT.js]",
		Short:   "Tell whether a run is better or worse than an earlier one",
		Long:    compareLong,
		Example: compareExample,
		Args:    flags.arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.changed = cmd.Flags().Changed
			return runCompare(gs, flags, args[0], args[1])
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func runCompare(gs *state.GlobalState, flags *compareFlags, baseline, result string) error {
	if err := flags.check(); err != nil {
		return invalid(err)
	}
	report, run, err := flags.compare(baseline, result)
	if err != nil {
		return invalid(err)
	}
	if flags.confirm.wanted {
		if err := flags.confirm.confirm(gs, &report, run); err != nil {
			return err
		}
	}
	if err := flags.write(gs, report); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	switch report.Answer {
	case compare.Worse:
		return errext.WithExitCodeIfNone(errors.New(report.Summary()), exitCompareWorse)
	case compare.Unknown:
		return errext.WithExitCodeIfNone(errors.New(report.Summary()), exitCompareUnknown)
	default:
		return nil
	}
}

// noBaseline stands for one where a pipeline has none yet.
const noBaseline = "none"

// compare reads the files and compares the result, which it gives back.
func (f *compareFlags) compare(baseline, result string) (compare.Report, verdict.Summary, error) {
	in, notes, err := f.read(baseline, result)
	if err != nil {
		return compare.Report{}, in.Result, err
	}
	report, err := compare.Compare(in)
	if err != nil {
		return report, in.Result, fmt.Errorf("--only: %w", err)
	}
	report.Notes = append(report.Notes, notes...)
	return report, in.Result, nil
}

func (f *compareFlags) read(baseline, result string) (in compare.Input, notes []string, err error) {
	tolerances, err := compare.ParseTolerances(f.tolerances)
	if err != nil {
		return in, nil, fmt.Errorf("--tolerance: %w", err)
	}
	in = compare.Input{Last: f.last, Tolerances: tolerances, Only: f.only}
	if in.Result, err = compare.ReadSummary(result); err != nil {
		return in, nil, err
	}
	if baseline != noBaseline {
		first, err := compare.ReadSummary(baseline)
		if errors.Is(err, fs.ErrNotExist) {
			return in, nil, fmt.Errorf("%w, or none instead on the first night", err)
		}
		if err != nil {
			return in, nil, err
		}
		in.Baseline = &first
	}
	if f.changed("history") {
		in.History, notes, err = compare.ReadHistory(f.history)
		switch {
		case err != nil && in.Baseline == nil: // on that night there is no history either
			notes = append(notes, fmt.Sprintf("--history: %v.", err))
		case err != nil:
			return in, nil, fmt.Errorf("--history: %w", err)
		}
	}
	return in, notes, nil
}

// write puts the format into the file, where there is one, and the text for
// people on standard output.
func (f *compareFlags) write(gs *state.GlobalState, report compare.Report) error {
	text, err := render(report, f.format)
	if err != nil {
		return err
	}
	if f.output == "" {
		_, err := io.WriteString(gs.Stdout, text)
		return err
	}
	file, err := createFile(gs, f.output)
	if err != nil {
		return invalid(fmt.Errorf("--output: %w", err))
	}
	_, err = io.WriteString(file, text)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	_, err = io.WriteString(gs.Stdout, report.Text())
	return err
}

func render(report compare.Report, format string) (string, error) {
	switch format {
	case formatMarkdown:
		return report.Markdown(), nil
	case formatJSON:
		text, err := report.JSON()
		return string(text), err
	default:
		return report.Text(), nil
	}
}
