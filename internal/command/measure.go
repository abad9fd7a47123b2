package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/outside"
	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

const measureLong = `Measure the load of a live application on its database, without adding any.

The server's counters (pg_stat_database, PostgreSQL 14 and later) give the
transactions per second and how long each holds its connection, active and idle
in its transaction. The sessions are also sampled at random moments: how many are
in use, on average, at p99 and at the peak, and which statements hold them
longest, without their literals. Each side says what it cannot see.

It measures all sessions in the database of --url (DATABASE_URL), or those that
--application-name, --role, --database and --client select. If others use the same
database, select yours: the counters alone cannot tell them apart.

It measures for --duration, or until Ctrl-C or SIGTERM, and writes what it has
measured. plan --from sizes a pool from it.`

const measureExample = `  k6 x pgxpool measure --duration 600 --url postgres://monitor@db/flow -o load.json
  k6 x pgxpool plan --from load.json --workers 4 --target-wait 5ms --growth 2`

// newMeasure makes `k6 x pgxpool measure`.
func newMeasure(gs *state.GlobalState) *cobra.Command {
	flags := &monitorFlags{}
	cmd := &cobra.Command{
		Use:     "measure",
		Short:   "Measure a live database's transactions, holds and sessions for plan --from",
		Long:    measureLong,
		Example: measureExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := flags.measureSettings(gs, cmd.Flags().Changed)
			if err != nil {
				return invalid(err)
			}
			return runMeasure(gs, settings)
		},
	}
	set := cmd.Flags()
	set.SortFlags = false
	set.StringVar(&flags.duration, "duration", "600", "how long to measure: seconds, or a duration such as 10m")
	set.StringVar(&flags.interval, "interval", "0.5", "mean time between samples: seconds, or a duration such as 500ms")
	set.StringVarP(&flags.output, "output", "o", "", "file for the load, as JSON; without it standard output")
	flags.registerSelection(set)
	set.StringVar(&flags.workers, "workers", "", "processes of the application, each with its own pool (WORKERS)")
	return cmd
}

// measureSettings are the monitor's, with the whole database of the URL where
// nothing is selected. Neither the application nor a pooler is asked.
func (f *monitorFlags) measureSettings(gs *state.GlobalState, changed func(flag string) bool) (monitorSettings, error) {
	f.format, f.gate = formatText, gateNone
	if _, err := formatOf(f.output, formatJSON); err != nil {
		return monitorSettings{}, err
	}
	// The default is given too: a watch without a duration has no end.
	s, err := f.settings(gs, func(flag string) bool { return changed(flag) || flag == "duration" })
	if err != nil {
		return s, err
	}
	s.watch.AppURLs, s.watch.PgBouncerURL = nil, ""
	if s.watch.Select.Empty() {
		conn, err := s.watch.Pool.ConnConfig()
		if err != nil {
			return s, namingFlag(err, monitorOptions)
		}
		s.watch.Select.Database = conn.Database
		if conn.Database == "" { // as the server takes it
			s.watch.Select.Database = conn.User
		}
	}
	return s, nil
}

// runMeasure measures until the duration is over or a signal comes.
func runMeasure(gs *state.GlobalState, s monitorSettings) error {
	out := &measureOutput{gs: gs, asked: s.duration, people: gs.Stdout, terminal: gs.Stdout.IsTTY}
	if s.output == "" {
		out.people, out.terminal = gs.Stderr, gs.Stderr.IsTTY
	} else if err := out.openFolder(s.output); err != nil {
		return invalid(err)
	}
	ctx, stop := untilSignal(gs)
	defer stop()
	given := s.watch.Workers
	s.watch.Workers = max(1, given) // they are not to be found out
	sampler, err := startSampler(ctx, s)
	if err != nil {
		if stopped(ctx) {
			return nil // stopped while connecting
		}
		return err
	}
	defer sampler.Close()
	limits, err := readMeasuredLimits(ctx, sampler, s.watch.Select.Application)
	if err != nil {
		if stopped(ctx) {
			return nil
		}
		return errext.WithExitCodeIfNone(err, exitcodes.ScriptException)
	}
	tally := &monitor.Tally{}
	out.tally = tally
	out.began = time.Now()
	if err := watch(ctx, s, sampler, tally, out.sample); err != nil {
		return err
	}
	file := loadFile(s, tally.Report(), limits, stopped(ctx))
	file.Workers = given
	return out.finish(file)
}

