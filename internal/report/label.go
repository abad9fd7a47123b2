package report

import (
	"github.com/go-analyze/charts/chartdraw"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// write writes a text around the place x, shortened until it is at most room
// pixels wide.
func (c *canvas) write(class string, size format, label string, x, y, room int) {
	label, width := c.fit(size, label, room)
	c.put(class, size, label, x-width/2, y)
}

func (c *canvas) put(class string, size format, label string, x, y int) {
	style := c.style(size)
	style.ClassName = class
	chartdraw.Draw.Text(c, label, x, y, style)
}

// fit makes a text fit to be shown, shortens it to a width and gives that of what
// is left of it.
func (c *canvas) fit(size format, label string, room int) (string, int) {
	label = text.Line(label)
	runes := []rune(label)
	for {
		width := chartdraw.Draw.MeasureText(c, label, c.style(size)).Width()
		if width <= room || len(runes) == 0 {
			return label, width
		}
		runes = runes[:len(runes)-1]
		label = string(runes) + "…"
	}
}

func (c *canvas) style(size format) chartdraw.Style {
	return chartdraw.Style{FontStyle: chartdraw.FontStyle{Font: c.text.Font, FontSize: size.font, FontColor: ink}}
}

// marks draws the vertical lines with their labels at the top. A label that
// would run into the one before is left out: the legend or the table of phases has it.
func (f figure) marks(size format) shape {
	return func(c *canvas) {
		free := c.box.Left
		for _, m := range f.Marks {
			x := c.across(m.X)
			if x < c.box.Left || x > c.box.Right {
				continue
			}
			c.class("mark")
			c.path(x, c.box.Top, x, c.box.Bottom)
			label, width := c.fit(size, m.Label, c.box.Width()/2)
			const gap = 8
			left := max(c.box.Left, min(x-width/2, c.box.Right-width))
			if left < free {
				continue
			}
			c.put("label", size, label, left, c.box.Top-5)
			free = left + width + gap
		}
	}
}
