package experiment

import (
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/report"
)

// Markdown implements [Result].
func (d *document) Markdown() string {
	var b strings.Builder
	for _, s := range d.sections {
		b.WriteString("\n## " + escape(s.Title) + "\n")
		for _, table := range s.Tables {
			writeTable(&b, table)
		}
		for _, text := range s.Text {
			b.WriteString("\n" + escape(text) + "\n")
		}
		for _, f := range s.code {
			b.WriteString("\n" + escape(f.where) + ":\n\n```" + f.kind + "\n" + f.text + "\n```\n")
		}
	}
	return b.String()
}

func writeTable(b *strings.Builder, table report.Table) {
	b.WriteString("\n")
	if table.Caption != "" {
		b.WriteString(escape(table.Caption) + "\n\n")
	}
	writeRow(b, table.Columns, len(table.Columns))
	rule := make([]string, len(table.Columns))
	for column := range rule {
		rule[column] = "---"
		if column > 0 && !isText(table, column) {
			rule[column] = "---:"
		}
	}
	b.WriteString("| " + strings.Join(rule, " | ") + " |\n")
	for _, row := range table.Rows {
		writeRow(b, row, len(table.Columns))
	}
}

func writeRow(b *strings.Builder, row []string, columns int) {
	for column := range columns {
		b.WriteString("| " + escape(cell(row, column)) + " ")
	}
	b.WriteString("|\n")
}

// escape keeps text from becoming mark-up.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "\\`", "\n", " ").Replace(text)
}
