package experiment

import (
	"maps"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/report"
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
