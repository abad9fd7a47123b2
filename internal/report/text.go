package report

import (
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// plain is the section with every text fit to be shown.
func (s Section) plain() Section {
	clean := Section{Title: text.Line(s.Title), Text: text.Lines(s.Text), Tables: s.Tables}
	for _, c := range s.Charts {
		clean.Charts = append(clean.Charts, c.plain())
	}
	for _, snippet := range s.Snippets {
		clean.Snippets = append(clean.Snippets, snippet.plain())
	}
	return clean
}

// plain keeps the lines and their indentation.
func (s Snippet) plain() Snippet {
	lines := strings.Split(s.Text, "\n")
	for i, line := range lines {
		bare := strings.TrimLeft(line, " ")
		lines[i] = line[:len(line)-len(bare)] + text.Line(bare)
	}
	return Snippet{Caption: text.Line(s.Caption), Text: strings.Join(lines, "\n")}
}

func (c Chart) plain() Chart {
	clean := c
	clean.Title, clean.XLabel, clean.YLabel = text.Line(c.Title), text.Line(c.XLabel), text.Line(c.YLabel)
	clean.Categories = text.Lines(c.Categories)
	clean.Series, clean.Marks = nil, nil
	for _, s := range c.Series {
		s.Name = text.Line(s.Name)
		clean.Series = append(clean.Series, s)
	}
	for _, m := range c.Marks {
		clean.Marks = append(clean.Marks, Mark{X: m.X, Label: text.Line(m.Label)})
	}
	return clean
}
