package experiment

import (
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

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
