package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/compare"
	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/rerun"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// confirmFlags are those of `compare --confirm`.
type confirmFlags struct {
	wanted   bool
	runs     int
	baseline string // a k6 of the time of the baseline
	script   string // empty for the scenario's own
}

const (
	confirmRuns       = 3 // two that agree decide
	confirmPairs      = 2 // a b b a
	mostConfirmRuns   = 20
	confirmProgress   = 30 * time.Second
	confirmPatience   = 20 * time.Second
	confirmAroundEach = 2 * time.Minute // setup(), the last requests, teardown()
)

func (f *confirmFlags) register(set *pflag.FlagSet) {
	set.BoolVar(&f.wanted, "confirm", false, "if a metric is worse, run the test again and judge it by the median of the reruns")
	set.IntVar(&f.runs, "confirm-runs", 0, fmt.Sprintf("most reruns (%d; with --confirm-baseline %d of each)", confirmRuns, confirmPairs))
	set.StringVar(&f.baseline, "confirm-baseline", "", "k6 binary of the baseline; its reruns alternate with those of this one")
}

func (f *confirmFlags) check(changed func(string) bool) error {
	for _, flag := range []string{"confirm-runs", "confirm-baseline"} {
		if err := needs(changed, flag, "confirm", f.wanted); err != nil {
			return err
		}
	}
	if changed("confirm-baseline") {
		if _, err := exec.LookPath(f.baseline); err != nil {
			return fmt.Errorf("--confirm-baseline: %q is not an executable program; use the path of a k6", f.baseline)
		}
	}
	if changed("confirm-runs") {
		return f.checkRuns()
	}
	if f.runs = confirmRuns; f.baseline != "" {
		f.runs = confirmPairs
	}
	return nil
}

func (f *confirmFlags) checkRuns() error {
	switch {
	case f.runs < 1 || f.runs > mostConfirmRuns:
		return fmt.Errorf("--confirm-runs: %d is not accepted; use 1 to %d", f.runs, mostConfirmRuns)
	case f.baseline != "" && f.runs%2 != 0:
		return fmt.Errorf("--confirm-runs: %d is not accepted with --confirm-baseline; use an even number, so that neither side is always first", f.runs)
	}
	return nil
}

// scriptOf is the script that made a result.
func (f *confirmFlags) scriptOf(result verdict.Summary) (string, error) {
	script := f.script
	if script == "" { // a name and no path: the file may be anyone's
		script = filepath.Join("scripts", filepath.Base(result.Run.Script)+".js")
	}
	if info, err := os.Stat(script); err != nil || info.IsDir() {
		return "", fmt.Errorf("--confirm: there is no script %s; give the one that made the result after the two files", text.Quote(script))
	}
	return script, nil
}

// confirmation is what is run again, and why.
type confirmation struct {
	*confirmFlags
	gs     *state.GlobalState
	report *compare.Report
	result verdict.Summary
	each   time.Duration
	limit  time.Duration // of each
	order  []bool        // which of the reruns are the baseline's
}

// confirm runs the test again where something is worse. Reruns that fail confirm
// nothing and clear nothing: what is worse stands.
func (f *confirmFlags) confirm(gs *state.GlobalState, report *compare.Report, result verdict.Summary) error {
	script, err := f.scriptOf(result)
	if err != nil {
		return invalid(err)
	}
	if len(report.Names(compare.Worse)) == 0 {
		return nil
	}
	each := time.Duration(result.Run.Duration * float64(time.Second))
	c := confirmation{confirmFlags: f, gs: gs, report: report, result: result, each: each, limit: 2*each + confirmAroundEach, order: f.order()}
	c.announce(script)
	reruns, err := rerun.New(rerun.Test{Script: script, Environment: c.environment(), Limit: c.limit, Patience: confirmPatience})
	if err != nil {
		c.unconfirmed(err.Error())
		return nil
	}
	err = c.rerun(reruns)
	return errors.Join(err, reruns.Close())
}

