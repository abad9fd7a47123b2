package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

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
within 0.5 %, never averaged), levels add moment by moment, and the criteria are
those of the test. The runners' execution segments must add up to the whole test,
each once; runners without segments are treated as independent.

The verdict is printed and written as summary.json, summary.md, junit.xml and
report.html, which shows the levels of the whole pool over time.

Exit codes: 0 when the gate holds, 99 when it does not, 104 for wrong arguments
or files.`

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
			return invalid(errors.New("merge takes files, got none: give every runner's summary.json"))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(notEmpty(cmd.Flags().Changed, "output", []string{output}, "a directory's name"), folderName(output, output)); err != nil {
				return invalid(err)
			}
			return runMerge(gs, args, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "results", "directory for the merged reports")
	return cmd
}

func runMerge(gs *state.GlobalState, files []string, output string) error {
	said := newProgress(gs.Stderr, fmt.Sprintf("merging %d summaries", len(files)))
	judged, err := mergeFiles(files, said.done)
	if err != nil {
		return invalid(err)
	}
	if err := checkOverwrite(files, output); err != nil {
		return invalid(err)
	}
	color := gs.Stdout.IsTTY && !gs.Flags.NoColor
	if _, err := fmt.Fprint(gs.Stdout, judged.Terminal(color, screenWidth)); err != nil {
		return fmt.Errorf("writing the verdict: %w", err)
	}
	if err := writeMerged(judged, output); err != nil {
		return invalid(err)
	}
	if !judged.GateHolds {
		err := fmt.Errorf("%s: GATE=%s does not hold; the reasons are above and in %s",
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

// reading is about the share of the time that reading the files takes.
const reading = 0.3

// progress says how far long work is, every two seconds; nothing
// where it takes less.
type progress struct {
	w    io.Writer
	what string
	next time.Time
}

func newProgress(w io.Writer, what string) *progress {
	return &progress{w, what, time.Now().Add(progressEvery)}
}

func (p *progress) done(share float64) {
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressEvery)
		_, _ = fmt.Fprintf(p.w, "%s: %.0f %%\n", p.what, 100*share)
	}
}

func mergeFiles(files []string, progress func(share float64)) (verdict.Report, error) {
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
		progress(reading * float64(i+1) / float64(len(files)))
	}
	in, err := merge.Runners(runners, func(share float64) { progress(reading + (1-reading)*share) })
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
