package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// longestValue is how much of one value a message repeats, in characters.
	longestValue = 200
	// longestLine is how long a line of any number of values may be.
	longestLine = 2000
)

// Clean makes a text safe for a terminal: control characters (escape sequences
// begin with one), characters that reorder what follows and broken UTF-8 become
// U+FFFD, white space becomes a space.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// Line makes a text from anywhere one line that may be shown: without passwords
// and escape sequences, white space folded, every word cut at 200 characters and
// the whole at 2,000.
func Line(s string) string {
	words := strings.Fields(Redact(Clean(s)))
	for i, word := range words {
		words[i] = cut(word, longestValue)
	}
	return cut(strings.Join(words, " "), longestLine)
}

// Lines is [Line] for each of several texts.
func Lines(all []string) []string {
	lines := make([]string, len(all))
	for i, s := range all {
		lines[i] = Line(s)
	}
	return lines
}

// Value is [Line] for a single value of a message: cut at 200 characters,
// followed by how many it has.
func Value(s string) string {
	return cut(strings.Join(strings.Fields(Redact(Clean(s))), " "), longestValue)
}

// Quote is [Value] in quotation marks.
func Quote(s string) string { return strconv.Quote(Value(s)) }

func cut(s string, most int) string {
	length := utf8.RuneCountInString(s)
	if length <= most {
		return s
	}
	end := 0
	for range most {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return fmt.Sprintf("%s… (%d characters)", s[:end], length)
}
