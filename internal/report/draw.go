package report

import (
	"bytes"
	"fmt"
	"math"

	"github.com/go-analyze/charts/chartdraw"
	"github.com/go-analyze/charts/chartdraw/drawing"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// format is one of the sizes a chart is drawn in; the page shows the one that
// suits the screen.
type format struct {
	class         string
	width, height int
	across, up    int // ticks at most
	font          float64
}

var formats = []format{
	{class: "wide", width: 960, height: 280, across: 12, up: 5, font: 13},
	{class: "narrow", width: 358, height: 230, across: 5, up: 4, font: 11},
}

// ink makes the library draw a stroke, a fill or a text at all. Which color
// that is, the page's style sheet says, by class.
var ink = drawing.ColorBlack

// draw gives the chart as SVG without the element around it.
func (f figure) draw(size format) ([]byte, error) {
	low, high := f.reach()
	chart := chartdraw.Chart{
		Width: size.width, Height: size.height,
		DPI:        72, // a point is a pixel then
		Background: chartdraw.Style{ClassName: "ground", Padding: f.margin(size)},
		Canvas:     chartdraw.Style{ClassName: "ground"},
		// The library has its first Y axis on the right. Ours is the second, and
		// the first only needs to be one.
		YAxis: chartdraw.YAxis{Style: chartdraw.Hidden(), Range: &chartdraw.ContinuousRange{Max: 1}},
		YAxisSecondary: chartdraw.YAxis{
			Style: axisStyle("values", size), Range: f.values(low, high, size.up),
			GridMajorStyle: chartdraw.Hidden(), GridMinorStyle: chartdraw.Hidden(),
		},
		XAxis: chartdraw.XAxis{
			Style: axisStyle("places", size), Range: f.across(size),
			GridMajorStyle: chartdraw.Hidden(), GridMinorStyle: chartdraw.Hidden(),
		},
		Series: f.shapes(size),
	}
	var over hover
	chart.Series = append(chart.Series, over.of(f, size))
	svg := &bytes.Buffer{}
	if err := chart.Render(chartdraw.SVG, svg); err != nil {
		return nil, fmt.Errorf("drawing chart %s: %w", text.Quote(f.Title), err)
	}
	// The page's own <svg> says more than the library's.
	_, inner, _ := bytes.Cut(svg.Bytes(), []byte(">"))
	return append(bytes.TrimSuffix(inner, []byte("</svg>")), over.Bytes()...), nil
}

// values is the axis of the values. Zeros alone have no logarithm.
func (f figure) values(low, high float64, most int) *axis {
	if least := f.least(); f.Log && !math.IsInf(least, 1) {
		return logAxis(least, high, most)
	}
	return valueAxis(low, high, most)
}

// margin leaves room above the canvas for the marks' labels.
func (f figure) margin(size format) chartdraw.Box {
	const edge = 10
	top := edge
	if len(f.Marks) > 0 || f.Kind == Bars {
		top += int(size.font) + 4
	}
	return chartdraw.NewBox(4, top, edge, 4)
}

func axisStyle(class string, size format) chartdraw.Style {
	return chartdraw.Style{
		ClassName: class, StrokeColor: ink, StrokeWidth: 1,
		FontStyle: chartdraw.FontStyle{FontSize: size.font, FontColor: ink},
	}
}

func (f figure) across(size format) *axis {
	switch {
	case f.Kind == Bars:
		a := &axis{}
		a.Max = float64(len(f.Categories))
		for i := range f.Categories {
			a.ticks = append(a.ticks, chartdraw.Tick{Value: float64(i) + 0.5})
		}
		return a
	case f.clock:
		from, to := f.span()
		return clockAxis(from, to, size.across)
	case f.Log:
		from, to := f.span()
		return logAxis(from, to, size.across)
	default:
		from, to := f.span()
		margin := (to - from) / 40
		return placeAxis(from-margin, to+margin, size.across)
	}
}

// shapes are what is drawn, from back to front.
func (f figure) shapes(size format) []chartdraw.Series {
	shapes := []chartdraw.Series{grid()}
	if f.Kind == Bars {
		return append(shapes, f.bars(size), f.categories(size))
	}
	for i, s := range f.Series {
		shapes = append(shapes, band(f.X, s, i))
	}
	for _, l := range f.Limits {
		shapes = append(shapes, level(l.Value))
	}
	shapes = append(shapes, f.marks(size))
	for i, s := range f.Series {
		shapes = append(shapes, line(f.X, s, i))
	}
	return shapes
}
