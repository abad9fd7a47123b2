package report

import (
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// plain makes a text that came from outside fit to be shown: without passwords,
// and without the characters that control or reorder what follows. Escaping is
// up to whoever writes it.
func plain(text string) string {
	return verdict.Redact(verdict.Clean(text))
}

func plainAll(texts []string) []string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = plain(text)
	}
	return all
}

// plain is the section with every text fit to be shown.
func (s Section) plain() Section {
	clean := Section{Title: plain(s.Title), Text: plainAll(s.Text)}
	for _, t := range s.Tables {
		clean.Tables = append(clean.Tables, t.plain())
	}
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
		text := strings.TrimLeft(line, " ")
		lines[i] = line[:len(line)-len(text)] + plain(text)
	}
	return Snippet{Caption: plain(s.Caption), Text: strings.Join(lines, "\n")}
}

func (t Table) plain() Table {
	clean := Table{Caption: plain(t.Caption), Columns: plainAll(t.Columns)}
	for _, row := range t.Rows {
		clean.Rows = append(clean.Rows, plainAll(row))
	}
	return clean
}

func (c Chart) plain() Chart {
	clean := c
	clean.Title, clean.XLabel, clean.YLabel = plain(c.Title), plain(c.XLabel), plain(c.YLabel)
	clean.Categories = plainAll(c.Categories)
	clean.Series, clean.Marks = nil, nil
	for _, s := range c.Series {
		s.Name = plain(s.Name)
		clean.Series = append(clean.Series, s)
	}
	for _, m := range c.Marks {
		clean.Marks = append(clean.Marks, Mark{X: m.X, Label: plain(m.Label)})
	}
	return clean
}
