package experiment

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const none = "–"

// Numbers as people write them.

func showMillis(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.2f s", ms/1000)
	}
}

func showShare(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func showPercent(percent float64) string { return fmt.Sprintf("%.1f %%", percent) }

func showRatio(ratio float64) string { return showFactor(ratio) + "×" }

// showFactor writes two digits after the point, more where they were all 0, and
// none where they say nothing.
func showFactor(factor float64) string {
	const least, small, large, most = 0.0001, 0.1, 100, 10_000
	switch {
	case factor > 0 && factor < least:
		return "<0.0001"
	case factor > most:
		return ">10000"
	case factor >= large:
		return strconv.FormatFloat(factor, 'f', 0, 64)
	case factor > 0 && factor < small:
		return strconv.FormatFloat(factor, 'g', 2, 64)
	default:
		return strconv.FormatFloat(factor, 'f', 2, 64)
	}
}

// showNumber writes about four digits, and all of a whole number.
func showNumber(v float64) string {
	if v == math.Trunc(v) || math.Abs(v) >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// showWhole rounds what is whole but for a quantile's accuracy.
func showWhole(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

// showDuration writes 1h for 1h0m0s.
func showDuration(text string) string {
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func showRate(perSecond float64) string { return fmt.Sprintf("%.1f/s", perSecond) }

// String writes a ratio with its interval: "0.45× (0.41–0.50)".
func (i interval) String() string {
	switch {
	case i.hasInterval():
		return fmt.Sprintf("%s (%s–%s)", showRatio(i.value), showFactor(i.low), showFactor(i.high))
	default:
		return showRatio(i.value)
	}
}
