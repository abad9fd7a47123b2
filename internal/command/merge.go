package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/compare"
	"github.com/flowboard/xk6-pgxpool/internal/merge"
	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const mergeLong = `Judge the runners of one test as one run.

Give the results/summary.json of every runner. Counts and rates add,
distributions merge (every summary holds mergeable sketches: percentiles are
within 0.5 %, never averaged), levels add moment by moment, and the criteria of
the test are asked of the whole. The runners' execution segments must be the
whole test, each once; runners without segments are taken for independent ones.

The verdict is printed and written as summary.json, summary.md, junit.xml and
report.html, which shows the levels of the whole pool over time.

Exit codes: 0 when the gate holds, 99 when it does not, 1 for an error.`

const mergeExample = `  k6 x pgxpool merge results/runner-*/summary.json
  k6 x pgxpool merge --output merged runner-1.json runner-2.json`

// newMerge makes `k6 x pgxpool merge`.
func newMerge(gs *state.GlobalState) *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:     "merge SUMMARY.json ...",
		Short:   "Judge the runners of one test as one run",
		Long:    mergeLong,
		Example: mergeExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil
			}
			return merging(errors.New("merge takes files, got none: give every runner's summary.json"))
		},
		RunE: func(_ *cobra.Command, args []string) error { return runMerge(gs, args, output) },
	}
	cmd.Flags().StringVarP(&output, "output", "o", "results", "directory for the merged reports")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return merging(fmt.Errorf("%w; %s --help lists what is accepted", err, cmd.CommandPath()))
	})
	return cmd
}

// merging gives an error its exit code.
func merging(err error) error { return show(errext.WithExitCodeIfNone(err, exitcodes.ExitCode(1))) }

func runMerge(gs *state.GlobalState, files []string, output string) error {
	judged, err := mergeFiles(files)
	if err != nil {
		return merging(err)
	}
	if err := checkOverwrite(files, output); err != nil {
		return merging(err)
	}
	colour := gs.Stdout.IsTTY && !gs.Flags.NoColor
	if _, err := fmt.Fprint(gs.Stdout, judged.Terminal(colour, screenWidth)); err != nil {
		return merging(fmt.Errorf("writing the verdict: %w", err))
	}
	if err := writeMerged(judged, output); err != nil {
		return merging(err)
	}
	if !judged.GateHolds {
		err := fmt.Errorf("%s: GATE=%s does not hold; the reasons stand above and in %s",
			judged.Verdict, judged.Gate, filepath.Join(output, "summary.md"))
		return errext.WithExitCodeIfNone(err, exitcodes.ThresholdsHaveFailed)
	}
	return nil
}

// checkOverwrite keeps a runner's summary from being replaced by the merged one,
// which cannot be merged again with the others'.
func checkOverwrite(files []string, output string) error {
	name := filepath.Join(output, "summary.json")
	target, err := os.Stat(name)
	if err != nil {
		return nil //nolint:nilerr // there is nothing to overwrite; what else is wrong shows when it is written
	}
	for _, file := range files {
		if source, err := os.Stat(file); err == nil && os.SameFile(source, target) {
			return fmt.Errorf("--output: %s is a runner's own and would be overwritten; give another directory", name)
		}
	}
	return nil
}

func mergeFiles(files []string) (verdict.Report, error) {
	runners := make([]merge.Runner, len(files))
	for i, name := range files {
		summary, err := compare.ReadSummary(name)
		if err != nil {
			return verdict.Report{}, err
		}
		if summary.SetupFailed != "" {
			return verdict.Report{}, fmt.Errorf("%s has nothing to merge: setup failed: %s", name, summary.SetupFailed)
		}
		runners[i] = merge.Runner{Name: name, Summary: summary}
	}
	in, err := merge.Runners(runners)
	if err != nil {
		return verdict.Report{}, err
	}
	return verdict.Evaluate(in)
}

// writeMerged writes what a run of one machine writes too.
func writeMerged(judged verdict.Report, folder string) error {
	files, err := results.Run{Report: judged}.Files()
	if err != nil {
		return err
	}
	if err := results.Begin(folder); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := results.Write(folder, files...); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}
