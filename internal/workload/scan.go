package workload

import (
	"regexp"
	"strings"
)

type partKind int

const (
	partEnd partKind = iota
	partStatement
	partCommand
)

// part is a statement without its semicolon, or a command without its backslash.
type part struct {
	kind partKind
	text string
	line int // where it begins, from 1
}

// scanner cuts a file as psql does: a statement ends at a semicolon outside quotes, comments and parentheses, or where
// a backslash command begins; a command ends with its line, unless that ends with a backslash.
type scanner struct {
	text string
	at   int
	line int
}

// next gives the next statement or command of the file called name.
func (s *scanner) next(name string) (part, error) {
	for {
		s.skipBlanks()
		if s.at == len(s.text) {
			return part{kind: partEnd, line: s.line}, nil
		}
		if s.text[s.at] == '\\' {
			return s.command(), nil
		}
		found, err := s.statement(name)
		if err != nil || found.text != "" {
			return found, err
		}
	}
}

// skipBlanks passes over white space and comments between statements.
func (s *scanner) skipBlanks() {
	for s.at < len(s.text) {
		switch rest := s.text[s.at:]; {
		case strings.ContainsRune(" \t\r\n\f\v", rune(rest[0])):
			s.advance(1)
		case strings.HasPrefix(rest, "--"):
			s.advance(lineEnd(rest))
		case strings.HasPrefix(rest, "/*"):
			s.advance(commentEnd(rest))
		default:
			return
		}
	}
}

func (s *scanner) advance(n int) {
	s.line += strings.Count(s.text[s.at:s.at+n], "\n")
	s.at += n
}

func lineEnd(text string) int {
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return end
	}
	return len(text)
}

// commentEnd is the length of the comment that text begins with; comments nest. It is all of text if it has no end.
func commentEnd(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(text[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

var continued = regexp.MustCompile(`\\[ \t\r]*\n`)

// command reads a backslash command; a backslash at the end of its line continues it.
func (s *scanner) command() part {
	found := part{kind: partCommand, line: s.line}
	s.advance(1)
	rest := s.text[s.at:]
	end := lineEnd(rest)
	for end < len(rest) && strings.HasSuffix(strings.TrimRight(rest[:end], " \t\r"), `\`) {
		end += 1 + lineEnd(rest[end+1:])
	}
	found.text = strings.Map(blank, continued.ReplaceAllString(rest[:end], " "))
	if comment := strings.Index(found.text, "--"); comment > 0 && found.text[comment-1] == ' ' {
		found.text = found.text[:comment] // as in the scripts that people write; pgbench has no such expression
	}
	s.advance(end)
	return found
}

func blank(r rune) rune {
	if r == '\t' || r == '\r' || r == '\n' {
		return ' '
	}
	return r
}

var nesting = map[byte]int{'(': 1, '[': 1, ')': -1, ']': -1}

// statement reads up to a semicolon, a backslash or the end.
func (s *scanner) statement(name string) (part, error) {
	found := part{kind: partStatement, line: s.line}
	begin, depth := s.at, 0
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		c := rest[0]
		if c == '\\' && depth > 0 {
			return found, position{name, s.line}.errorf("a backslash command inside parentheses")
		}
		if c == '\\' || c == ';' && depth == 0 {
			found.text = strings.TrimSpace(s.text[begin:s.at])
			if c == ';' {
				s.advance(1)
			}
			return found, nil
		}
		depth = max(0, depth+nesting[c])
		n := tokenLength(rest, s.at > 0 && isNameByte(s.text[s.at-1]))
		if n < 0 {
			return found, position{name, s.line}.errorf("%s without an end", short(strings.SplitN(rest, "\n", 2)[0]))
		}
		s.advance(n)
	}
	found.text = strings.TrimSpace(s.text[begin:])
	return found, nil
}

var dollarQuote = regexp.MustCompile(`^\$([\p{L}_][\p{L}\p{N}_]*)?\$`)

// tokenLength is the length of the quoted text or comment that text begins with, else 1; -1 if it has no end.
// inName tells that it continues a name, in which a dollar is no quote.
func tokenLength(text string, inName bool) int {
	switch {
	case text[0] == '\'' || text[0] == '"':
		return quotedLength(text, 0, false)
	case strings.HasPrefix(strings.ToLower(text[:min(2, len(text))]), "e'") && !inName:
		return quotedLength(text, 1, true)
	case strings.HasPrefix(text, "--"):
		return lineEnd(text)
	case strings.HasPrefix(text, "/*"):
		return commentEnd(text)
	case text[0] == '$' && !inName:
		return dollarLength(text)
	}
	return 1
}

func dollarLength(text string) int {
	tag := dollarQuote.FindString(text)
	if tag == "" {
		return 1
	}
	end := strings.Index(text[len(tag):], tag)
	if end < 0 {
		return -1
	}
	return end + 2*len(tag)
}

// quotedLength is the length up to the closing quote; a doubled quote is one inside, and so is anything after a
// backslash in an E string. open is where the opening quote is.
func quotedLength(text string, open int, escapes bool) int {
	quote := text[open]
	for i := open + 1; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] != quote:
		case i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// isNameByte tells whether a byte may be inside a name; those of multi-byte characters may.
func isNameByte(b byte) bool {
	return b == '_' || b >= 0x80 || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