func readMeasuredLimits(ctx context.Context, sampler *monitor.Sampler, application string) (monitor.Limits, error) {
	conn, err := sampler.Connect(ctx)
	if err != nil {
		return monitor.Limits{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, limitsTimeout)
	defer cancel()
	limits, err := monitor.ReadLimits(ctx, conn, application)
	if err != nil {
		return limits, fmt.Errorf("reading the server's limits: %w", err)
	}
	return limits, nil
}

func loadFile(s monitorSettings, r monitor.Report, limits monitor.Limits, stopped bool) monitor.LoadFile {
	f := monitor.LoadFile{
		Schema: monitor.LoadSchema, Watched: s.watch.Select.String(), Started: r.Started.UTC(), Ended: r.Ended.UTC(),
		Asked: s.duration.Seconds(), Interval: s.interval.Seconds(), Stopped: stopped,
		Version: limits.Version, Load: r.Load, Limits: watchedLimits(limits.Server, r),
	}
	f.Sampled.Failed = r.Failed
	f.Notes = f.Load.Notes()
	return f
}

// watchedLimits are the server's for the role and database of the watched
// sessions, who need not be those that the measurement connects with.
func watchedLimits(server sizing.Server, r monitor.Report) *sizing.Server {
	server.RoleLimit, server.RoleOthers = sizing.NoLimit, 0
	server.DatabaseLimit, server.DatabaseOthers = sizing.NoLimit, 0
	for _, l := range r.Load.Limits {
		switch l.Scope {
		case "role":
			server.RoleLimit, server.RoleOthers = l.Max, l.Used
		case "database":
			server.DatabaseLimit, server.DatabaseOthers = l.Max, l.Used
		default:
			server.Others = l.Used
		}
	}
	return &server
}

// measureOutput shows how far the measurement is and writes what came of it.
type measureOutput struct {
	gs       *state.GlobalState
	people   io.Writer
	terminal bool // people's is one
	folder   string
	name     string // of the file in folder; empty for standard output
	tally    *monitor.Tally
	asked    time.Duration
	began    time.Time
	shown    time.Time
}

// openFolder finds out before the measurement that the file can be written.
func (o *measureOutput) openFolder(name string) error {
	path, err := inWorkingDirectory(o.gs, name)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("--output: %s is a directory; give a file's name such as load.json", text.Quote(name))
	}
	o.folder, o.name = filepath.Split(path)
	if err := results.Try(o.folder); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// inWorkingDirectory is where a file is that the user named.
func inWorkingDirectory(gs *state.GlobalState, name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	dir, err := gs.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the working directory: %w", err)
	}
	return filepath.Join(dir, name), nil
}

// readNamed reads a file that the user named. The error does not name it.
func readNamed(gs *state.GlobalState, name string) ([]byte, error) {
	path, err := inWorkingDirectory(gs, name)
	if err != nil {
		return nil, err
	}
	content, err := outside.ReadFile(path, outside.Largest)
	if err != nil {
		return nil, errors.New(outside.Reason(err))
	}
	return content, nil
}

// progressEvery is how often a command that waits says how far it is.
const progressEvery = 2 * time.Second

func (o *measureOutput) sample(sample monitor.Sample) error {
	for _, notice := range sample.Notices {
		logNotice(o.gs, notice)
	}
	now := time.Now()
	if now.Sub(o.shown) < progressEvery {
		return nil
	}
	o.shown = now
	return o.progress(fmt.Sprintf("%s of %s: %s", text.Length(now.Sub(o.began).Round(time.Second)), text.Length(o.asked),
		loadText(o.tally.Report().Load)))
}

// progress writes a line, on a terminal over the one before.
func (o *measureOutput) progress(line string) error {
	if o.terminal {
		line = "\r\x1b[K" + line
	} else {
		line += "\n"
	}
	_, err := io.WriteString(o.people, line)
	return err
}

// loadText is a load in one line.
func loadText(l monitor.Load) string {
	c := l.Counters
	parts := []string{text.PerSecond.Format(c.PerSecond) + " transactions"}
	if c.Hold != nil {
		parts = append(parts, "held for "+text.Millis(*c.Hold))
	}
	if s := l.Sampled.InUse; s != nil {
		parts = append(parts, fmt.Sprintf("%s in use on average, peak %d", text.Number(s.Mean), s.Peak))
	}
	return strings.Join(parts, ", ")
}

func (o *measureOutput) finish(f monitor.LoadFile) error {
	content, err := f.JSON()
	if err != nil {
		return fmt.Errorf("writing the load: %w", err)
	}
	if o.name == "" {
		_, err = o.gs.Stdout.Write(content)
	} else {
		err = results.Write(o.folder, results.File{Name: o.name, Content: content})
	}
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if o.terminal {
		if err := o.progress(""); err != nil {
			return err
		}
	}
	_, err = io.WriteString(o.people, loadReport(f, o.name))
	return err
}

// labeled writes lines of a report, each behind its label.
func labeled(b *strings.Builder) func(label, format string, values ...any) {
	return func(label, format string, values ...any) {
		fmt.Fprintf(b, "  %-22s%s\n", label, fmt.Sprintf(format, values...))
	}
}

// loadReport is a measurement for people. file is where it was written to.
func loadReport(f monitor.LoadFile, file string) string {
	var b strings.Builder
	line := labeled(&b)
	c, s := f.Counters, f.Sampled
	fmt.Fprintf(&b, "\nLoad of %s in %s: %d transactions, %s\n", text.Line(f.Watched), text.Seconds(c.Seconds), c.Transactions,
		text.PerSecond.Format(c.PerSecond))
	if c.Hold != nil {
		n := float64(c.Transactions)
		line("Each holds", "%s: %s active, %s idle in transaction", text.Millis(*c.Hold), text.Millis(*c.Active/n), text.Millis(*c.IdleInTransaction/n))
	}
	if c.InUse != nil {
		line("In use, counters", "mean %s", text.Number(*c.InUse))
	}
	if s.InUse != nil {
		line("In use, samples", "mean %s, p99 %d, peak %d, in %s", text.Number(s.InUse.Mean), s.InUse.P99, s.InUse.Peak, text.Counted(s.Samples, "sample"))
	}
	const most = 5
	for i, st := range f.Statements[:min(most, len(f.Statements))] {
		label := ""
		if i == 0 {
			label = "Holds longest"
		}
		line(label, "%s  %s", text.Pad(text.Share.Format(st.Share), 7), text.Line(st.Statement))
	}
	for _, note := range append([]string{c.CannotSee, s.CannotSee}, f.Notes...) {
		fmt.Fprintf(&b, "  Note: %s\n", strings.Join(text.Wrap(text.Line(note), screenWidth), "\n        "))
	}
	if file != "" {
		fmt.Fprintf(&b, "\nNext: k6 x pgxpool plan --from %s --workers N\n", file)
	}
	return b.String()
}
