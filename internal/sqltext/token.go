// Package sqltext cuts SQL into tokens as PostgreSQL's lexer does, as far as it takes to tell quoted text, comments,
// names, numbers and parameters apart, and takes literals out of statements.
package sqltext

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Kind is what a token is.
type Kind int

// The kinds of tokens.
const (
	Space Kind = iota
	Comment
	Name       // a keyword too
	Identifier // in double quotes
	String     // in single or dollar quotes, an E before the quote included
	Number
	Parameter // $1
	Sign      // one byte of anything else
)

// Token is a piece of a statement.
type Token struct {
	Kind Kind
	Text string
	Open bool // quoted text or a comment whose end is missing
}

// Several tells whether a text holds more than one statement: something behind a
// semicolon that is neither quoted nor in a body of BEGIN ATOMIC, which is left to
// the server.
func Several(text string) bool {
	if !strings.Contains(strings.TrimRight(text, "; \t\r\n"), ";") {
		return false // nearly every text
	}
	depth, began, ended := 0, false, false
	for _, t := range Tokens(text) {
		switch {
		case t.Kind == Space || t.Kind == Comment:
		case t.Text == ";":
			ended = ended || began && depth == 0
		case ended:
			return true
		case t.Text == "(":
			depth++
		case t.Text == ")":
			depth--
		case strings.EqualFold(t.Text, "atomic"):
			return false
		default:
			began = true
		}
	}
	return false
}

// Tokens cuts a text; the tokens together are the text.
func Tokens(text string) []Token {
	var all []Token
	for len(text) > 0 {
		next := first(text, len(all) > 0 && all[len(all)-1].Kind == Name)
		all = append(all, next)
		text = text[len(next.Text):]
	}
	return all
}

var (
	spaces    = regexp.MustCompile(`^\s+`)
	names     = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_$]*`)
	numbers   = regexp.MustCompile(`^\.?[0-9](?:[eE][-+]?[0-9]|[0-9A-Za-z_.])*`)
	parameter = regexp.MustCompile(`^\$[0-9]+`)
)

// first is the token that text begins with; afterName tells that a name ends right before it.
func first(text string, afterName bool) Token {
	if n := Length(text, afterName); n != 1 {
		found := Token{Kind: quotedKind(text), Text: text}
		if n < 0 {
			found.Open = true
			return found
		}
		found.Text = text[:n]
		found.Open = strings.HasPrefix(text, "/*") && !strings.HasSuffix(found.Text, "*/")
		return found
	}
	for _, lexeme := range []struct {
		kind    Kind
		pattern *regexp.Regexp
	}{{Space, spaces}, {Name, names}, {Number, numbers}, {Parameter, parameter}} {
		if found := lexeme.pattern.FindString(text); found != "" {
			return Token{Kind: lexeme.kind, Text: found}
		}
	}
	_, size := utf8.DecodeRuneInString(text)
	return Token{Kind: Sign, Text: text[:size]}
}

func quotedKind(text string) Kind {
	switch text[0] {
	case '-', '/':
		return Comment
	case '"':
		return Identifier
	default:
		return String
	}
}

// Length is the length of the quoted text or comment that text begins with, else 1; -1 if quoted text has no end. A
// comment without an end is all of text. inName tells that text continues a name, in which a dollar is no quote.
func Length(text string, inName bool) int {
	switch {
	case text[0] == '\'' || text[0] == '"':
		return quotedLength(text, 0, false)
	case strings.HasPrefix(strings.ToLower(text[:min(2, len(text))]), "e'") && !inName:
		return quotedLength(text, 1, true)
	case strings.HasPrefix(text, "--"):
		return LineEnd(text)
	case strings.HasPrefix(text, "/*"):
		return CommentEnd(text)
	case text[0] == '$' && !inName:
		return dollarLength(text)
	}
	return 1
}

// LineEnd is the length of text's first line, without its end.
func LineEnd(text string) int {
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return end
	}
	return len(text)
}

// CommentEnd is the length of the comment that text begins with; comments nest. It is all of text if it has no end.
func CommentEnd(text string) int {
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

var dollarQuote = regexp.MustCompile(`^\$([\p{L}_][\p{L}\p{N}_]*)?\$`)

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

// IsNameByte tells whether a byte may be inside a name; those of multi-byte characters may.
func IsNameByte(b byte) bool {
	return b == '_' || b >= 0x80 || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
