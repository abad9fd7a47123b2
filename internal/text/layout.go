package text

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// DefaultWidth is that of a terminal that does not know its own, in columns.
const DefaultWidth = 80

// Width is how many columns of a terminal a text takes.
func Width(s string) int { return runewidth.StringWidth(s) }

// Pad fills a text with spaces at its end, to at least so many columns.
func Pad(s string, width int) string { return runewidth.FillRight(s, width) }

// Wrap breaks a text at spaces into lines of at most so many columns; a longer
// word has a line of its own. A width of 0 or less is no limit.
func Wrap(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case width <= 0, Width(line)+1+Width(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// Hang wraps a text behind a prefix that takes so many columns. Further lines
// are indented by as many. The text is made fit to be shown, the prefix is not.
func Hang(prefix string, columns int, s string, width int) string {
	if width > 0 {
		width = max(1, width-columns)
	}
	lines := Wrap(Line(s), width)
	return strings.TrimRight(prefix+strings.Join(lines, "\n"+strings.Repeat(" ", columns)), " ") + "\n"
}

// Color is how a text is colored on a terminal.
type Color string

// The colors of a verdict.
const (
	Green  Color = "\x1b[32m"
	Yellow Color = "\x1b[33m"
	Red    Color = "\x1b[31m"
)

// Paint colors a text.
func (c Color) Paint(s string) string { return string(c) + s + "\x1b[0m" }
