package report

import (
	"bytes"
	_ "embed" // the page and its style sheet
	"fmt"
	"html/template"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleSheet string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"breakable": breakable,
	"class":     classOf,
	"line":      func(s any) string { return text.Line(fmt.Sprint(s)) },
}).Parse(pageText))

// HTML renders results/report.html. It fails on a [Section] that cannot be
// shown as it was given.
func HTML(in Input) ([]byte, error) {
	sections := make([]Section, len(in.Sections))
	for i, section := range in.Sections {
		sections[i] = section.plain()
		if err := sections[i].validate(); err != nil {
			return nil, fmt.Errorf("report: section %q: %w", sections[i].Title, err)
		}
	}
	view, err := pageOf(in, sections)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	html := &bytes.Buffer{}
	if err := page.Execute(html, view); err != nil {
		return nil, fmt.Errorf("report: writing the page: %w", err)
	}
	return html.Bytes(), nil
}