// unconfirmed says why what is worse stands.
func (c confirmation) unconfirmed(why string) {
	c.report.Notes = append(c.report.Notes, "Not confirmed, but still worse: "+why+".")
}

// announce says how long it may take, before anything runs.
func (c confirmation) announce(script string) {
	all := time.Duration(len(c.order))
	c.say("worse: %s; running %s again to confirm it: at most %s of %s each, about %s together and never more than %s; Ctrl-C stops them",
		strings.Join(c.report.Names(compare.Worse), ", "), script, text.Counted(len(c.order), "rerun"),
		text.Length(c.each), text.Length(all*c.each), text.Length(all*c.limit))
}

// order says for each rerun whether it is the baseline's: a b b a, so that a drift
// is on both sides.
func (f *confirmFlags) order() []bool {
	if f.baseline == "" {
		return make([]bool, f.runs)
	}
	var order []bool
	for i := range f.runs {
		first := i%2 == 0
		order = append(order, first, !first)
	}
	return order
}

// rerun runs until it is decided and judges again.
func (c confirmation) rerun(reruns *rerun.Reruns) error {
	ctx, stop := untilSignal(c.gs)
	defer stop()
	own, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this k6: %w", err)
	}
	var results, baselines []verdict.Summary
	for i, ofBaseline := range c.order {
		k6, name := own, fmt.Sprintf("rerun %d of %d", i+1, len(c.order))
		if ofBaseline {
			k6, name = c.baseline, name+", the baseline"
		}
		run, err := c.one(ctx, reruns, k6, name)
		switch {
		case ctx.Err() != nil:
			c.unconfirmed("the reruns were stopped early")
			return nil
		case err != nil:
			c.unconfirmed(fmt.Sprintf("%s failed: %v", name, err))
			return nil
		case ofBaseline:
			baselines = append(baselines, run)
		default:
			results = append(results, run)
		}
		if c.baseline == "" && c.report.Settled(results, len(c.order)) {
			break
		}
	}
	c.report.Confirm(results, baselines)
	if c.baseline == "" {
		c.report.Notes = append(c.report.Notes,
			"Reruns without --confirm-baseline rule out a temporary disturbance, but not a machine that is slower than the baseline's.")
	}
	return nil
}

// one is a rerun with its progress.
func (c confirmation) one(ctx context.Context, reruns *rerun.Reruns, k6, name string) (verdict.Summary, error) {
	done := make(chan struct{})
	said := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(said)
		ticks := time.NewTicker(confirmProgress)
		defer ticks.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticks.C:
				c.say("%s: %s of about %s", name, text.Length(time.Since(began)), text.Length(c.each))
			}
		}
	}()
	c.say("%s has begun", name)
	run, err := reruns.Run(ctx, k6)
	close(done)
	<-said
	if err != nil {
		return run, err
	}
	if why := compare.Difference(run, c.result); why != "" {
		return run, fmt.Errorf("it has %s; run compare with the settings that the result had", why)
	}
	if run.Run.CutShort {
		return run, errors.New("it was cut short")
	}
	return run, nil
}

func (c confirmation) say(format string, args ...any) {
	_, _ = fmt.Fprintln(c.gs.Stderr, "compare: "+text.Line(fmt.Sprintf(format, args...)))
}

// environment is this process's with what the result says of its settings.
func (c confirmation) environment() map[string]string {
	environment := map[string]string{}
	maps.Copy(environment, c.gs.Env)
	run := c.result.Run
	environment["CONCURRENT"] = strconv.Itoa(run.Users)
	if environment["DURATION"] == "" {
		environment["DURATION"] = strconv.Itoa(max(1, int(run.Duration)))
	}
	scenario := map[string]string{"hold": "HOLD", "spread": "SPREAD", "think": "THINK"}
	for name, value := range run.Configuration {
		if variable := cmp.Or(scenario[name], config.Variable(name)); variable != "" {
			environment[variable] = value
		}
	}
	return environment
}
