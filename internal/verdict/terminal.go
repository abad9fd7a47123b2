package verdict

import (
	"fmt"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

const (
	labelWidth = 15
	indent     = "  "
)

// Terminal renders the report for people at a terminal. Lines are at most width
// characters long where words allow it; 0 is no limit, for a pipe. Color is up
// to the caller, who knows whether this is a terminal and whether NO_COLOR is
// set.
func (r Report) Terminal(color bool, width int) string {
	t := &terminal{color: color, width: width}
	t.say("")
	if r.Setup != nil {
		t.setup(r)
		return t.out.String()
	}
	t.hang(t.paint(r.Verdict, string(r.Verdict))+indent, len(r.Verdict)+len(indent), r.Run.title())
	t.say("")
	t.out.WriteString(r.table().Text(text.Layout{Indent: indent, Width: width, Paint: t.verdicts(r.Rows)}))
	t.explanations(r.Rows)
	t.diagnoses(r.Diagnoses)
	t.overview(r)
	t.statements(r)
	t.notes(r.Notes)
	t.say("")
	t.hang(indent, len(indent), r.GateText())
	t.say(t.paint(r.Verdict, string(r.Verdict)))
	return t.out.String()
}

type terminal struct {
	out   strings.Builder
	color bool
	width int
}

func (t *terminal) say(line string) { t.out.WriteString(line + "\n") }

// hang says a text behind a prefix that takes so many columns.
func (t *terminal) hang(prefix string, columns int, s string) {
	t.out.WriteString(text.Hang(prefix, columns, s, t.width))
}

// setup says why nothing ran, and what to do.
func (t *terminal) setup(r Report) {
	t.hang(t.paint(r.Verdict, string(r.Verdict))+": ", len(r.Verdict)+len(": "), r.Setup.Reason())
	for _, more := range []string{r.Setup.Advice, r.GateText()} {
		if more != "" {
			t.say("")
			t.hang(indent, len(indent), more)
		}
	}
	t.say(t.paint(r.Verdict, string(r.Verdict)))
}

// verdicts colors the last column.
func (t *terminal) verdicts(rows []Row) func(row, column int, s string) string {
	return func(row, column int, s string) string {
		if column == 3 {
			return t.paint(rows[row].Verdict, s)
		}
		return s
	}
}

func (t *terminal) explanations(rows []Row) {
	for _, row := range explained(rows) {
		t.say("")
		t.hang(indent+t.paint(row.Verdict, row.VerdictText())+" ", len(indent+row.VerdictText())+1,
			row.Title+": "+row.Reason)
		if row.Advice != "" {
			t.hang(indent+indent, 2*len(indent), row.Advice)
		}
	}
}

func (t *terminal) diagnoses(diagnoses []diagnosis.Diagnosis) {
	for i, d := range diagnoses {
		t.say("")
		before := fmt.Sprintf("%sDiagnosis %d: ", indent, i+1)
		t.hang(before, len(before), d.Title())
		t.hang(indent+indent, 2*len(indent), d.EvidenceText())
		t.hang(indent+indent, 2*len(indent), d.Remedy)
	}
}

func (t *terminal) overview(r Report) {
	lines := r.Overview().lines(r.Run)
	if len(lines) > 0 {
		t.say("")
	}
	for _, line := range lines {
		t.hang(indent+text.Pad(line.label, labelWidth), len(indent)+labelWidth, line.text)
	}
}

func (t *terminal) statements(r Report) {
	if table, found := r.StatementsTable(); found {
		t.say("")
		t.out.WriteString(table.Text(text.Layout{Indent: indent, Width: t.width}))
	}
}

func (t *terminal) notes(notes []string) {
	if len(notes) > 0 {
		t.say("")
	}
	for _, note := range notes {
		t.hang(indent+"Note: ", len(indent+"Note: "), note)
	}
}

// paint colors a text by the verdict.
func (t *terminal) paint(v Verdict, s string) string {
	if !t.color {
		return s
	}
	return v.Color().Paint(s)
}

// Color is the verdict's on a terminal.
func (v Verdict) Color() text.Color {
	switch v {
	case Pass:
		return text.Green
	case Warning:
		return text.Yellow
	default:
		return text.Red
	}
}
