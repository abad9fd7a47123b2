package report

import (
	"fmt"
	"math"
	"time"

	"github.com/go-analyze/charts/chartdraw"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// axis is a range that brings its own ticks: round numbers that need not be at
// its ends.
type axis struct {
	chartdraw.ContinuousRange
	ticks []chartdraw.Tick
	log   bool // Min and Max are logarithms
}

// Translate implements chartdraw.Range.
func (a *axis) Translate(value float64) int {
	if a.log {
		value = max(a.Min, math.Log10(max(value, math.SmallestNonzeroFloat64)))
	}
	return a.ContinuousRange.Translate(value)
}

// logAxis reaches from from to to, both above 0, with 1, 2 and 5 times the powers
// of ten as ticks, fewer where there would be too many, and round numbers where there
// would be one at most.
func logAxis(from, to float64, most int) *axis {
	const margin = 0.03 // of the axis
	a := &axis{log: true}
	to = max(to, from*1.1)
	low, high := math.Log10(from), math.Log10(to)
	a.Min, a.Max = low-margin*(high-low), high+margin*(high-low)
	for _, factors := range [][]float64{{1, 2, 3, 4, 5, 6, 8}, {1, 2, 5}, {1, 3}, {1}} {
		a.ticks = nil
		for power := math.Pow(10, math.Floor(low)); power <= to*10; power *= 10 {
			for _, factor := range factors {
				if at := math.Log10(factor * power); at >= a.Min && at <= a.Max {
					a.ticks = append(a.ticks, chartdraw.Tick{Value: factor * power, Label: text.Number(factor * power)})
				}
			}
		}
		if len(a.ticks) <= most {
			break
		}
	}
	if len(a.ticks) < 2 { // it is short: of 13 to 24 only 20 is there
		a.ticks = ticksEvery(roundStep((to-from)/5), math.Pow(10, a.Min), math.Pow(10, a.Max), text.Number)
	}
	return a
}

// GetTicks implements chartdraw.TicksProvider.
func (a *axis) GetTicks(chartdraw.ValueFormatter) []chartdraw.Tick { return a.ticks }

// valueAxis reaches from the round number below low to the one above high.
func valueAxis(low, high float64, most int) *axis {
	if low == high {
		high = low + 1
	}
	step := roundStep((high - low) / float64(most))
	a := &axis{}
	a.Min, a.Max = step*math.Floor(low/step), step*math.Ceil(high/step)
	a.ticks = ticksEvery(step, a.Min, a.Max, text.Number)
	return a
}

// placeAxis reaches from from to to, with round numbers between.
func placeAxis(from, to float64, most int) *axis {
	a := &axis{}
	a.Min, a.Max = from, to
	a.ticks = ticksEvery(roundStep((to-from)/float64(most)), from, to, text.Number)
	return a
}

// clockAxis is a placeAxis in seconds, with times as people count them.
func clockAxis(from, to float64, most int) *axis {
	a := &axis{}
	a.Min, a.Max = from, to
	a.ticks = ticksEvery(clockStep((to-from)/float64(most)), from, to, clock)
	return a
}

func ticksEvery(step, from, to float64, label func(float64) string) []chartdraw.Tick {
	var ticks []chartdraw.Tick
	const rounding = 1e-9
	for i := math.Ceil(from/step - rounding); i <= to/step+rounding; i++ {
		value := i * step
		// 3 * 0.1 is not 0.3.
		if power := math.Pow(10, 9-math.Floor(math.Log10(step))); text.IsFinite(power) {
			value = math.Round(value*power) / power
		}
		ticks = append(ticks, chartdraw.Tick{Value: value, Label: label(value)})
	}
	return ticks
}

// roundStep is the smallest of 1, 2 and 5 times a power of ten that is not
// below least.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= least {
			return factor * power
		}
	}
	return 10 * power
}

// clockStep is roundStep for seconds.
func clockStep(least float64) float64 {
	for _, step := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600} {
		if step >= least {
			if least < 1 {
				return roundStep(least)
			}
			return step
		}
	}
	return 86400 * math.Ceil(least/86400)
}

// sinceStart is the label of a clock's axis that ends there, in seconds.
func sinceStart(end float64) string {
	if end >= time.Hour.Seconds() {
		return "time since the start (h:min:s)"
	}
	return "time since the start (min:s)"
}

// clock writes seconds as 0:07.5, 1:30 or 2:05:00.
func clock(seconds float64) string {
	at := time.Duration(math.Round(seconds*1000)) * time.Millisecond
	hours, minutes, rest := int(at/time.Hour), int(at%time.Hour/time.Minute), at%time.Minute
	fraction := ""
	if part := rest % time.Second; part != 0 {
		fraction = text.Number(part.Seconds())[1:]
	}
	if hours > 0 {
		return fmt.Sprintf("%d:%02d:%02d%s", hours, minutes, int(rest/time.Second), fraction)
	}
	return fmt.Sprintf("%d:%02d%s", minutes, int(rest/time.Second), fraction)
}
