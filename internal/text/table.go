package text

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// Table is a table of texts from anywhere. A row may be shorter than Columns,
// not longer.
type Table struct {
	Caption string
	Columns []Column
	Rows    [][]string
}

// Column is a column's heading and how what is in it is aligned.
type Column struct {
	Title string
	Right bool // numbers end at the right
}

// Words are columns of words, which begin at the left.
func Words(titles ...string) []Column { return columns(false, titles) }

// Numbers are columns of numbers, which end at the right.
func Numbers(titles ...string) []Column { return columns(true, titles) }

func columns(right bool, titles []string) []Column {
	all := make([]Column, len(titles))
	for i, title := range titles {
		all[i] = Column{title, right}
	}
	return all
}

// Cell is the text in a row's column, fit to be shown; "" where the row is
// shorter.
func (t Table) Cell(row, column int) string {
	if column >= len(t.Rows[row]) {
		return ""
	}
	s := t.Rows[row][column]
	line := Line(s)
	if column > 0 {
		return line
	}
	return s[:len(s)-len(strings.TrimLeft(s, " "))] + line // one that belongs to the row above
}

// Layout is how a table is written on a terminal.
type Layout struct {
	Indent string
	Width  int // in columns; 0 is no limit
	// Paint, where set, colors a cell that is ready to be written.
	Paint func(row, column int, s string) string
}

const gap = "  " // between columns

// Text writes the table for a terminal, in as many parts as its width asks for;
// each begins with the first column.
func (t Table) Text(l Layout) string {
	var b strings.Builder
	if t.Caption != "" {
		b.WriteString(l.Indent + Line(t.Caption) + "\n")
	}
	widths := t.widths()
	for from := 1; ; {
		to, room := from, l.Width-Width(l.Indent)-widths[0]
		for to < len(widths) && (l.Width <= 0 || to == from || room >= len(gap)+widths[to]) {
			room -= len(gap) + widths[to]
			to++
		}
		if from > 1 {
			b.WriteString("\n")
		}
		for row := -1; row < len(t.Rows); row++ {
			line := l.Indent + t.aligned(row, 0, widths[0], l)
			for column := from; column < to; column++ {
				line += gap + t.aligned(row, column, widths[column], l)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		if from = to; from >= len(widths) {
			return b.String()
		}
	}
}

// shown is a cell of a row, of the headings for -1.
func (t Table) shown(row, column int) string {
	if row < 0 {
		return Line(t.Columns[column].Title)
	}
	return t.Cell(row, column)
}

func (t Table) widths() []int {
	widths := make([]int, len(t.Columns))
	for column := range widths {
		for row := -1; row < len(t.Rows); row++ {
			widths[column] = max(widths[column], Width(t.shown(row, column)))
		}
	}
	return widths
}

func (t Table) aligned(row, column, width int, l Layout) string {
	s := t.shown(row, column)
	blank := strings.Repeat(" ", width-runewidth.StringWidth(s))
	if row >= 0 && l.Paint != nil {
		s = l.Paint(row, column, s)
	}
	if t.Columns[column].Right {
		return blank + s
	}
	return s + blank
}
