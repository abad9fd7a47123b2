package experiment

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Result is what an experiment found out.
type Result struct {
	Plan string // its name
	// Values are the gauges by metric name; what is not known is left out.
	Values map[string]float64
	// Unknown says of values that are left out why, where there is something to be
	// done about it.
	Unknown map[string]string
	// Answer is for the report's header; nil while it is not known.
	Answer   []report.Fact
	Sections []report.Section
}

func newResult(plan string, done, left int) *Result {
	return &Result{Plan: plan, Values: map[string]float64{metricSteps: float64(done), metricLeft: float64(left)}}
}

// paragraphs are the sentences that there are: one that has nothing to say is empty.
func paragraphs(sentences ...string) []string {
	return slices.DeleteFunc(sentences, func(s string) bool { return s == "" })
}

// showDuration writes a duration that a configuration holds as it was given.
func showDuration(s string) string {
	if d, err := time.ParseDuration(s); err == nil {
		return text.Setting(d)
	}
	return s
}

// String writes a ratio with its interval: "0.45× (0.41–0.50)".
func (i interval) String() string {
	if !i.hasInterval() {
		return text.Ratio.Format(i.value)
	}
	return fmt.Sprintf("%s (%s–%s)", text.Ratio.Format(i.value), text.Factor(i.low), text.Factor(i.high))
}

const indent = "  "

// Terminal renders it for people at a terminal. Lines are at most width
// characters long where words and one column of a table allow it; 0 means 80.
func (r *Result) Terminal(width int) string {
	var b strings.Builder
	for _, s := range r.Sections {
		b.WriteString("\n" + s.Title + "\n")
		for _, table := range s.Tables {
			b.WriteString("\n" + table.Text(text.Layout{Indent: indent, Width: width}))
		}
		for _, paragraph := range s.Text {
			b.WriteString("\n" + text.Hang(indent, len(indent), paragraph, width))
		}
		for _, f := range s.Snippets {
			b.WriteString("\n" + indent + "# " + f.Caption + "\n")
			for line := range strings.SplitSeq(f.Text, "\n") {
				b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
			}
		}
	}
	return b.String()
}

// Markdown renders it in GitHub's dialect.
func (r *Result) Markdown() string {
	var b strings.Builder
	for _, s := range r.Sections {
		b.WriteString("\n## " + text.Markdown(s.Title) + "\n")
		for _, table := range s.Tables {
			b.WriteString("\n" + table.Markdown())
		}
		for _, paragraph := range s.Text {
			b.WriteString("\n" + text.Markdown(paragraph) + "\n")
		}
		for _, f := range s.Snippets {
			b.WriteString("\n" + text.Markdown(f.Caption) + ":\n\n```" + f.Language + "\n" + f.Text + "\n```\n")
		}
	}
	return b.String()
}
