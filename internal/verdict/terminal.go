package verdict

import (
	"fmt"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
)

// Columns of the table; together with the last one they fit 80 characters.
const (
	defaultWidth = 80
	titleWidth   = 26
	figureWidth  = 14
	limitWidth   = 14
	labelWidth   = 15
	indent       = "  "
)

// Terminal renders the report for people at a terminal. Lines are at most width
// characters long where words allow it; 0 means 80. Colour is up to the caller,
// who knows whether this is a terminal and whether NO_COLOR is set.
func (r Report) Terminal(colour bool, width int) string {
	if width <= 0 {
		width = defaultWidth
	}
	t := &terminal{colour: colour, width: width}
	t.say("")
	t.wrapped(t.paint(r.Verdict, string(r.Verdict))+indent, len(r.Verdict)+len(indent), r.Run.title())
	t.say("")
	t.table(r.Rows)
	t.explanations(r.Rows)
	t.diagnoses(r.Diagnoses)
	t.overview(r)
	t.notes(r.Notes)
	t.say("")
	t.wrapped(indent, len(indent), r.GateText())
	t.say(t.paint(r.Verdict, string(r.Verdict)))
	return t.String()
}

// terminal builds the text. Everything that came from outside passes clean
// before it is printed.
type terminal struct {
	strings.Builder
	colour bool
	width  int
}

func (t *terminal) say(line string) {
	fmt.Fprintln(&t.Builder, strings.TrimRight(line, " "))
}

// wrapped says a text behind a first prefix; further lines are indented by the
// prefix's visible width.
func (t *terminal) wrapped(prefix string, visible int, text string) {
	lines := wrap(Clean(text), t.width-visible)
	if len(lines) == 0 {
		lines = []string{""}
	}
	t.say(prefix + lines[0])
	for _, line := range lines[1:] {
		t.say(strings.Repeat(" ", visible) + line)
	}
}

func (t *terminal) table(rows []Row) {
	t.row("Criterion", "Measured", "PASS limit", "Verdict")
	for _, row := range rows {
		t.row(row.Criterion.Title, row.MeasuredText(), row.Criterion.LimitText(),
			t.paint(row.Verdict, row.VerdictText()))
	}
}

func (t *terminal) row(title, measured, limit, verdict string) {
	t.say(indent + pad(Clean(title), titleWidth) + pad(measured, figureWidth) +
		pad(limit, limitWidth) + verdict)
}

func (t *terminal) explanations(rows []Row) {
	for _, row := range rows {
		if row.Reason == "" {
			continue
		}
		t.say("")
		t.wrapped(indent+t.paint(row.Verdict, row.VerdictText())+" ", len(indent+row.VerdictText())+1,
			row.Criterion.Title+": "+row.Reason)
		if row.Advice != "" {
			t.wrapped(indent+indent, 2*len(indent), row.Advice)
		}
	}
}

func (t *terminal) diagnoses(diagnoses []diagnosis.Diagnosis) {
	for i, d := range diagnoses {
		t.say("")
		before := fmt.Sprintf("%sDiagnosis %d: ", indent, i+1)
		t.wrapped(before, len(before), d.Title())
		t.wrapped(indent+indent, 2*len(indent), d.Figures())
		t.wrapped(indent+indent, 2*len(indent), d.Remedy)
	}
}

func (t *terminal) overview(r Report) {
	lines := r.Overview().lines(r.Run)
	if len(lines) > 0 {
		t.say("")
	}
	for _, line := range lines {
		t.wrapped(indent+pad(line.label, labelWidth), len(indent)+labelWidth, line.text)
	}
}

func (t *terminal) notes(notes []string) {
	if len(notes) > 0 {
		t.say("")
	}
	for _, note := range notes {
		t.wrapped(indent+"Note: ", len(indent+"Note: "), note)
	}
}

// paint colours a text by the verdict: green, yellow, red.
func (t *terminal) paint(v Verdict, text string) string {
	if !t.colour {
		return text
	}
	return map[Verdict]string{Pass: "\x1b[32m", Warning: "\x1b[33m", Fail: "\x1b[31m"}[v] + text + "\x1b[0m"
}
