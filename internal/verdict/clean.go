package verdict

import (
	"strings"
	"unicode"
)

// Clean makes a text safe to print on one line: control characters (escape
// sequences begin with one) and those that reorder what follows become U+FFFD,
// white space becomes a space, broken UTF-8 becomes U+FFFD.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

// wrap breaks a text into lines of at most width characters, at spaces; a word
// longer than that gets a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case runes(line)+1+runes(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func runes(text string) int { return len([]rune(text)) }

// pad fills a text with spaces to at least width characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-runes(text)))
}
