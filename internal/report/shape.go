package report

import (
	"fmt"
	"slices"

	"github.com/go-analyze/charts/chartdraw"
)

// shape is one drawing on a chart's canvas, as the library wants its series.
type shape func(*canvas)

// canvas is what a shape draws on. Places are in the chart's own units.
type canvas struct {
	chartdraw.Renderer
	box  chartdraw.Box
	x, y chartdraw.Range
	text chartdraw.Style
}

func (shape) GetName() string               { return "" }
func (shape) GetYAxis() chartdraw.YAxisType { return chartdraw.YAxisSecondary }
func (shape) GetStyle() chartdraw.Style     { return chartdraw.Style{} }
func (shape) Validate() error               { return nil }
func (s shape) Render(r chartdraw.Renderer, box chartdraw.Box, x, y chartdraw.Range, defaults chartdraw.Style) {
	s(&canvas{r, box, x, y, defaults})
}

func (c *canvas) across(x float64) int { return c.box.Left + c.x.Translate(x) }
func (c *canvas) up(y float64) int     { return c.box.Bottom - c.y.Translate(y) }

// class names what is drawn next, for the style sheet.
func (c *canvas) class(format string, args ...any) {
	c.SetClassName(fmt.Sprintf(format, args...))
	c.SetStrokeColor(ink)
}

// path draws through points given as x, y, x, y ….
func (c *canvas) path(points ...int) {
	c.MoveTo(points[0], points[1])
	for i := 3; i < len(points); i += 2 {
		c.LineTo(points[i-1], points[i])
	}
	c.Stroke()
}

// grid are the lines behind the values' ticks.
func grid() shape {
	return func(c *canvas) {
		for _, tick := range c.y.(*axis).ticks {
			c.class("grid")
			c.path(c.box.Left, c.up(tick.Value), c.box.Right, c.up(tick.Value))
		}
	}
}

// level is a horizontal line across the canvas.
func level(value float64) shape {
	return func(c *canvas) {
		c.class("limit")
		c.path(c.box.Left, c.up(value), c.box.Right, c.up(value))
	}
}

// few points are shown one by one.
const few = 40

// line draws a series, interrupted at its gaps. A value between two gaps is a
// dot.
func line(x []float64, s Series, index int) shape {
	return func(c *canvas) {
		for _, stretch := range s.stretches() {
			first, end := stretch[0], stretch[1]
			points := make([]int, 0, 2*(end-first))
			for i := first; i < end; i++ {
				points = append(points, c.across(x[i]), c.up(s.Values[i]))
			}
			if end-first > 1 {
				c.class("line s%d", index%colors)
				c.path(points...)
			}
			if end-first == 1 || len(x) <= few {
				c.dots(points, index)
			}
		}
	}
}

func (c *canvas) dots(points []int, index int) {
	const radius = 3
	for i := 0; i < len(points); i += 2 {
		c.class("dot s%d", index%colors)
		c.Circle(radius, points[i], points[i+1])
		c.FillStroke()
	}
}

// band is the area between a series' low and high ends.
func band(x []float64, s Series, index int) shape {
	return func(c *canvas) {
		var there, back []int
		fill := func() {
			if len(there) > 2 {
				slices.Reverse(back)
				c.class("band s%d", index%colors)
				c.path(append(there, back...)...)
			}
			there, back = nil, nil
		}
		for i := range x {
			low, high, ok := s.bounds(i)
			if !ok {
				fill()
				continue
			}
			there = append(there, c.across(x[i]), c.up(high))
			back = append(back, c.up(low), c.across(x[i])) // reversed below
		}
		fill()
	}
}
