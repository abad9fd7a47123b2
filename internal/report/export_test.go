package report

import "github.com/go-analyze/charts/chartdraw"

// Clock is how an axis of time is labeled.
var Clock = clock

// ValueTicks are the labels of an axis of values.
func ValueTicks(low, high float64, most int) []string {
	return labels(valueAxis(low, high, most).ticks)
}

// LogTicks are the labels of an axis of logarithms.
func LogTicks(from, to float64, most int) []string {
	return labels(logAxis(from, to, most).ticks)
}

// ClockTicks are the labels of an axis of time.
func ClockTicks(from, to float64, most int) []string {
	return labels(clockAxis(from, to, most).ticks)
}

func labels(ticks []chartdraw.Tick) []string {
	texts := make([]string, len(ticks))
	for i, tick := range ticks {
		texts[i] = tick.Label
	}
	return texts
}
