package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// runMonitor watches until the duration is over, a signal comes or nobody
// reads any more. All of these are a normal end, with a report.
func runMonitor(gs *state.GlobalState, s monitorSettings) error {
	ctx, stop := untilSignal(gs)
	defer stop()
	// Without this a closed pipe would end the process before its report.
	gs.SignalNotify(make(chan os.Signal, 1), syscall.SIGPIPE)
	sampler, err := startSampler(ctx, s)
	if err != nil {
		if stopped(ctx) {
			return nil // stopped while connecting
		}
		return err
	}
	defer sampler.Close()
	out, err := openMonitorOutput(gs, s)
	if err != nil {
		return invalid(err)
	}
	tally := &monitor.Tally{}
	start := time.Now()
	watchErr := watch(ctx, s, sampler, tally, out.sample)
	summary, err := summarize(s, tally.Report(), time.Since(start))
	if err != nil {
		return errors.Join(watchErr, err)
	}
	if err := out.finish(summary, watchErr); err != nil {
		return err
	}
	return checkGate(s.gate, summary.verdict.Verdict)
}

// untilSignal ends with Ctrl-C and SIGTERM. A second one has its usual effect.
func untilSignal(gs *state.GlobalState) (context.Context, func()) {
	ctx, cancel := context.WithCancel(gs.Ctx)
	signals := make(chan os.Signal, 1)
	gs.SignalNotify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			gs.SignalStop(signals)
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-done
		gs.SignalStop(signals)
	}
}

// startSampler connects, so that a wrong URL ends the command at once, and checks
// that there is an application to watch.
func startSampler(ctx context.Context, s monitorSettings) (*monitor.Sampler, error) {
	cfg, err := s.watch.Config(min(s.interval, longestAnswer))
	if err != nil {
		return nil, invalid(namingFlag(err, monitorOptions))
	}
	sampler := monitor.NewSampler(cfg)
	if err := checkStart(ctx, s, sampler); err != nil {
		sampler.Close()
		return nil, err
	}
	return sampler, nil
}

func checkStart(ctx context.Context, s monitorSettings, sampler *monitor.Sampler) error {
	conn, err := sampler.Connect(ctx)
	// A server that is full is worth watching: diagnosis.LimitReached.
	if err != nil && (s.watch.Select.Empty() || !monitor.IsTooManyConnections(err)) {
		return errext.WithExitCodeIfNone(
			fmt.Errorf("%w; %s", err, monitor.Advice(err)), exitcodes.ScriptException)
	}
	if !s.watch.Select.Empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, monitor.StatementTimeout)
	defer cancel()
	found, err := sampler.Existing(ctx, conn)
	if err != nil {
		return errext.WithExitCodeIfNone(err, exitcodes.ScriptException)
	}
	return invalid(fmt.Errorf("no application to watch: give --application-name (DB_APPLICATION_NAME), --role, --database or --client; %s", found))
}

// watch takes duration/interval samples, the first at once and one at a random
// moment of each interval after it (monitor.Schedule), and shows each at its
// interval's end: the lines keep the interval.
func watch(
	ctx context.Context, s monitorSettings, sampler *monitor.Sampler, tally *monitor.Tally, show func(monitor.Sample) error,
) error {
	start := time.Now()
	schedule := monitor.NewSchedule(s.interval)
	var shown time.Duration
	for {
		sample := sampler.Sample(ctx)
		if stopped(ctx) {
			return nil
		}
		tally.Add(sample)
		// What is counted is shown, also where a signal comes before its time.
		pause(ctx, shown-time.Since(start))
		if err := show(sample); err != nil {
			return err
		}
		var at time.Duration
		at, shown = schedule.Next(time.Since(start))
		last := s.duration > 0 && shown >= s.duration
		if last {
			at = s.duration
		}
		if !pause(ctx, at-time.Since(start)) || last {
			return nil
		}
	}
}

func stopped(ctx context.Context) bool { return ctx.Err() != nil }

// pause is false when it was cut short.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func checkGate(gate string, v verdict.Verdict) error {
	if gate == gateNone || verdict.Gate(gate).Holds(v) {
		return nil
	}
	return errext.WithExitCodeIfNone(fmt.Errorf("the verdict is %s, and --gate %s does not hold", v, gate),
		exitcodes.ThresholdsHaveFailed)
}
