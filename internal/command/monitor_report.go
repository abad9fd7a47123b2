package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// monitorSummary is what a watch ends with.
type monitorSummary struct {
	application string
	interval    time.Duration
	watched     time.Duration
	report      monitor.Report
	verdict     verdict.Report
}

const cpuNote = "CPU is the whole database host's, the load generator included where it runs there."

// summarize judges the report by the runbook's criteria. took is how long the
// watch lasted.
func summarize(s monitorSettings, r monitor.Report, took time.Duration) (monitorSummary, error) {
	pool := monitor.Pool{Size: s.config.PoolSize, MaxOverflow: s.config.MaxOverflow}
	application := s.config.ApplicationName
	var notes []string
	if r.CPU != nil {
		notes = append(notes, cpuNote)
	}
	judged, err := verdict.Evaluate(verdict.Input{
		Criteria: monitorCriteria(pool, r),
		Metrics:  monitorMetrics(r),
		Missing:  whyMissing(application, r),
		Notes:    notes,
	})
	if err != nil {
		return monitorSummary{}, fmt.Errorf("judging what was watched: %w", err)
	}
	// A sample stands for the interval after it, or for less where it was the last.
	watched := min(r.Ended.Sub(r.Started)+s.interval, took)
	return monitorSummary{
		application: application, interval: s.interval, watched: watched, report: r, verdict: judged,
	}, nil
}

// text is the report for people.
func (s monitorSummary) text(t terminal) string {
	var b strings.Builder
	r := s.report
	fmt.Fprintf(&b, "\nReport on %s: %s in %v, one every %v\n", text.Line(s.application), text.Counted(r.Samples, "sample"),
		s.watched.Round(time.Second/10), s.interval)
	if r.Failed > 0 {
		fmt.Fprintf(&b, "  %s the database did not answer\n", text.Counted(r.Failed, "more time"))
	}
	if r.Active != nil {
		s.levels(&b)
		s.layers(&b)
	}
	b.WriteByte('\n')
	s.judgement(&b, t)
	return b.String()
}

func (s monitorSummary) levels(b *strings.Builder) {
	r := s.report
	line := func(label, format string, values ...any) {
		fmt.Fprintf(b, "  %-22s%s\n", label, fmt.Sprintf(format, values...))
	}
	level := func(label string, l *monitor.Level) {
		if l != nil {
			line(label, "peak %d, mean %.1f, p95 %d", l.Peak, l.Mean, l.P95)
		}
	}
	line("Pool", "%d and %d overflow", r.Pool.Size, r.Pool.MaxOverflow)
	level("Active", r.Active)
	level("Open", r.Open)
	level("Checked out (app)", r.CheckedOut)
	level("Waiting (app)", r.Waiting)
	line("Utilization", "%.1f %% of the base size on average", 100*r.Utilization)
	line("Available", "%d at the least", r.LeastAvailable)
	line("In overflow", "%.1f %% of the time", 100*r.InOverflow)
	line("Longest transaction", "%s", age(r.LongestTransaction))
	if r.CPU != nil {
		line("Database CPU", "mean %.1f %%, peak %.1f %%", r.CPU.Mean, r.CPU.Peak)
	}
	if r.Hidden > 0 {
		line("Hidden", "up to %d sessions", r.Hidden)
	}
}

// layers lists those that were met, the longest first.
// Of an application that never showed what it does, none is not known.
func (s monitorSummary) layers(b *strings.Builder) {
	met := s.report.MetLayers()
	if s.report.Seen == 0 {
		met = slices.DeleteFunc(met, func(l monitor.LayerShare) bool { return l.Layer == monitor.LayerNone })
	}
	if len(met) == 0 {
		return
	}
	b.WriteString("\n  Layer                 share of time\n")
	for _, share := range met {
		fmt.Fprintf(b, "  %-22s%5.1f %%  %s\n", share.Layer, 100*share.Share, share.Advice)
	}
}

func (s monitorSummary) judgement(b *strings.Builder, t terminal) {
	for _, row := range s.verdict.Rows {
		fmt.Fprintf(b, "  %s  %-22s %-10s %s\n", t.paint(row.Verdict.Color(), fmt.Sprintf("%-7s", row.Verdict)),
			row.Criterion.Title, row.MeasuredText(), limits[row.Criterion.Name])
		if row.Reason != "" {
			fmt.Fprintf(b, "           %s\n", strings.TrimSpace(row.Reason+". "+row.Advice))
		}
	}
	for _, note := range s.verdict.Notes {
		fmt.Fprintf(b, "  Note: %s\n", note)
	}
	fmt.Fprintf(b, "\nVerdict: %s\n", t.paint(s.verdict.Verdict.Color(), string(s.verdict.Verdict)))
}

// limits are the runbook's, in words.
var limits = map[string]string{
	"active_connections":    "p95 of the base size, limit below 80 %",
	"available_connections": "at the least, limit above 0",
	"overflow_time":         "of the time, limit below 10 %",
}
