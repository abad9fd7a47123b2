package workload

import (
	"regexp"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/sqltext"
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
			s.advance(sqltext.LineEnd(rest))
		case strings.HasPrefix(rest, "/*"):
			s.advance(sqltext.CommentEnd(rest))
		default:
			return
		}
	}
}

func (s *scanner) advance(n int) {
	s.line += strings.Count(s.text[s.at:s.at+n], "\n")
	s.at += n
}

var continued = regexp.MustCompile(`\\[ \t\r]*\n`)

// command reads a backslash command; a backslash at the end of its line continues it.
func (s *scanner) command() part {
	found := part{kind: partCommand, line: s.line}
	s.advance(1)
	rest := s.text[s.at:]
	end := sqltext.LineEnd(rest)
	for end < len(rest) && strings.HasSuffix(strings.TrimRight(rest[:end], " \t\r"), `\`) {
		end += 1 + sqltext.LineEnd(rest[end+1:])
	}
	found.text = strings.Map(blank, continued.ReplaceAllString(rest[:end], " "))
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
		n := sqltext.Length(rest, s.at > 0 && sqltext.IsNameByte(s.text[s.at-1]))
		if n < 0 {
			return found, position{name, s.line}.errorf("%s without an end", short(strings.SplitN(rest, "\n", 2)[0]))
		}
		s.advance(n)
	}
	found.text = strings.TrimSpace(s.text[begin:])
	return found, nil
}
