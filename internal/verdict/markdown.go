package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
)

// Markdown renders results/summary.md, in GitHub's dialect.
func (r Report) Markdown() string {
	m := &markdown{}
	m.printf("# %s\n\n%s\n\n", r.Verdict, m.text(r.Run.title()))
	m.table([]string{"Criterion", "Measured", "PASS limit", "Verdict"}, r.cells())
	m.explanations(r.Rows)
	m.diagnoses(r.Diagnoses)
	m.overview(r)
	m.notes(r.Notes)
	m.run(r.Run)
	m.printf("%s\n\n**%s**\n", m.text(r.GateText()), r.Verdict)
	return m.String()
}

func (r Report) cells() [][]string {
	cells := make([][]string, len(r.Rows))
	for i, row := range r.Rows {
		cells[i] = []string{
			row.Criterion.Title, row.MeasuredText(), row.Criterion.LimitText(), row.VerdictText(),
		}
	}
	return cells
}

type markdown struct{ strings.Builder }

func (m *markdown) printf(format string, args ...any) {
	fmt.Fprintf(&m.Builder, format, args...)
}

// markup holds every character that means something in Markdown or in the HTML
// that Markdown lets through.
var markup = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;",
	`\`, `\\`, "`", "\\`", "|", `\|`, "*", `\*`, "_", `\_`,
	"[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`, "!", `\!`,
)

// text makes a text that came from outside plain text on one line.
func (*markdown) text(text string) string { return markup.Replace(Clean(text)) }

func (m *markdown) table(header []string, rows [][]string) {
	m.printf("| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	for _, row := range rows {
		escaped := make([]string, len(row))
		for i, cell := range row {
			escaped[i] = m.text(cell)
		}
		m.printf("| %s |\n", strings.Join(escaped, " | "))
	}
	m.printf("\n")
}

func (m *markdown) explanations(rows []Row) {
	said := false
	for _, row := range rows {
		if row.Reason == "" {
			continue
		}
		m.printf("- **%s** %s: %s\n", row.VerdictText(), m.text(row.Criterion.Title), m.text(row.explanation()))
		said = true
	}
	if said {
		m.printf("\n")
	}
}

func (m *markdown) diagnoses(diagnoses []diagnosis.Diagnosis) {
	for i, d := range diagnoses {
		m.printf("%d. **Diagnosis: %s**: %s %s\n", i+1, m.text(d.Title()), m.text(d.Figures()), m.text(d.Remedy))
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
	cells := make([][]string, len(lines))
	for i, line := range lines {
		cells[i] = []string{line.label, line.text}
	}
	m.table([]string{"Figure", "Value"}, cells)
}

func (m *markdown) notes(notes []string) {
	for _, note := range notes {
		m.printf("> %s\n\n", m.text(note))
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
		m.table([]string{"Run", "Value"}, cells)
	}
}
