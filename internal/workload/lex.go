package workload

import (
	"fmt"
	"regexp"
	"strings"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenNumber
	tokenVariable
	tokenName // a keyword or function, in lower case
	tokenSign
)

type token struct {
	kind tokenKind
	text string
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenVariable:
		return ":" + t.text
	default:
		return t.text
	}
}

var tokens = []struct {
	kind    tokenKind
	pattern *regexp.Regexp
}{
	{tokenNumber, regexp.MustCompile(`^(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?`)},
	{tokenVariable, regexp.MustCompile(`^:[\p{L}\p{N}_]+`)},
	{tokenName, regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)},
	{tokenSign, regexp.MustCompile(`^(<=|>=|<>|!=|<<|>>|[-+*/%=<>&|#~(),])`)},
}

// lex cuts an expression into tokens, with the end as the last.
func lex(text string) ([]token, error) {
	var all []token
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		found, one := tokenEnd, ""
		for _, t := range tokens {
			if one = t.pattern.FindString(text); one != "" {
				found = t.kind
				break
			}
		}
		text = text[len(one):]
		switch found {
		case tokenEnd:
			return nil, fmt.Errorf("found %s; accepted: numbers, :variables, operators and functions", short(text))
		case tokenVariable:
			one = one[1:]
		case tokenName:
			one = strings.ToLower(one)
		}
		all = append(all, token{found, one})
	}
	return append(all, token{kind: tokenEnd}), nil
}
