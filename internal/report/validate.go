package report

import (
	"fmt"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// ChartError is a chart that cannot be drawn as it was given.
type ChartError struct {
	Chart   string // its title
	Problem string // what is wrong, with the value and what is accepted
}

func (e *ChartError) Error() string { return fmt.Sprintf("chart %q: %s", e.Chart, e.Problem) }

// TableError is a table with a row that does not fit its columns.
type TableError struct {
	Table   string // its caption
	Problem string
}

func (e *TableError) Error() string { return fmt.Sprintf("table %q: %s", e.Table, e.Problem) }

func (s Section) validate() error {
	for _, t := range s.Tables {
		if err := validTable(t); err != nil {
			return err
		}
	}
	for _, c := range s.Charts {
		if err := c.validate(); err != nil {
			return err
		}
	}
	return nil
}

func validTable(t text.Table) error {
	for i, row := range t.Rows {
		if len(row) > len(t.Columns) {
			return &TableError{t.Caption, fmt.Sprintf(
				"row %d has %d cells: accepted are at most as many as columns, %d", i+1, len(row), len(t.Columns))}
		}
	}
	return nil
}

func (c Chart) validate() error {
	places, axis := len(c.X), "X"
	switch c.Kind {
	case Lines:
		if !slices.IsSorted(c.X) || slices.ContainsFunc(c.X, func(x float64) bool { return !text.IsFinite(x) }) {
			return &ChartError{c.Title, "X is not a row of finite numbers in ascending order"}
		}
	case Bars:
		places, axis = len(c.Categories), "Categories"
	default:
		return &ChartError{c.Title, fmt.Sprintf("Kind is %d: accepted are Lines and Bars", c.Kind)}
	}
	for _, s := range c.Series {
		if problem := s.problem(axis, places); problem != "" {
			return &ChartError{c.Title, problem}
		}
	}
	for _, m := range c.Marks {
		if !text.IsFinite(m.X) {
			return &ChartError{c.Title, fmt.Sprintf("the mark %q is at %v: accepted are finite numbers", m.Label, m.X)}
		}
	}
	return nil
}

// problem says what is wrong with a series of a chart with so many places.
func (s Series) problem(axis string, places int) string {
	switch {
	case len(s.Values) != places:
		return fmt.Sprintf("series %q has %d values: accepted are as many as %s, %d",
			s.Name, len(s.Values), axis, places)
	case len(s.Low) != len(s.High), len(s.Low) != 0 && len(s.Low) != places:
		return fmt.Sprintf("series %q has %d Low and %d High: accepted are none, or as many as values, %d",
			s.Name, len(s.Low), len(s.High), places)
	default:
		return ""
	}
}
