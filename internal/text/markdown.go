package text

import "strings"

// markup holds every character that means something in Markdown or in the HTML
// that Markdown lets through.
var markup = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;",
	`\`, `\\`, "`", "\\`", "|", `\|`, "*", `\*`, "_", `\_`,
	"[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`, "!", `\!`,
)

// Markdown makes a text from anywhere plain text on one line of Markdown.
func Markdown(s string) string { return markup.Replace(Line(s)) }

// Markdown writes the table in GitHub's dialect.
func (t Table) Markdown() string {
	var b strings.Builder
	if t.Caption != "" {
		b.WriteString(Markdown(t.Caption) + "\n\n")
	}
	for row := -1; row < len(t.Rows); row++ {
		for column := range t.Columns {
			b.WriteString("| " + markup.Replace(t.shown(row, column)) + " ")
		}
		b.WriteString("|\n")
		if row < 0 {
			b.WriteString(t.rule())
		}
	}
	return b.String()
}

func (t Table) rule() string {
	rule := "|"
	for _, column := range t.Columns {
		if column.Right {
			rule += " ---: |"
		} else {
			rule += " --- |"
		}
	}
	return rule + "\n"
}
