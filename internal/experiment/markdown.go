package experiment

import (
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

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
