package experiment

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flowboard/xk6-pgxpool/internal/report"
)

const (
	defaultWidth = 80
	indent       = "  "
	gap          = "  " // between columns
)

// Terminal implements [Result].
func (d *document) Terminal(width int) string {
	if width <= 0 {
		width = defaultWidth
	}
	t := &terminal{width: width}
	for _, s := range d.sections {
		t.section(s)
	}
	return t.String()
}

type terminal struct {
	strings.Builder
	width int
}

func (t *terminal) say(line string) {
	fmt.Fprintln(&t.Builder, strings.TrimRight(line, " "))
}

func (t *terminal) section(s section) {
	t.say("")
	t.say(s.Title)
	for _, table := range s.Tables {
		t.say("")
		t.table(table)
	}
	for _, text := range s.Text {
		t.say("")
		for _, line := range wrap(text, t.width-len(indent)) {
			t.say(indent + line)
		}
	}
	for _, f := range s.code {
		t.say("")
		t.say(indent + "# " + f.where)
		for line := range strings.SplitSeq(f.text, "\n") {
			t.say(indent + line)
		}
	}
}

// table writes a table in as many parts as the width asks for; each begins with
// the first column.
func (t *terminal) table(table report.Table) {
	if table.Caption != "" {
		t.say(indent + table.Caption)
	}
	widths := columnWidths(table)
	for from := 1; ; {
		to, room := from, t.width-len(indent)-widths[0]
		for to < len(widths) && (to == from || room >= len(gap)+widths[to]) {
			room -= len(gap) + widths[to]
			to++
		}
		if from > 1 {
			t.say("")
		}
		t.part(table, widths, from, to)
		if to >= len(widths) {
			return
		}
		from = to
	}
}

func (t *terminal) part(table report.Table, widths []int, from, to int) {
	rows := append([][]string{table.Columns}, table.Rows...)
	for _, row := range rows {
		line := indent + pad(cell(row, 0), widths[0])
		for column := from; column < to; column++ {
			text := cell(row, column)
			if isText(table, column) {
				line += gap + pad(text, widths[column])
			} else {
				line += gap + strings.Repeat(" ", widths[column]-utf8.RuneCountInString(text)) + text
			}
		}
		t.say(line)
	}
}

func columnWidths(table report.Table) []int {
	widths := make([]int, len(table.Columns))
	for column := range widths {
		widths[column] = utf8.RuneCountInString(table.Columns[column])
		for _, row := range table.Rows {
			widths[column] = max(widths[column], utf8.RuneCountInString(cell(row, column)))
		}
	}
	return widths
}

// isText tells whether a column holds words, which begin at the left. Numbers
// end at the right.
func isText(table report.Table, column int) bool {
	for _, row := range table.Rows {
		text := cell(row, column)
		if text != "" && text != none && !strings.ContainsAny(text[:1], "0123456789<>+-") && !strings.HasPrefix(text, "≥") && !strings.HasPrefix(text, "±") {
			return true
		}
	}
	return false
}

func cell(row []string, column int) string {
	if column >= len(row) {
		return ""
	}
	return row[column]
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// wrap breaks a text between words into lines of at most width.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
