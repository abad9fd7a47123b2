package report

import (
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// bars draws each category's values side by side, with a whisker from low to
// high where there is a range.
func (f figure) bars(size format) shape {
	return func(c *canvas) {
		slot := float64(c.box.Width()) / float64(len(f.Categories))
		const filled = 0.72 // of a slot; the rest keeps categories apart
		width := filled * slot / float64(len(f.Series))
		const widest = 72
		width = math.Min(width, widest)
		for category := range f.Categories {
			middle := float64(c.box.Left) + (float64(category)+0.5)*slot
			left := middle - width*float64(len(f.Series))/2
			for i, s := range f.Series {
				from := left + float64(i)*width
				c.bar(size, s, category, i, int(math.Round(from))+1, int(math.Round(from+width))-1, int(slot)/len(f.Series), len(f.Series) > 1)
			}
		}
	}
}

// said is a value with its range.
func said(s Series, i int) string {
	low, high, ok := s.bounds(i)
	if !ok {
		return text.Number(s.Values[i])
	}
	return text.Number(s.Values[i]) + " (" + text.Number(low) + "–" + text.Number(high) + ")"
}

func (c *canvas) bar(size format, s Series, category, index, left, right, room int, crowded bool) {
	value := s.Values[category]
	if !text.IsFinite(value) {
		return
	}
	right = max(right, left+1)
	c.class("bar s%d", index%colors)
	c.path(left, c.up(0), left, c.up(value), right, c.up(value), right, c.up(0))
	low, high, ok := s.bounds(category)
	top := value
	if ok {
		top = max(top, high)
	}
	label := said(s, category)
	if crowded { // the range is under the mouse and in the table
		label = text.Number(value)
	}
	c.write("label", size, label, (left+right)/2, c.up(top)-5, room)
	if !ok {
		return
	}
	middle, half := (left+right)/2, min(5, (right-left)/3)
	c.class("whisker")
	c.MoveTo(middle-half, c.up(high))
	c.LineTo(middle+half, c.up(high))
	c.MoveTo(middle, c.up(high))
	c.LineTo(middle, c.up(low))
	c.MoveTo(middle-half, c.up(low))
	c.LineTo(middle+half, c.up(low))
	c.Stroke()
}

// categories writes the names below the axis.
func (f figure) categories(size format) shape {
	return func(c *canvas) {
		slot := c.box.Width() / len(f.Categories)
		for i, name := range f.Categories {
			c.write("category", size, name, c.across(float64(i)+0.5), c.box.Bottom+int(size.font)+8, slot-4)
		}
	}
}
