package report

import (
	"fmt"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

func (s Section) validate() error {
	for _, t := range s.Tables {
		for i, row := range t.Rows {
			if len(row) > len(t.Columns) {
				return fmt.Errorf("table %s: row %d has %d cells; use at most as many as columns, %d",
					text.Quote(t.Caption), i+1, len(row), len(t.Columns))
			}
		}
	}
	for _, c := range s.Charts {
		if err := c.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (c Chart) validate() error {
	places, axis := len(c.X), "X"
	unplaced := func(x float64) bool { return !text.IsFinite(x) || c.Log && x <= 0 }
	switch c.Kind {
	case Lines:
		if !slices.IsSorted(c.X) || slices.ContainsFunc(c.X, unplaced) {
			return fmt.Errorf("chart %s: X is not a row of finite numbers in ascending order, above 0 with Log", text.Quote(c.Title))
		}
	case Bars:
		places, axis = len(c.Categories), "Categories"
	default:
		return fmt.Errorf("chart %s: Kind is %d; use Lines or Bars", text.Quote(c.Title), c.Kind)
	}
	for _, s := range c.Series {
		if problem := s.problem(axis, places); problem != "" {
			return fmt.Errorf("chart %s: %s", text.Quote(c.Title), problem)
		}
	}
	for _, m := range c.Marks {
		if unplaced(m.X) {
			return fmt.Errorf("chart %s: the mark %s is at %v; use finite numbers, above 0 with Log", text.Quote(c.Title), text.Quote(m.Label), m.X)
		}
	}
	return nil
}

// problem says what is wrong with a series of a chart with so many places.
func (s Series) problem(axis string, places int) string {
	switch {
	case len(s.Values) != places:
		return fmt.Sprintf("series %s has %d values; use as many as %s, %d",
			text.Quote(s.Name), len(s.Values), axis, places)
	case len(s.Low) != len(s.High), len(s.Low) != 0 && len(s.Low) != places:
		return fmt.Sprintf("series %s has %d Low and %d High; use none or as many as values, %d",
			text.Quote(s.Name), len(s.Low), len(s.High), places)
	default:
		return ""
	}
}
