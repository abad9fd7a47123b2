package sqltext

import "strings"

// literal stands for what was taken out.
const literal = "?"

// WithoutLiterals folds a statement to one line, puts ? in place of its strings and numbers, which may be anybody's
// data, and leaves its comments out, which may quote them. The statement may be cut off anywhere: what has no end is
// taken for a literal.
func WithoutLiterals(statement string) string {
	var out strings.Builder
	for _, t := range Tokens(statement) {
		switch {
		case t.Kind == Comment:
			out.WriteByte(' ')
		case t.Kind == Number:
			out.WriteString(literal)
		case t.Open || t.Kind == String && t.ambiguous():
			out.WriteString(literal)
			return oneLine(out.String())
		case t.Kind == String:
			out.WriteString(literal)
		default:
			out.WriteString(t.Text)
		}
	}
	return oneLine(out.String())
}

// ambiguous tells whether a string ends elsewhere where standard_conforming_strings is off: with a backslash before a
// quote. Nothing after it can be trusted.
func (t Token) ambiguous() bool { return t.Text[0] == '\'' && strings.Contains(t.Text, `\'`) }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
