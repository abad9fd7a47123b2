package command

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
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
	pool        watchedPool
}

const atLeastNote = "Active is a lower bound: more sessions are open than the pool keeps idle, so connections are checked out " +
	"and idle outside a transaction. --app-url (APP_URL) asks the application how many."

// summarize judges the report by the runbook's criteria. took is how long the
// watch lasted.
func summarize(s monitorSettings, r monitor.Report, took time.Duration) (monitorSummary, error) {
	application := s.watch.Select.String()
	rows, err := criteriaOf(s.criteria, r)
	if err != nil {
		return monitorSummary{}, err
	}
	var notes []string
	if r.AtLeast > 0 {
		notes = append(notes, atLeastNote)
	}
	if r.CPU != nil {
		notes = append(notes, fmt.Sprint(s.criteria.Get("cpuNote")))
		if r.CPU.Note != "" {
			notes = append(notes, r.CPU.Note)
		}
	}
	judged, err := verdict.Evaluate(verdict.Input{
		Criteria:    rows,
		Metrics:     monitorMetrics(r),
		Missing:     whyMissing(application, r),
		Notes:       notes,
		Application: diagnosis.Application{Watched: &r},
	})
	if err != nil {
		return monitorSummary{}, fmt.Errorf("judging the samples: %w", err)
	}
	// A sample is shown at its interval's end and stands for the interval after
	// that, or for less where it was the last.
	intervals := math.Ceil(float64(r.Ended.Sub(r.Started)) / float64(s.interval))
	watched := min(time.Duration(intervals+1)*s.interval, took)
	return monitorSummary{
		application: application, interval: s.interval, watched: watched, report: r, verdict: judged,
		pool: poolForWatch(r, judged.Diagnoses),
	}, nil
}

// text is the report for people.
func (s monitorSummary) text(t terminal) string {
	var b strings.Builder
	r := s.report
	fmt.Fprintf(&b, "\nReport on %s: %s in %s, one every %s\n", text.Line(s.application), text.Counted(r.Samples, "sample"),
		text.Length(s.watched.Round(time.Second/10)), text.Length(s.interval))
	if r.Failed > 0 {
		fmt.Fprintf(&b, "  %s the database did not answer\n", text.Counted(r.Failed, "more time"))
	}
	if r.Active != nil {
		s.levels(&b)
	}
	b.WriteByte('\n')
	s.judgment(&b, t)
	return b.String()
}

func (s monitorSummary) levels(b *strings.Builder) {
	r := s.report
	line := labeled(b)
	level := func(label string, l *monitor.Level) {
		if l != nil {
			line(label, "peak %d, mean %.1f, p95 %d", l.Peak, l.Mean, l.P95)
		}
	}
	line("Pool", "%s", s.poolText())
	active := "Active"
	if r.AtLeast > 0 {
		active += ", at least"
	}
	level(active, r.Active)
	level("Open", r.Open)
	level("Checked out (app)", r.CheckedOut)
	level("Waiting (app)", r.Waiting)
	if w := r.Fullest; w != nil && w.Workers > 1 {
		line("Fullest worker", "peak %d of %d checked out%s", w.CheckedOut.Peak, w.Capacity, ofPID(w.PID))
	}
	if p := r.Pooler; p != nil && p.Told {
		line(p.Version, "%d of %d server connections in use, up to %d clients waiting, for up to %v",
			p.ServersActive, p.PoolSize, p.MostQueued, monitor.Seconds(p.LongestWait).Round(time.Millisecond))
	}
	line("Utilization", "%.1f %% of the base size on average", 100*r.Utilization)
	line("Available", "lowest %d", r.LeastAvailable)
	line("In overflow", "%.1f %% of the time", 100*r.InOverflow)
	line("Longest transaction", "%s", text.Length(monitor.Seconds(r.LongestTransaction)))
	if r.CPU != nil {
		line("Database CPU", "mean %.1f %%, peak %.1f %%", r.CPU.Mean, r.CPU.Peak)
	}
	if r.Hidden > 0 {
		line("Hidden", "up to %d sessions", r.Hidden)
	}
}

// diagnoses are the causes, the most likely first.
func (s monitorSummary) diagnoses(b *strings.Builder) {
	for _, d := range s.verdict.Diagnoses {
		fmt.Fprintf(b, "\n  %s\n", d.Title())
		for _, evidence := range d.Evidence {
			fmt.Fprintf(b, "    %s\n", evidence)
		}
		fmt.Fprintf(b, "    -> %s\n", d.Remedy)
	}
	if len(s.verdict.Diagnoses) > 0 || s.report.Seen == 0 {
		return
	}
	b.WriteString("\n  Nothing was found that slows the application down")
	if s.report.Hidden > 0 {
		b.WriteString(", but not all was seen: GRANT pg_read_all_stats to the monitor's role")
	}
	b.WriteString(".\n  Requests that fail at once are not seen from here: the application's log and PostgreSQL's say why they do.\n")
}

// poolText is "20+40", of how many workers where there are several.
func (s monitorSummary) poolText() string {
	p := s.report.Pool
	sums := fmt.Sprintf("%d+%d", p.Size, p.MaxOverflow)
	if p.Workers > 1 {
		sums += fmt.Sprintf(", in %d workers of %s", p.Workers, p.One())
	}
	return sums
}

func (s monitorSummary) judgment(b *strings.Builder, t terminal) {
	for _, row := range s.verdict.Rows {
		fmt.Fprintf(b, "  %s  %-22s %-10s %s\n", t.paint(row.Verdict.Color(), fmt.Sprintf("%-7s", row.Verdict)),
			row.Title, row.MeasuredText(), limits[row.Name])
		if row.Reason != "" {
			fmt.Fprintf(b, "           %s\n", row.Reason)
		}
	}
	s.diagnoses(b)
	for _, note := range s.verdict.Notes {
		fmt.Fprintf(b, "  Note: %s\n", note)
	}
	fmt.Fprintf(b, "\n%s\n", s.pool.text())
	fmt.Fprintf(b, "\nVerdict: %s\n", t.paint(s.verdict.Verdict.Color(), string(s.verdict.Verdict)))
}

// limits are the runbook's, in words.
var limits = map[string]string{
	"active_connections":    "p95 of the base size, limit below 80 %",
	"available_connections": "lowest, limit above 0",
	"overflow_time":         "of the time, limit below 10 %",
	"lower_bound":           "of the time, limit below 10 %",
}

func ofPID(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
