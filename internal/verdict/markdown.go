package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Markdown renders results/summary.md, in GitHub's dialect.
func (r Report) Markdown() string {
	m := &markdown{}
	if r.Setup != nil {
		m.printf("# %s: %s\n\n", r.Verdict, text.Markdown(r.Setup.Reason()))
		m.printf("%s\n\n%s\n\n", text.Markdown(r.Setup.Advice), text.Markdown(r.Run.title()))
	} else {
		m.printf("# %s\n\n%s\n\n", r.Verdict, text.Markdown(r.Run.title()))
		m.table(r.table())
	}
	m.explanations(r.Rows)
	m.diagnoses(r.Diagnoses)
	m.overview(r)
	if table, found := r.StatementsTable(); found {
		m.table(table)
	}
	m.notes(r.Notes)
	m.run(r.Run)
	m.printf("%s\n\n**%s**\n", text.Markdown(r.GateText()), r.Verdict)
	return m.String()
}

// table holds the criteria, for every report.
func (r Report) table() text.Table {
	t := text.Table{Columns: append(append(text.Words("Criterion"), text.Numbers("Measured", "PASS limit")...), text.Words("Verdict")...)}
	for _, row := range r.Rows {
		t.Rows = append(t.Rows, []string{
			row.Title, row.MeasuredText(), row.LimitText(), row.VerdictText(),
		})
	}
	return t
}

type markdown struct{ strings.Builder }

func (m *markdown) printf(format string, args ...any) {
	fmt.Fprintf(&m.Builder, format, args...)
}

func (m *markdown) table(t text.Table) { m.printf("%s\n", t.Markdown()) }

func (m *markdown) explanations(rows []Row) {
	explained := explained(rows)
	for _, row := range explained {
		m.printf("- **%s** %s: %s\n", row.VerdictText(), text.Markdown(row.Title), text.Markdown(row.explanation()))
	}
	if len(explained) > 0 {
		m.printf("\n")
	}
}

func (m *markdown) diagnoses(diagnoses []diagnosis.Diagnosis) {
	for i, d := range diagnoses {
		m.printf("%d. **Diagnosis: %s**: %s %s\n", i+1, text.Markdown(d.Title()), text.Markdown(d.EvidenceText()), text.Markdown(d.Remedy))
	}
	if len(diagnoses) > 0 {
		m.printf("\n")
	}
}

func (m *markdown) overview(r Report) {
	lines := r.Overview().lines(r.Run)
	if len(lines) == 0 {
		return
	}
	t := text.Table{Columns: text.Words("Metric", "Value")}
	for _, line := range lines {
		t.Rows = append(t.Rows, []string{line.label, line.text})
	}
	m.table(t)
}

func (m *markdown) notes(notes []string) {
	for _, note := range notes {
		m.printf("> %s\n\n", text.Markdown(note))
	}
}

// run says where and with what the run was made, as far as it is known.
func (m *markdown) run(r Run) {
	var cells [][]string
	add := func(name, value string) {
		if value != "" {
			cells = append(cells, []string{name, value})
		}
	}
	if !r.Started.IsZero() {
		add("started", r.Started.UTC().Format(time.RFC3339))
	}
	if r.Cores > 0 {
		add("cores", fmt.Sprint(r.Cores))
	}
	add("platform", r.Platform)
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		add(name, r.Versions[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Configuration)) {
		add(name, r.Configuration[name])
	}
	if len(cells) > 0 {
		m.table(text.Table{Columns: text.Words("Run", "Value"), Rows: cells})
	}
}
