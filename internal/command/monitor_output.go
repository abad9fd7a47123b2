package command

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"syscall"

	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
)

// monitorFormat writes what the monitor sees to one place.
type monitorFormat interface {
	sample(sample monitor.Sample) error
	notice(notice monitor.Notice) error
	report(summary monitorSummary) error
}

// monitorOutput is where the monitor writes: standard output and, with
// --output, a file. Notices go to k6's log as well.
type monitorOutput struct {
	gs      *state.GlobalState
	formats []monitorFormat
	file    io.Closer // nil without --output

	reported bool // on standard error
}

// openMonitorOutput creates the file, if there is one, and its folder. With a
// file standard output has the lines, else the format.
func openMonitorOutput(gs *state.GlobalState, s monitorSettings) (*monitorOutput, error) {
	out := &monitorOutput{gs: gs}
	if s.output == "" {
		out.formats = []monitorFormat{out.format(s.format, gs.Stdout, s, newTerminal(gs))}
		return out, nil
	}
	file, err := createFile(gs, s.output)
	if err != nil {
		return nil, fmt.Errorf("--output: %w", err)
	}
	out.file = file
	out.formats = []monitorFormat{
		out.format(s.format, file, s, terminal{}),
		out.format(formatText, gs.Stdout, s, newTerminal(gs)),
	}
	return out, nil
}

func (o *monitorOutput) format(name string, w io.Writer, s monitorSettings, t terminal) monitorFormat {
	switch name {
	case formatJSON:
		return newMonitorJSON(w, s.watch.Select.String())
	case formatCSV:
		if o.file != nil {
			return newMonitorCSV(w, nil) // standard output has the report
		}
		return newMonitorCSV(w, o.reportToStderr)
	default:
		return &monitorText{w: w, wide: s.wide, terminal: t}
	}
}

// sample writes one sample, after what there is to say about the monitoring.
func (o *monitorOutput) sample(sample monitor.Sample) error {
	for _, notice := range sample.Notices {
		for _, f := range o.formats {
			if err := f.notice(notice); err != nil {
				return err
			}
		}
		logNotice(o.gs, notice)
	}
	for _, f := range o.formats {
		if err := f.sample(sample); err != nil {
			return err
		}
	}
	return nil
}

func logNotice(gs *state.GlobalState, notice monitor.Notice) {
	if notice.Problem {
		gs.Logger.Warn(notice.Text)
	} else {
		gs.Logger.Info(notice.Text)
	}
}

// finish writes the report and closes the file. Where nobody reads standard
// output any more, the report goes to standard error; that is no error.
func (o *monitorOutput) finish(summary monitorSummary, watchErr error) error {
	errs := []error{watchErr}
	for _, f := range o.formats {
		errs = append(errs, f.report(summary))
	}
	if o.file != nil {
		errs = append(errs, o.file.Close())
	}
	if slices.ContainsFunc(errs, isClosedPipe) {
		o.reportToStderr(summary)
	}
	for _, err := range errs {
		if err != nil && !isClosedPipe(err) {
			return fmt.Errorf("writing the samples: %w", err)
		}
	}
	return nil
}

func isClosedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// reportToStderr writes the report for people, once. Whether standard error is
// still read cannot matter: there is no other place.
func (o *monitorOutput) reportToStderr(summary monitorSummary) {
	if o.reported {
		return
	}
	o.reported = true
	_ = (&monitorText{w: o.gs.Stderr}).report(summary)
}

// createFile creates or empties a file, and creates its folder.
func createFile(gs *state.GlobalState, name string) (io.WriteCloser, error) {
	if err := gs.FS.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	return gs.FS.Create(name)
}

// recentCauses names what holds the application up now: the diagnosis of the
// last moments, by the same table as the report's.
type recentCauses struct {
	samples []monitor.Sample
}

// moments are enough to tell a state from a moment.
const moments = 3

// of is the cause of the moments up to this one, "none" without one, and empty
// where the database does not answer for another reason than a full server.
func (c *recentCauses) of(s monitor.Sample) string {
	c.samples = append(c.samples, s)
	c.samples = c.samples[max(0, len(c.samples)-moments):]
	var tally monitor.Tally
	for _, sample := range c.samples {
		tally.Add(sample)
	}
	report := tally.Report()
	found := diagnosis.Of(diagnosis.Facts{Watched: &report})
	switch {
	case len(found) > 0:
		return found[0].Name
	case s.Database == nil:
		return ""
	default:
		return "none"
	}
}
