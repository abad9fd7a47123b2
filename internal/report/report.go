package report

import (
	"bytes"
	_ "embed" // the page and its style sheet
	"fmt"
	"html/template"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleSheet string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"breakable": breakable,
	"class":     classOf,
	"line":      func(s any) string { return text.Line(fmt.Sprint(s)) },
	"lines":     lines,
}).Parse(pageText))

// HTML renders results/report.html. It fails on a [Section] that cannot be
// shown as it was given.
func HTML(in Input) ([]byte, error) {
	for _, section := range in.Sections {
		if err := section.validate(); err != nil {
			return nil, fmt.Errorf("report: section %s: %w", text.Quote(section.Title), err)
		}
	}
	view, err := pageOf(in)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	html := &bytes.Buffer{}
	if err := page.Execute(html, view); err != nil {
		return nil, fmt.Errorf("report: writing the page: %w", err)
	}
	return html.Bytes(), nil
}

// lines is [text.Line] for each line of a text, behind its indentation.
func lines(s string) string {
	all := strings.Split(s, "\n")
	for i, line := range all {
		bare := strings.TrimLeft(line, " ")
		all[i] = line[:len(line)-len(bare)] + text.Line(bare)
	}
	return strings.Join(all, "\n")
}

// breakable lets a name such as postgresql.work_mem be broken between its words.
func breakable(name string) template.HTML {
	escaped := template.HTMLEscapeString(text.Line(name))
	return template.HTML(strings.NewReplacer("_", "_<wbr>", ".", ".<wbr>").Replace(escaped)) // #nosec G203 -- escaped
}

// classOf is the style sheet's name of a verdict.
func classOf(v verdict.Verdict) string {
	switch v {
	case verdict.Pass, verdict.Warning:
		return strings.ToLower(string(v))
	default:
		return "fail"
	}
}
