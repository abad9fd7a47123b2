package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// document is a [Result]: values, and what there is to read about them.
type document struct {
	values   map[string]float64
	unknown  map[string]string
	sections []section
	answer   []report.Fact
}

// Answer implements [Result].
func (d *document) Answer() []report.Fact { return slices.Clone(d.answer) }

// section is a part of it. What stands in a report.Section is for all readers,
// code is for pasting.
type section struct {
	report.Section
	code []fragment
}

// fragment is a text to be pasted somewhere.
type fragment struct {
	where string // such as ".env"
	kind  string // of the text, as Markdown names it
	text  string
}

// Values implements [Result].
func (d *document) Values() map[string]float64 { return maps.Clone(d.values) }

// Unknown implements [Result].
func (d *document) Unknown() map[string]string { return maps.Clone(d.unknown) }

// Sections implements [Result].
func (d *document) Sections() []report.Section {
	all := make([]report.Section, 0, len(d.sections))
	for _, s := range d.sections {
		whole := s.Section
		for _, f := range s.code {
			whole.Snippets = append(whole.Snippets, report.Snippet{Caption: f.where, Text: f.text})
		}
		all = append(all, whole)
	}
	return all
}

// say adds a sentence, where there is one.
func (s *section) say(sentence string) {
	if sentence != "" {
		s.Text = append(s.Text, sentence)
	}
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

// Terminal implements [Result].
func (d *document) Terminal(width int) string {
	var b strings.Builder
	for _, s := range d.sections {
		b.WriteString("\n" + s.Title + "\n")
		for _, table := range s.Tables {
			b.WriteString("\n" + table.Text(text.Layout{Indent: indent, Width: width}))
		}
		for _, paragraph := range s.Text {
			b.WriteString("\n" + text.Hang(indent, len(indent), paragraph, width))
		}
		for _, f := range s.code {
			b.WriteString("\n" + indent + "# " + f.where + "\n")
			for line := range strings.SplitSeq(f.text, "\n") {
				b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
			}
		}
	}
	return b.String()
}

// Markdown implements [Result].
func (d *document) Markdown() string {
	var b strings.Builder
	for _, s := range d.sections {
		b.WriteString("\n## " + text.Markdown(s.Title) + "\n")
		for _, table := range s.Tables {
			b.WriteString("\n" + table.Markdown())
		}
		for _, paragraph := range s.Text {
			b.WriteString("\n" + text.Markdown(paragraph) + "\n")
		}
		for _, f := range s.code {
			b.WriteString("\n" + text.Markdown(f.where) + ":\n\n```" + f.kind + "\n" + f.text + "\n```\n")
		}
	}
	return b.String()
}
