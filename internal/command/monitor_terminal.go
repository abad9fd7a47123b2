package command

import (
	"fmt"
	"strings"
	"time"

	"go.k6.io/k6/v2/cmd/state"
	"golang.org/x/term"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// terminal says what standard output can show. The zero value is a pipe.
type terminal struct {
	live  bool // a line can be drawn anew
	color bool
	width func() int // in columns, now; nil unless live
}

func newTerminal(gs *state.GlobalState) terminal {
	if !gs.Stdout.IsTTY {
		return terminal{}
	}
	return terminal{
		live:  true,
		color: !gs.Flags.NoColor,
		width: func() int {
			columns, _, err := term.GetSize(gs.Stdout.RawOutFd)
			if err != nil || columns < 1 {
				return text.DefaultWidth // a terminal that does not know its size
			}
			return columns
		},
	}
}

func (t terminal) paint(c text.Color, s string) string {
	if !t.color {
		return s
	}
	return c.Paint(s)
}

// levelColor follows the runbook's limits: 80 % of the base size, overflow.
func levelColor(s monitor.Sample) text.Color {
	switch {
	case s.InOverflow():
		return text.Red
	case float64(s.Active()) >= monitor.Pressure*float64(s.Pool.Size):
		return text.Yellow
	default:
		return text.Green
	}
}

// lastMinute is what the line under the lines shows.
type lastMinute struct {
	samples []monitor.Sample
}

func (m *lastMinute) add(s monitor.Sample) {
	m.samples = append(m.samples, s)
	for s.Time.Sub(m.samples[0].Time) > time.Minute {
		m.samples = m.samples[1:]
	}
}

// bars are an eighth of a line high each.
var bars = []rune("▁▂▃▄▅▆▇█")

// line draws the active connections of the last minute, the newest at the
// right, in at most so many columns. Full height is the base size, or the peak
// where that is higher.
func (m *lastMinute) line(columns int, cause string) string {
	newest := m.samples[len(m.samples)-1]
	full, peak := newest.Pool.Size, 0
	for _, s := range m.samples {
		peak = max(peak, s.Active())
	}
	full = max(full, peak)
	label := fmt.Sprintf(" last minute, peak %d of %d, %s", peak, newest.Pool.Size, cause)
	room := columns - text.Width(label) - 1
	shown := m.samples[max(0, len(m.samples)-max(0, room)):]
	var b strings.Builder
	for _, s := range shown {
		b.WriteRune(bars[(len(bars)-1)*s.Active()/full])
	}
	if room < 1 {
		return ""
	}
	return b.String() + label
}
