package report

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// hover is what the reader's mouse meets over a chart: for each place an area
// without a color, whose title has the values there. It needs no script.
type hover struct{ bytes.Buffer }

// mostHovers bounds what it adds to the page.
const mostHovers = 75

// of measures the canvas when the chart is drawn; only the wide format has it,
// the narrow one is for fingers.
func (h *hover) of(f figure, size format) shape {
	return func(c *canvas) {
		switch {
		case size.class != formats[0].class:
		case f.Kind == Bars:
			slot := float64(c.box.Width()) / float64(max(1, len(f.Categories)))
			for i := range f.Categories {
				h.area(c, float64(c.box.Left)+float64(i)*slot, slot, f.Categories[i], f.valuesAt(i))
			}
		default:
			h.places(c, f)
		}
	}
}

func (h *hover) places(c *canvas, f figure) {
	each := (len(f.X) + mostHovers - 1) / mostHovers
	for i := each / 2; i < len(f.X); i += each {
		left, right := float64(c.box.Left), float64(c.box.Right)
		if before := i - each; before >= 0 {
			left = float64(c.across(f.X[before])+c.across(f.X[i])) / 2
		}
		if after := i + each; after < len(f.X) {
			right = float64(c.across(f.X[i])+c.across(f.X[after])) / 2
		}
		h.area(c, left, right-left, f.place(f.X[i]), f.valuesAt(i))
	}
}

// valuesAt are the series' values at one place.
func (f figure) valuesAt(i int) string {
	var all []string
	for _, s := range f.Series {
		if text.IsFinite(s.Values[i]) {
			all = append(all, s.Name+" "+said(s, i))
		}
	}
	return strings.Join(all, "\n")
}

func (h *hover) area(c *canvas, left, width float64, place, values string) {
	if values == "" {
		return
	}
	fmt.Fprintf(&h.Buffer, `<rect class="hover" x="%d" y="%d" width="%d" height="%d"><title>%s</title></rect>`,
		int(math.Round(left)), c.box.Top, max(1, int(math.Round(width))), c.box.Height(), html.EscapeString(lines(place+"\n"+values)))
}
