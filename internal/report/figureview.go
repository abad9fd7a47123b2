package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// colors is how many colors of series the style sheet has.
const colors = 8

// figureView is a chart on the page.
type figureView struct {
	ID     string
	Title  string
	XLabel string
	YLabel string
	Absent string // instead of everything below
	Label  string // for those who do not see it
	Legend []legendItem
	Images []image
	Table  tableView
}

// image is a chart drawn in one format.
type image struct {
	Class         string
	Width, Height int
	Content       template.HTML
}

// legendItem is a series or a line across the chart, with its sample's class.
type legendItem struct {
	Class string
	Name  string
}

// views gives figures their places on the page; prefix makes their ids unique.
func views(prefix string, figures []figure) ([]figureView, error) {
	shown := make([]figureView, len(figures))
	for i, f := range figures {
		shown[i] = figureView{
			ID: fmt.Sprintf("%s-%d", prefix, i+1), Title: f.Title, XLabel: f.XLabel, YLabel: f.YLabel,
		}
		if f.empty() {
			shown[i].Absent = f.absent
			continue
		}
		for _, size := range formats {
			content, err := f.draw(size)
			if err != nil {
				return nil, err
			}
			shown[i].Images = append(shown[i].Images, image{
				size.class, size.width, size.height,
				template.HTML(content), // #nosec G203 -- the library escapes the texts in it, and hover its own
			})
		}
		shown[i].Label, shown[i].Legend, shown[i].Table = f.label(), f.legend(), viewOf(f.table())
	}
	return shown, nil
}

func (f figure) legend() []legendItem {
	var items []legendItem
	kind := "line"
	if f.Kind == Bars {
		kind = "bar"
	}
	for i, s := range f.Series {
		name := s.Name
		switch {
		case s.empty():
			name += ", no values"
		case len(s.Low) > 0 && f.clock:
			name += ", mean and extremes"
		}
		items = append(items, legendItem{fmt.Sprintf("%s s%d", kind, i%colors), name})
	}
	for _, l := range f.Limits {
		items = append(items, legendItem{"limit", l.Name})
	}
	if !f.clock { // those of the run are its phases, which have a table
		for _, m := range f.Marks {
			items = append(items, legendItem{"mark", m.Label})
		}
	}
	return items
}

// label says what the chart shows, in words.
func (f figure) label() string {
	parts := []string{f.Title}
	for _, s := range f.Series {
		if low, high, ok := s.ends(); ok {
			parts = append(parts, fmt.Sprintf("%s from %s to %s", s.Name, text.Number(low), text.Number(high)))
		}
	}
	for _, l := range f.Limits {
		parts = append(parts, l.Name)
	}
	for _, m := range f.Marks {
		parts = append(parts, fmt.Sprintf("%s at %s", m.Label, f.place(m.X)))
	}
	return strings.Join(parts, "; ")
}

// ends are the smallest and the largest value.
func (s Series) ends() (low, high float64, ok bool) {
	values := finite(s.Values)
	if len(values) == 0 {
		return 0, 0, false
	}
	return slices.Min(values), slices.Max(values), true
}

// place writes a place on the X axis.
func (f figure) place(x float64) string {
	if f.clock {
		return clock(x)
	}
	return text.Number(x)
}

// table holds the values that were drawn.
func (f figure) table() text.Table {
	first, places := f.XLabel, f.Categories
	if f.Kind == Lines {
		places = make([]string, len(f.X))
		for i, x := range f.X {
			places[i] = f.place(x)
		}
	}
	t := text.Table{Columns: text.Words(first), Rows: make([][]string, len(places))}
	for i, place := range places {
		t.Rows[i] = []string{place}
	}
	column := func(name string, values []float64) {
		t.Columns = append(t.Columns, text.Numbers(name)...)
		for i, value := range values {
			t.Rows[i] = append(t.Rows[i], text.Number(value))
		}
	}
	for _, s := range f.Series {
		column(s.Name, s.Values)
		if len(s.Low) > 0 {
			column(s.Name+", low", s.Low)
			column(s.Name+", high", s.High)
		}
	}
	return t
}
